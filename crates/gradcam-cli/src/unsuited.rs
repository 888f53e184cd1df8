//! Which of the methods that were asked for do not suit the network.

use anyhow::Result;
use gradcam::Explainer;
use gradcam_models::Model;

use crate::console::Console;

/// The methods that cannot explain the network, by their places among those that were asked for, with the reason. Nothing is computed but
/// shapes.
pub(crate) fn unsuited(asked: &[Explainer], model: &Model) -> Result<Vec<(usize, gradcam::Error)>> {
    let (height, width) = model.preprocess.input_size;
    let size = (3, usize::try_from(height)?, usize::try_from(width)?);
    let checked = asked.iter().map(|e| e.check(&model.network, size));
    let refused = checked.enumerate();
    Ok(refused
        .filter_map(|(index, checked)| Some((index, checked.err()?)))
        .collect())
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
    match unsuited(asked, model)?.into_iter().next() {
        None => Ok(()),
        Some((index, error)) => {
            Err(anyhow::Error::from(error).context(format!("the method `{}`", asked[index].method)))
        }
    }
}
