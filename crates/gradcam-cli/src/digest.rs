//! Digests that identify bytes, and numbers as bytes.

use gradcam_models::sha256;

/// Returns the first half of the SHA-256, for digests that are written many times.
pub(crate) fn half(bytes: &[u8]) -> String {
    let mut digits = sha256(bytes);
    digits.truncate(32);
    digits
}

/// Returns the numbers as bytes, as digests and files store them.
pub(crate) fn little_endian(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
