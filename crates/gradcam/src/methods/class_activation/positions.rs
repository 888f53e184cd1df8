//! Sums over the channels of gradient times activation, at each position: HiResCAM, LayerCAM and element-wise CAM.

use crate::Result;
use crate::methods::about::{About, LAYER};
use crate::methods::recipe::Recipe;
use crate::saliency::{Features, SignedMap, Subject, Sum};

/// HiResCAM (Draelos and Carin 2020).
pub(crate) struct HiResCam;

impl Recipe for HiResCam {
    fn about(&self) -> About {
        About {
            paper: "Draelos and Carin 2020, Use HiResCAM instead of Grad-CAM for faithful explanations of convolutional neural networks",
            ..LAYER
        }
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        Ok(summed(subject.features, |a, g| g * a))
    }
}

/// LayerCAM (Jiang et al. 2021, eq. 6).
pub(crate) struct LayerCam;

impl Recipe for LayerCam {
    fn about(&self) -> About {
        About {
            paper: "Jiang et al. 2021, LayerCAM: Exploring Hierarchical Class Activation Maps for Localization",
            ..LAYER
        }
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        Ok(summed(subject.features, |a, g| g.max(0.0) * a))
    }
}

/// Element-wise CAM (Pillai and Pirsiavash 2021).
pub(crate) struct ElementWiseCam;

impl Recipe for ElementWiseCam {
    fn about(&self) -> About {
        About {
            paper: "Pillai and Pirsiavash 2021, Explainable Models with Consistent Interpretations",
            ..LAYER
        }
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        Ok(summed(subject.features, |a, g| (g * a).max(0.0)))
    }
}

/// Sums `f(activation, gradient)` over the channels at each position.
fn summed(features: Features<'_>, f: impl Fn(f64, f64) -> f64) -> SignedMap {
    let mut sums = vec![Sum::default(); features.positions()];
    for (a, g) in features.pairs() {
        for (sum, (&a, &g)) in sums.iter_mut().zip(a.iter().zip(g)) {
            // As for channels: values that the score ignores are left out, even if they are not finite.
            if g != 0.0 {
                let part = f(f64::from(a), f64::from(g));
                sum.add(part, part.abs());
            }
        }
    }
    features.summed(&sums)
}
