//! Superpixels removed one by one.

use serde::{Deserialize, Serialize};

use super::hidden::Hidden;
use super::superpixels::Superpixels;
use crate::Result;
use crate::methods::about::{About, BLACK_BOX};
use crate::methods::baseline::Baseline;
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};

/// Options of [`Method::FeatureAblation`](crate::Method::FeatureAblation).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FeatureAblation {
    /// Number of superpixels requested (SLIC).
    pub segments: usize,
    /// The content of a removed superpixel.
    pub baseline: Baseline,
    /// The seed of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for FeatureAblation {
    /// 50 superpixels.
    fn default() -> Self {
        FeatureAblation {
            segments: 50,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

impl Recipe for FeatureAblation {
    fn about(&self) -> About {
        About {
            paper: "Kokhlikyan et al. 2020, Captum: A unified and generic model interpretability library for PyTorch; on superpixels",
            cost: "1 forward for each superpixel",
            ..BLACK_BOX
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.segments(self.segments)
    }

    /// Returns the score's loss without a superpixel, at each of its pixels: Captum's `FeatureAblation`, with superpixels as the features.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let parts = Superpixels::of(subject, self.segments)?;
        let hidden = Hidden::new(subject, self.baseline, self.seed)?;
        Ok(parts.spread(&losses(&hidden, &parts)?).into())
    }
}

/// Returns the score's loss without each part.
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
        close(found.map.values(), parts.spread(&expected).values(), 1e-4);
    }
}
