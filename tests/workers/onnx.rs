//! One row of `cargo xtask onnx-parity`: compares a folder of `tests/onnx/export.py` with the values of onnxruntime and PyTorch.
//!
//! Prints four deviations relative to the largest value: the output in f32, the input gradient in f64, the activation of the named module
//! and its gradient in f64; `-` for values that the folder does not have.
#![allow(clippy::print_stdout)]

use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

use candle_core::{DType, Device, Tensor, safetensors};
use gradcam_nn::{Network, Tape};
use gradcam_onnx::{Limits, OnnxNetwork, Options, read};
use serde::Deserialize;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Deserialize)]
struct Case {
    layer: Option<String>,
    output: Option<String>,
    #[serde(default)]
    keep_softmax: bool,
}

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: onnx FOLDER")?;
    let folder = Path::new(&folder);
    let case: Case = serde_json::from_str(&std::fs::read_to_string(folder.join("case.json"))?)?;
    let reference = safetensors::load(folder.join("reference.safetensors"), &Device::Cpu)?;
    let network = |dtype| -> Result<OnnxNetwork> {
        let model = read(&folder.join("model.onnx"), &Limits::default())?;
        let mut options = Options::default();
        options.dtype = dtype;
        options.keep_softmax = case.keep_softmax;
        options.output = case.output.clone();
        let x = &reference["input"];
        options.size = (x.dim(2)?, x.dim(3)?);
        Ok(OnnxNetwork::new(&model, &options)?)
    };
    let single = network(DType::F32)?;
    let (x, to_file) = image(&reference, single.image().channels_last)?;
    let y = single.forward(&x, &mut ())?;
    let mut row = vec![deviation(&y, &reference["output"])?];
    if let (Some(gradient), Some(cotangent)) =
        (reference.get("gradient"), reference.get("cotangent"))
    {
        let double = network(DType::F64)?;
        let x = x.to_dtype(DType::F64)?;
        let cotangent = cotangent.to_dtype(DType::F64)?;
        let mut tape = Tape::new(&x);
        let y = double.forward(&x, &mut tape)?;
        let found = tape.backward(&y, cotangent.reshape(y.dims())?, &[&x])?;
        let found = found[0].as_ref().ok_or("no gradient")?;
        let found = if to_file {
            found.permute((0, 2, 3, 1))?
        } else {
            found.clone()
        };
        row.push(deviation(&found, gradient)?);
        if let (Some(layer), Some(activation)) = (&case.layer, reference.get("activation")) {
            let mut tape = Tape::at(std::slice::from_ref(layer));
            let y = double.forward(&x, &mut tape)?;
            let found = tape.activations()[0].clone();
            let found = found.ok_or_else(|| format!("no module `{layer}`"))?;
            row.push(deviation(&found, activation)?);
            let found = tape.backward(&y, cotangent.reshape(y.dims())?, &[&found])?;
            let found = found[0].as_ref().ok_or("no gradient at the module")?;
            row.push(deviation(found, &reference["activation_gradient"])?);
        }
    }
    let cells = (0..4).map(|i| row.get(i).map_or("-".to_string(), |v| format!("{v:e}")));
    println!("{}", cells.collect::<Vec<_>>().join(" "));
    Ok(())
}

/// Returns the input as `(n, c, h, w)`, and whether the file has the channels last.
fn image(reference: &HashMap<String, Tensor>, channels_last: bool) -> Result<(Tensor, bool)> {
    let x = &reference["input"];
    if channels_last {
        Ok((x.permute((0, 3, 1, 2))?.contiguous()?, true))
    } else {
        Ok((x.clone(), false))
    }
}

/// Returns the largest difference over the largest value. A feature map may have its channels last in the reference.
fn deviation(found: &Tensor, expected: &Tensor) -> Result<f64> {
    let mut expected = expected.to_dtype(DType::F64)?;
    if found.dims() != expected.dims() && expected.rank() == 4 {
        let first = expected.permute((0, 3, 1, 2))?;
        if first.dims() == found.dims() {
            expected = first.contiguous()?;
        }
    }
    if found.dims() != expected.dims() {
        return Err(format!("found {:?}, expected {:?}", found.dims(), expected.dims()).into());
    }
    let found = found.to_dtype(DType::F64)?;
    let largest = |x: &Tensor| x.abs()?.flatten_all()?.max(0)?.to_scalar::<f64>();
    let difference = largest(&(found - &expected)?)?;
    Ok(difference / largest(&expected)?.max(1e-30))
}
