//! Finds the requested methods that do not suit the network.

use anyhow::Result;
use candle_core::{DType, Device, Tensor};
use gradcam::{Explainer, Saliency};
use gradcam_models::Model;

use super::model::shape;
use crate::console::Console;

/// Refuses an explainer that cannot explain the network for inputs of this height and width, or of any size if each picture keeps its own.
/// Only shapes are computed.
///
/// # Errors
/// For the first obstacle.
pub(crate) fn check(
    asked: &Explainer,
    model: &Model,
    size: Option<(usize, usize)>,
) -> gradcam::Result<()> {
    if let Some((height, width)) = size {
        return asked.check(&model.network, (3, height, width));
    }
    asked.check_options(None)?;
    // Whether a method suits a network's operations does not depend on the size.
    let (channels, height, width) = shape(model);
    let image = Tensor::zeros((1, channels, height, width), DType::F32, &Device::Cpu)?;
    let layers: Vec<&str> = asked.layers.iter().map(String::as_str).collect();
    asked.method.suits(&model.network, &image, &layers)
}

/// Returns the methods that [`check`] refuses: their places in `asked`, with the reason.
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

/// Warns of the methods that are left out.
pub(crate) fn warn(
    asked: &[Explainer],
    left: &[(usize, gradcam::Error)],
    console: &mut Console<'_>,
) {
    for (index, error) in left {
        console.warn(format!("without {}: {error}", asked[*index].method));
    }
}

/// Refuses a named method that does not suit the network.
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
