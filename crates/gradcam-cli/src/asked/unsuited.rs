//! Which of the methods that were asked for do not suit the network.

use anyhow::Result;
use gradcam::Explainer;
use gradcam_models::Model;

use super::model::shape;
use crate::console::Console;

/// The methods that cannot explain the network for such an input, by their places among those that were asked for, with the reason. Nothing is computed but
/// shapes.
pub(crate) fn unsuited(
    asked: &[Explainer],
    model: &Model,
    input: (usize, usize, usize),
) -> Vec<(usize, gradcam::Error)> {
    let checked = asked.iter().map(|e| e.check(&model.network, input));
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
pub(crate) fn refuse(asked: &[Explainer], model: &Model) -> Result<()> {
    match unsuited(asked, model, shape(model)).into_iter().next() {
        None => Ok(()),
        Some((index, error)) => {
            Err(anyhow::Error::from(error).context(format!("the method `{}`", asked[index].method)))
        }
    }
}
