//! What the explainers of a run have in common, whatever their methods.

use anyhow::{Context, Result};
use candle_core::Tensor;
use gradcam::{Explainer, Inputs, Method};
use gradcam_models::Model;
use gradcam_models::preprocess::Preprocess;

use crate::args::Sampling;
use crate::console::Console;
use crate::inputs::resolve;
use crate::reading::{self, Reading};

/// What explainers look at, compare with and may spend.
pub(crate) struct Shared {
    /// The layers of those that look at one.
    layers: Vec<String>,
    inputs: Inputs,
    budget: Option<usize>,
    tolerance: Option<f64>,
}

impl Shared {
    /// At these layers, with neither pictures to compare with nor a limit.
    pub(crate) fn at(layers: Vec<String>, model: &Model) -> Self {
        Shared {
            layers,
            inputs: inputs_of(&model.preprocess),
            budget: None,
            tolerance: None,
        }
    }

    /// At these layers, with what the arguments say of sampling.
    pub(crate) fn sampled(
        layers: Vec<String>,
        sampling: &Sampling,
        reading: &Reading<'_>,
        console: &mut Console<'_>,
    ) -> Result<Self> {
        Ok(Shared {
            layers,
            inputs: Inputs {
                background: background(&sampling.background, reading, console)?,
                ..inputs_of(reading.preprocess)
            },
            budget: sampling.budget.map(usize::try_from).transpose()?,
            tolerance: sampling.tolerance,
        })
    }

    /// One of a method.
    pub(crate) fn explainer(&self, method: Method) -> Explainer {
        Explainer {
            inputs: self.inputs.clone(),
            budget: self.budget,
            tolerance: self.tolerance,
            ..Explainer::of(method).at_each(&self.layers)
        }
    }
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

/// The pictures that `--background` names, as a batch.
fn background(
    names: &[String],
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Result<Option<Tensor>> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut pictures = Vec::new();
    for input in resolve(names)? {
        let loaded = reading::load(&input, reading, console)
            .with_context(|| format!("`--background {}`", input.name()))?;
        pictures.push(loaded.tensor);
    }
    Ok(Some(Tensor::stack(&pictures, 0)?))
}
