//! Explainers by the arguments, and what they are told of a network once it is loaded.

use anyhow::{Context, Result};
use candle_core::{DType, Device, Tensor};
use gradcam::{Explainer, Inputs, Method};
use gradcam_models::preprocess::Preprocess;

use crate::args::Sampling;
use crate::console::Console;
use crate::inputs::{Input, resolve};
use crate::reading::{self, Reading};

/// The pictures that `--background` names. None is read yet.
pub(crate) fn background(sampling: &Sampling) -> Result<Vec<Input>> {
    match sampling.background.as_slice() {
        [] => Ok(Vec::new()),
        names => resolve(names).context("`--background`"),
    }
}

/// The explainer of a method, as far as arguments tell: its layers and inputs are a network's.
pub(crate) fn explainer(
    method: Method,
    sampling: &Sampling,
    background: &[Input],
) -> Result<Explainer> {
    // Stands for the pictures until they are read: options are checked against whether there are any.
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

/// What the network's inputs look like, with the pictures of the background, which are read here.
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

/// What the network's inputs look like.
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
