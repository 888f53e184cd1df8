//! Digests: what tells bytes from all others, and numbers as bytes.

use gradcam_models::sha256;

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
