//! Grad-CAM++ (Chattopadhay et al. 2018).

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::methods::about::{About, LAYER};
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};

/// Options of [`Method::GradCamPlusPlus`](crate::Method::GradCamPlusPlus).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradCamPlusPlus {
    /// Added to the denominator `2g² + g³ ΣA` of the weights. Equation 19 adds nothing; pytorch-grad-cam adds 1e-6, which dominates the map
    /// if gradients are of the order of 1e-3 or less.
    pub epsilon: f64,
}

impl Recipe for GradCamPlusPlus {
    fn about(&self) -> About {
        About {
            paper: "Chattopadhay et al. 2018, Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks",
            ..LAYER
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.at_least_zero("epsilon", self.epsilon)
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let features = subject.features;
        let weight = |(a, g): (&[f32], &[f32])| plus_plus(a, g, self.epsilon);
        Ok(features.weighted(features.pairs().map(weight)))
    }
}

/// Computes Grad-CAM++'s closed form for an exponential score (equation 19): `Σ α ReLU(g)` with `α = g² / (2g² + g³ ΣA)`.
///
/// Without `epsilon`, `α` is `1 / (2 + g ΣA)`, which small gradients do not spoil. Only positive gradients count, so α is not needed
/// elsewhere.
fn plus_plus(a: &[f32], g: &[f32], epsilon: f64) -> f64 {
    let sum: f64 = a.iter().map(|&a| f64::from(a)).sum();
    let term = |&g: &f32| {
        let g = f64::from(g);
        if g <= 0.0 {
            return 0.0;
        }
        let denominator = 2.0 + g * sum + epsilon / (g * g);
        if denominator == 0.0 {
            0.0
        } else {
            g / denominator
        }
    };
    g.iter().map(term).sum()
}
