//! Weights as the bytes of a file.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use gradcam_nn::Weights;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// How exactly weights are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Storage {
    /// As they are.
    F32,
    /// Rounded to 11 significant bits: half the size.
    F16,
}

/// The bytes of a safetensors file: the same for the same weights.
///
/// # Errors
/// When the tensors are not on the CPU.
pub fn to_bytes(
    weights: &BTreeMap<String, Tensor>,
    storage: Storage,
) -> Result<Vec<u8>, TrainError> {
    let dtype = match storage {
        Storage::F32 => DType::F32,
        Storage::F16 => DType::F16,
    };
    let stored = weights
        .iter()
        .map(|(name, tensor)| Ok((name, tensor.to_dtype(dtype)?)));
    let stored: Vec<(&String, Tensor)> = stored.collect::<candle_core::Result<_>>()?;
    safetensors::serialize(stored, None).map_err(|error| TrainError::Format(error.to_string()))
}

/// The weights of a safetensors file, widened to `f32`.
///
/// # Errors
/// When the bytes are not a safetensors file.
pub fn from_bytes(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, TrainError> {
    let store = Weights::from_safetensors(bytes, &Device::Cpu)?;
    let names = store.names().into_iter();
    let tensors = names.filter_map(|name| Some((name.clone(), store.tensor(&name)?.clone())));
    Ok(tensors.collect())
}
