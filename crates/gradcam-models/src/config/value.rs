//! Values of fields, and their errors.

use gradcam_nn::ops::Activation;

use crate::LoadError;

/// Makes the error of an invalid `config.json`.
pub(super) fn invalid(reason: &str) -> LoadError {
    LoadError::Config {
        file: "config.json".into(),
        reason: reason.to_string(),
    }
}

/// Converts a list to one number per channel.
pub(super) fn triple(field: &str, values: Vec<f32>) -> Result<[f32; 3], LoadError> {
    <[f32; 3]>::try_from(values.as_slice()).map_err(|_| {
        invalid(&format!(
            "`{field}` has {} numbers, expected 3 (red, green, blue)",
            values.len()
        ))
    })
}

/// Finds the activation of a CLIP tower by name; `None` if it is neither OpenAI's nor OpenCLIP's.
pub(crate) fn activation(name: &str) -> Option<Activation> {
    match name {
        "quick_gelu" => Some(Activation::QuickGelu),
        "gelu" => Some(Activation::Gelu),
        _ => None,
    }
}

/// Checks whether a norm may add this number to a variance: above 0 and up to 1.
pub(crate) fn is_epsilon(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}
