//! One row of `cargo xtask parity`: compares a model folder with PyTorch's results (`xtask/parity/parity.py`).
//!
//! Prints five deviations relative to the largest value: logits, raw map, input gradient in f64, input gradient in f32, and PyTorch's own
//! input gradient in f32.
#![allow(clippy::print_stdout)]

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::path::Path;

use candle_core::{DType, Device, Tensor, Var, safetensors};
use gradcam::{Explainer, Target};
use gradcam_models::{Config, Model, rename};
use gradcam_nn::{ModuleTree, Network, Weights};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: parity FOLDER")?;
    let folder = Path::new(&folder);
    let bytes = std::fs::read(folder.join("reference.safetensors"))?;
    let (_, header) = ::safetensors::SafeTensors::read_metadata(&bytes)?;
    let facts = header.metadata().as_ref().ok_or("no metadata")?;
    let fact = |name: &str| facts.get(name).ok_or_else(|| format!("no `{name}`"));
    let (layer, class) = (fact("layer")?, fact("class")?.parse()?);
    let reference = safetensors::load_buffer(&bytes, &Device::Cpu)?;

    let model = Model::from_folder(folder, &Device::Cpu)?;
    if model.default_layer() != layer {
        return Err(format!(
            "the default layer is {}, expected {layer}",
            model.default_layer()
        )
        .into());
    }
    let x = find(&reference, "input")?;
    let heatmap = Explainer::default().at(model.default_layer()).explain_one(
        &model.network,
        x,
        Target::Index(class),
    )?;
    let logits = Tensor::new(heatmap.logits.as_slice(), &Device::Cpu)?;
    let raw = Tensor::new(heatmap.raw().values(), &Device::Cpu)?;
    let single = input_gradient(&model.network, x, class)?;
    drop(model);
    let double = input_gradient(&in_f64(folder)?, &x.to_dtype(DType::F64)?, class)?;
    println!(
        "{:e} {:e} {:e} {:e} {}",
        deviation(&logits, find(&reference, "logits")?)?,
        deviation(&raw, find(&reference, "raw")?)?,
        deviation(&double, find(&reference, "gradient")?)?,
        deviation(&single, find(&reference, "gradient")?)?,
        fact("apart.gradient")?,
    );
    Ok(())
}

fn find<'a>(tensors: &'a HashMap<String, Tensor>, name: &str) -> Result<&'a Tensor> {
    Ok(tensors.get(name).ok_or_else(|| format!("no `{name}`"))?)
}

/// Builds the folder's network with f64 parameters.
fn in_f64(folder: &Path) -> Result<ModuleTree> {
    let config = Config::parse(&std::fs::read_to_string(folder.join("config.json"))?, None)?;
    let tensors: BTreeMap<String, Tensor> =
        safetensors::load(folder.join("model.safetensors"), &Device::Cpu)?
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.to_dtype(DType::F64)?)))
            .collect::<Result<_>>()?;
    let naming = config
        .architecture
        .naming(tensors.keys().map(String::as_str));
    let stored = Weights::from_tensors(tensors);
    let own = rename(&stored, config.architecture, naming, config.classes)?;
    Ok(config.architecture.build(&own, config.classes)?)
}

/// Computes the gradient of the logit `class` with respect to the input.
fn input_gradient(network: &dyn Network, x: &Tensor, class: usize) -> Result<Tensor> {
    let x = Var::from_tensor(x)?;
    let logits = network.forward(x.as_tensor(), &mut ())?;
    let gradients = logits.get(0)?.get(class)?.backward()?;
    Ok(gradients.get(x.as_tensor()).ok_or("no gradient")?.clone())
}

/// Computes the largest difference, relative to the largest expected value; NaN if a value is NaN.
fn deviation(found: &Tensor, expected: &Tensor) -> Result<f64> {
    let values = |x: &Tensor| x.to_dtype(DType::F64)?.flatten_all()?.to_vec1::<f64>();
    let (found, expected) = (values(found)?, values(expected)?);
    if found.len() != expected.len() {
        return Err(format!("{} values, expected {}", found.len(), expected.len()).into());
    }
    let largest = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let apart = found
        .iter()
        .zip(&expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0_f64, |m, d| if d > m || d.is_nan() { d } else { m });
    Ok(apart / largest)
}
