//! Digests: what tells bytes from all others, and numbers as bytes.

use sha2::{Digest, Sha256};

/// The SHA-256 in hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The first half of the SHA-256, for what is written many times.
pub(crate) fn half(bytes: &[u8]) -> String {
    let mut digits = sha256(bytes);
    digits.truncate(32);
    digits
}

/// Numbers as the bytes that digests and files have of them.
pub(crate) fn little_endian(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn digests_are_as_in_the_standard() {
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), abc);
        assert_eq!(half(b"abc"), abc[..32]);
    }
}
