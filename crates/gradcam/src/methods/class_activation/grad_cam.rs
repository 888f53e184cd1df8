//! Grad-CAM (Selvaraju et al. 2017).

use super::channels;
use crate::Result;
use crate::methods::about::{About, LAYER};
use crate::methods::recipe::Recipe;
use crate::saliency::{Features, SignedMap, Subject};

/// Grad-CAM: channels weighted by the gradient's average over the positions (equations 1 and 2).
pub(crate) struct GradCam;

impl Recipe for GradCam {
    fn about(&self) -> About {
        About {
            paper: "Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization",
            ..LAYER
        }
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        Ok(signed_map(subject.features))
    }
}

/// Computes Grad-CAM's signed map.
pub(super) fn signed_map(features: Features<'_>) -> SignedMap {
    let weights = features
        .pairs()
        .map(|(_, g)| (channels::mean(g), channels::size(g)));
    features.balanced(weights)
}
