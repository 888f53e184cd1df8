//! Values of fields, and what is wrong with one.

use gradcam_nn::ops::Activation;

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

/// The activation of either tower of a CLIP; `None` if it has another name than those of OpenAI's and OpenCLIP's.
pub(crate) fn activation(name: &str) -> Option<Activation> {
    match name {
        "quick_gelu" => Some(Activation::QuickGelu),
        "gelu" => Some(Activation::Gelu),
        _ => None,
    }
}

/// Whether a norm may add this number to a variance.
pub(crate) fn is_epsilon(value: f64) -> bool {
    value > 0.0 && value <= 1.0
}
