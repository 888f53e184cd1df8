//! Builds explainers from the arguments, and the inputs that they need from a loaded network.

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use gradcam::{Explainer, Inputs, Method};
use gradcam_models::preprocess::Preprocess;

use crate::args::Sampling;
use crate::console::Console;
use crate::inputs::{Input, resolve};
use crate::reading::{self, Reading};

/// Finds the pictures that `--background` names, without reading them.
pub(crate) fn background(sampling: &Sampling) -> Result<Vec<Input>> {
    match sampling.background.as_slice() {
        [] => Ok(Vec::new()),
        names => resolve(names).context("`--background`"),
    }
}

/// Builds a method's explainer from the arguments alone; its layers and inputs depend on the network.
pub(crate) fn explainer(
    method: Method,
    sampling: &Sampling,
    background: &[Input],
) -> Result<Explainer> {
    // Stands for the pictures until they are read, since option checks depend on whether there are any.
    let stand_in = || Tensor::zeros((1, 3, 1, 1), DType::F32, &Device::Cpu);
    Ok(Explainer {
        inputs: Inputs {
            background: (!background.is_empty()).then(stand_in).transpose()?,
            ..Inputs::default()
        },
        budget: sampling.budget.map(usize::try_from).transpose()?,
        tolerance: sampling.tolerance,
        ..Explainer::of(method)
    })
}

/// Describes the network's inputs, with the background's pictures, which are read here.
pub(crate) fn inputs(
    background: &[Input],
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Result<Inputs> {
    let mut pictures = Vec::with_capacity(background.len());
    for input in background {
        let loaded = reading::load(input, reading, console)
            .with_context(|| format!("`--background {}`", input.name()))?;
        pictures.push(loaded.tensor);
    }
    let batch = (!pictures.is_empty()).then(|| Tensor::stack(&pictures, 0));
    Ok(Inputs {
        background: batch.transpose()?,
        ..inputs_of(reading.preprocess)
    })
}

/// Describes the network's inputs.
pub(crate) fn inputs_of(preprocess: &Preprocess) -> Inputs {
    let value = |sample: f32| {
        let each = preprocess.mean.iter().zip(&preprocess.std);
        each.map(|(mean, std)| (sample - mean) / std).collect()
    };
    Inputs {
        black: value(0.0),
        white: value(1.0),
        background: None,
    }
}
