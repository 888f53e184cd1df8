//! SHA-256 as text.

#[cfg(feature = "hub")]
use std::io::{self, Read};

use sha2::{Digest, Sha256};

/// Digests bytes: their SHA-256 as 64 hexadecimal digits in lower case, as the hub and [`Model`](crate::Model) have them.
///
/// ```
/// // FIPS 180-2, appendix B.1.
/// let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// assert_eq!(gradcam_models::sha256(b"abc"), abc);
/// ```
pub fn sha256(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

/// Digests what is read to its end in pieces, as [`sha256`] does bytes.
#[cfg(feature = "hub")]
pub(crate) fn sha256_of(mut source: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 18];
    loop {
        match source.read(&mut piece)? {
            0 => return Ok(hexadecimal(hasher)),
            n => hasher.update(&piece[..n]),
        }
    }
}

fn hexadecimal(hasher: Sha256) -> String {
    let digest = hasher.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
