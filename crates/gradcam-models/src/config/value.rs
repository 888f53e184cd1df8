//! Values of fields, and what is wrong with one.

use crate::LoadError;

/// A `config.json` that is not what it should be.
pub(super) fn invalid(reason: &str) -> LoadError {
    LoadError::Config {
        file: "config.json".into(),
        reason: reason.to_string(),
    }
}

/// A number for each channel.
pub(super) fn triple(field: &str, values: Vec<f32>) -> Result<[f32; 3], LoadError> {
    <[f32; 3]>::try_from(values.as_slice()).map_err(|_| {
        invalid(&format!(
            "`{field}` has {} numbers, expected 3 (red, green, blue)",
            values.len()
        ))
    })
}
