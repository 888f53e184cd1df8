#![doc = include_str!("README.md")]

/// The architecture, the preprocessing and the labels, in timm's form: `config.json`.
pub static CONFIG: &str = include_str!("config.json");

/// The parameters under timm's names, as f16: `model.safetensors`.
pub static WEIGHTS: &[u8] = include_bytes!("model.safetensors");
