//! The text tower's parameters, as candle-transformers asks for them.

use std::collections::BTreeMap;

use candle_core::safetensors::Load;
use candle_core::{DType, Device, Error, Result, Shape, Tensor};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;
use gradcam_nn::Weights;
use safetensors::SafeTensors;

/// Those of a CLIP's parameters that are its text tower's; tensors of the image tower are not read. Some files hold the numbers of the
/// positions as well, which are no parameters.
pub(super) fn read(bytes: &[u8]) -> Result<Weights> {
    let ours = |name: &str| {
        let of_tower = name.starts_with("text_model.") || name.starts_with("text_projection.");
        of_tower && !name.ends_with(".position_ids")
    };
    let file = SafeTensors::deserialize(bytes)?;
    let tensors = file.iter().filter(|(name, _)| ours(name));
    let loaded = tensors.map(|(name, view)| {
        let tensor = view.load(&Device::Cpu)?.to_dtype(DType::F32)?;
        Ok((name.to_string(), tensor))
    });
    let loaded: BTreeMap<String, Tensor> = loaded.collect::<Result<_>>()?;
    Ok(Weights::from_tensors(loaded))
}

/// A store that remembers what was asked for, for candle's `VarBuilder`.
pub(super) struct Stored(pub(super) Weights);

impl SimpleBackend for Stored {
    fn get(&self, shape: Shape, name: &str, _: Init, _: DType, _: &Device) -> Result<Tensor> {
        self.0.get(name, shape.dims()).map_err(Error::wrap)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        let found = self.0.tensor(name).cloned();
        found.ok_or_else(|| Error::msg(format!("the parameter `{name}` is missing")))
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.contains(name)
    }
}
