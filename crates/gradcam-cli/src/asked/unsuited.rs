//! Which of the methods that were asked for do not suit the network.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use gradcam::{Explainer, Saliency};
use gradcam_models::Model;

use super::model::shape;
use crate::console::Console;

/// Refuses an explainer that cannot explain the network for inputs of this height and width; if each picture keeps its own, for inputs of any
/// size. Nothing is computed but shapes.
///
/// # Errors
/// For the first reason.
pub(crate) fn check(
    asked: &Explainer,
    model: &Model,
    size: Option<(usize, usize)>,
) -> gradcam::Result<()> {
    if let Some((height, width)) = size {
        return asked.check(&model.network, (3, height, width));
    }
    asked.check_options(None)?;
    // Whether a method suits a network's operations is the same at every size.
    let (channels, height, width) = shape(model);
    let image = Tensor::zeros((1, channels, height, width), DType::F32, &Device::Cpu)?;
    let layers: Vec<&str> = asked.layers.iter().map(String::as_str).collect();
    asked.method.suits(&model.network, &image, &layers)
}

/// The methods that [`check`] refuses, by their places among those that were asked for, with the reason.
pub(crate) fn unsuited(
    asked: &[Explainer],
    model: &Model,
    size: Option<(usize, usize)>,
) -> Vec<(usize, gradcam::Error)> {
    let checked = asked.iter().map(|asked| check(asked, model, size));
    let refused = checked.enumerate();
    refused
        .filter_map(|(index, checked)| Some((index, checked.err()?)))
        .collect()
}

/// Says what is left out.
pub(crate) fn warn(
    asked: &[Explainer],
    left: &[(usize, gradcam::Error)],
    console: &mut Console<'_>,
) {
    for (index, error) in left {
        console.warn(format!("without {}: {error}", asked[*index].method));
    }
}

/// Refuses what is named and does not suit.
pub(crate) fn refuse(
    asked: &[Explainer],
    model: &Model,
    size: Option<(usize, usize)>,
) -> Result<()> {
    match unsuited(asked, model, size).into_iter().next() {
        None => Ok(()),
        Some((index, error)) => {
            Err(anyhow::Error::from(error).context(format!("the method `{}`", asked[index].method)))
        }
    }
}
