//! XGrad-CAM (Fu et al. 2020).

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::methods::about::{About, LAYER};
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};

/// Options of [`Method::XGradCam`](crate::Method::XGradCam).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct XGradCam {
    /// Added to the sum of a channel's activations. The paper adds nothing, and a channel without activation gets no weight here;
    /// pytorch-grad-cam adds 1e-7.
    pub epsilon: f64,
}

impl Recipe for XGradCam {
    fn about(&self) -> About {
        About {
            paper: "Fu et al. 2020, Axiom-based Grad-CAM: Towards Accurate Visualization and Explanation of CNNs",
            ..LAYER
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.at_least_zero("epsilon", self.epsilon)
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let features = subject.features;
        let weight = |(a, g): (&[f32], &[f32])| axiomatic(a, g, self.epsilon);
        Ok(features.weighted(features.pairs().map(weight)))
    }
}

/// Computes XGrad-CAM's weight, `Σ gA / ΣA` (Fu et al. 2020, eq. 8); 0 if the activations sum to 0.
fn axiomatic(a: &[f32], g: &[f32], epsilon: f64) -> f64 {
    let sum = a.iter().map(|&a| f64::from(a)).sum::<f64>() + epsilon;
    let product: f64 = a
        .iter()
        .zip(g)
        .map(|(&a, &g)| f64::from(a) * f64::from(g))
        .sum();
    if sum == 0.0 { 0.0 } else { product / sum }
}
