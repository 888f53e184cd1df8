//! Superpixels taken away one by one.

use super::hidden::Hidden;
use super::superpixels::Superpixels;
use crate::Result;
use crate::method::FeatureAblation;
use crate::saliency::{SignedMap, Subject};

/// What the score loses without a superpixel, at each of its pixels: Captum's `FeatureAblation`, with superpixels as the features.
pub(crate) fn map(options: &FeatureAblation, subject: &Subject<'_>) -> Result<SignedMap> {
    let parts = Superpixels::of(subject, options.segments)?;
    let hidden = Hidden::new(subject, options.baseline, options.seed)?;
    Ok(parts.spread(&losses(&hidden, &parts)?).into())
}

/// What the score loses without each part.
pub(super) fn losses(hidden: &Hidden<'_>, parts: &Superpixels) -> Result<Vec<f64>> {
    let whole = hidden.whole()?;
    let without = |index: usize| parts.mask(|part| part != index);
    let scores = hidden.scores(parts.count(), without)?;
    Ok(scores.into_iter().map(|score| whole - score).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{Linear, close, explain, picture, with_subject};
    use super::*;
    use crate::{Baseline, Method};

    #[test]
    fn a_linear_network_loses_the_part_s_own_sum() {
        let (image, network) = (picture(24, 20), Linear::new(24, 20));
        let method = Method::FeatureAblation(FeatureAblation {
            segments: 9,
            baseline: Baseline::White,
            seed: 0,
        });
        let found = explain(&network, &image, method).unwrap();
        let parts = with_subject(&network, &image, |subject| {
            Superpixels::of(subject, 9).unwrap()
        });
        let expected = parts.sums(&network.parts(&image, 1.0));
        close(&found.map.values, &parts.spread(&expected).values, 1e-4);
    }
}
