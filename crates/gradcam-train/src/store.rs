//! Weights as the bytes of a file.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use gradcam_nn::Weights;
use serde::{Deserialize, Serialize};

use crate::TrainError;

/// The precision of written weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Storage {
    /// Unrounded.
    F32,
    /// Rounded to 11 significant bits: half the size.
    F16,
}

/// Writes a safetensors file as bytes: the same for the same weights.
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

/// Reads the weights of a safetensors file, widened to `f32`.
///
/// # Errors
/// When the bytes are not a safetensors file.
pub fn from_bytes(bytes: &[u8]) -> Result<BTreeMap<String, Tensor>, TrainError> {
    let store = Weights::from_safetensors(bytes, &Device::Cpu)?;
    let names = store.names().into_iter();
    let tensors = names.filter_map(|name| Some((name.clone(), store.tensor(&name)?.clone())));
    Ok(tensors.collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{Family, NetworkSpec, initial};

    #[test]
    fn weights_come_back_exactly_or_rounded_to_eleven_bits() {
        let spec = NetworkSpec {
            input: [1, 4, 4],
            classes: 2,
            family: Family::Residual { width: 2 },
        };
        let weights = initial(&spec, 0).unwrap();
        let exact = from_bytes(&to_bytes(&weights, Storage::F32).unwrap()).unwrap();
        let bytes = to_bytes(&weights, Storage::F16).unwrap();
        assert_eq!(bytes, to_bytes(&weights.clone(), Storage::F16).unwrap());
        let rounded = from_bytes(&bytes).unwrap();
        assert!(exact.keys().eq(weights.keys()) && rounded.keys().eq(weights.keys()));
        let flat = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (name, tensor) in &weights {
            assert_eq!(flat(&exact[name]), flat(tensor));
            assert_eq!(rounded[name].dims(), tensor.dims());
            for (a, b) in flat(&rounded[name]).iter().zip(flat(tensor)) {
                // Below 2^-14 the numbers are 2^-24 apart.
                assert!(
                    (a - b).abs() <= b.abs() / 2048.0 + 2f32.powi(-25),
                    "{a}, {b}"
                );
            }
        }
        // Writing f16 again gives the same bytes.
        assert_eq!(to_bytes(&rounded, Storage::F16).unwrap(), bytes);
        assert!(from_bytes(&bytes[..bytes.len() - 1]).is_err());
    }
}
