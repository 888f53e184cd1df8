//! FEM, the feature explanation method (Fuad et al. 2020).

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::methods::about::{About, LAYER};
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};

/// Options of [`Method::Fem`](crate::Method::Fem).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Fem {
    /// Standard deviations above its mean beyond which a channel counts as firing.
    pub sigmas: f64,
}

impl Default for Fem {
    /// Two standard deviations, as in the paper.
    fn default() -> Self {
        Fem { sigmas: 2.0 }
    }
}

impl Recipe for Fem {
    fn about(&self) -> About {
        About {
            paper: "Fuad et al. 2020, Features Understanding in 3D CNNs for Actions Recognition in Video",
            cost: "1 forward",
            needs: "a layer with a spatial map; no gradient",
            gradient: false,
            backward: false,
            target: false,
            ..LAYER
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.finite("sigmas", self.sigmas)
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let features = subject.features;
        let weight = |a: &[f32]| firing(a, self.sigmas);
        Ok(features.weighted(features.channels().map(weight)))
    }
}

/// Returns the fraction of positions at which a channel is more than `sigmas` standard deviations above its mean.
fn firing(a: &[f32], sigmas: f64) -> f64 {
    let count = a.len() as f64;
    let mean = a.iter().map(|&a| f64::from(a)).sum::<f64>() / count;
    let variance = a
        .iter()
        .map(|&a| (f64::from(a) - mean).powi(2))
        .sum::<f64>()
        / count;
    let threshold = mean + sigmas * variance.sqrt();
    a.iter().filter(|&&a| f64::from(a) > threshold).count() as f64 / count
}
