//! The default model: EfficientNet-Lite0 (Tan & Le 2019), trained on ImageNet-1k, Apache-2.0.

/// Its `config.json`.
pub(crate) const CONFIG: &str = include_str!("../../../models/efficientnet-lite0/config.json");

/// Its weights, 9.4 MB in half precision.
#[cfg(feature = "embedded")]
pub(crate) const WEIGHTS: &[u8] =
    include_bytes!("../../../models/efficientnet-lite0/model.safetensors");

/// The SHA-256 of its weights.
pub(crate) const SHA256: &str = "4bcfdeff2781e11b57e0132dd6c310eba0ada74941d3bf6b78a6591f119bdcc0";
