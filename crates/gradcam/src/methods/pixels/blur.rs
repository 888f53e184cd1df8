//! Blur integrated gradients (Xu et al. 2020).

use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::integrated::{completeness, signed};
use crate::Result;
use crate::methods::about::{About, PIXELS};
use crate::methods::baseline::{Beyond, exact, gaussian};
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};

/// Points whose gradients are computed together.
const BATCH: usize = 16;
/// In pixels: a blur this wide leaves a single colour of any picture that a network takes.
const SIGMA: f64 = 1000.0;
/// The difference in standard deviation, in pixels, of the two blurs that give the blur's derivative.
const STEP: f64 = 0.01;

/// Options of [`Method::BlurIntegratedGradients`](crate::Method::BlurIntegratedGradients).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlurIntegratedGradients {
    /// Number of steps between the strongest blur and none.
    pub steps: usize,
    /// Standard deviation of the strongest blur in pixels.
    pub sigma: f64,
}

impl Default for BlurIntegratedGradients {
    /// 100 steps from a standard deviation of 50 pixels, as in the authors' package.
    fn default() -> Self {
        BlurIntegratedGradients {
            steps: 100,
            sigma: 50.0,
        }
    }
}

impl Recipe for BlurIntegratedGradients {
    fn about(&self) -> About {
        About {
            paper: "Xu et al. 2020, Attribution in Scale and Space",
            cost: "102 forwards, 100 backwards",
            ..PIXELS
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.steps(self.steps)?;
        let fits = (0.0..=SIGMA).contains(&self.sigma);
        check.that(fits, "sigma", "0 to 1000", self.sigma)
    }

    /// Integrates the gradient along the path from the blurred picture to the picture itself, as the blur recedes (equation 5).
    ///
    /// As in the authors' package `saliency`, the integral is a sum over evenly spaced standard deviations, with 0 and without the
    /// strongest. Each term is the gradient times the blur's derivative, a difference over 0.01 pixels. Beyond the border are zeros, in the
    /// units of the network's input. Summed over the colours; `completeness-error` is as for integrated gradients.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let image = exact(subject.image)?;
        let size = subject.input_size()?.height_width();
        let blurred = |sigma: f64| gaussian(&image, size, sigma, Beyond::Zeros);
        let tensor = |values: Vec<f64>| -> Result<Tensor> {
            Ok(
                Tensor::from_vec(values, subject.image.shape(), &Device::Cpu)?
                    .to_device(subject.image.device())?
                    .to_dtype(subject.image.dtype())?,
            )
        };
        let step = self.sigma / self.steps as f64;
        let mut sums = vec![0.0; image.len()];
        for first in (0..self.steps).step_by(BATCH) {
            // Each point of the path, and its change as the blur grows.
            let points: Vec<(Vec<f64>, Vec<f64>)> = (first..self.steps.min(first + BATCH))
                .into_par_iter()
                .map(|i| {
                    let sigma = step * i as f64;
                    let (point, further) = (blurred(sigma), blurred(sigma + STEP));
                    let change = further.iter().zip(&point).map(|(b, a)| (b - a) / STEP);
                    let change = change.collect();
                    (point, change)
                })
                .collect();
            let (points, changes): (Vec<_>, Vec<_>) = points.into_iter().unzip();
            let points = points.into_iter().map(tensor).collect::<Result<Vec<_>>>()?;
            let gradients = exact(&subject.gradients(&Tensor::cat(&points, 0)?)?)?;
            for (change, gradient) in changes.iter().zip(gradients.chunks_exact(sums.len())) {
                for ((sum, &g), &change) in sums.iter_mut().zip(gradient).zip(change) {
                    // The path leads from the blurred picture to the sharp one.
                    *sum -= step * g * change;
                }
            }
        }
        let start = tensor(blurred(self.sigma))?;
        let measures = completeness(subject, &start, sums.iter().sum())?;
        signed(subject, &sums, measures)
    }
}
