//! Smooth Grad-CAM++ (Omeiza et al. 2019).

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::methods::about::{About, LAYER};
use crate::methods::noise::noisy;
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};
use crate::seen::observation::{Observation, Place, Score};

/// Options of [`Method::SmoothGradCamPlusPlus`](crate::Method::SmoothGradCamPlusPlus).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmoothGradCamPlusPlus {
    /// Number of noisy copies.
    pub samples: usize,
    /// The noise's standard deviation as a fraction of the image's range.
    pub noise: f64,
    /// The seed of the noise (ChaCha8).
    pub seed: u64,
}

impl Default for SmoothGradCamPlusPlus {
    /// 25 noisy copies with a standard deviation of 0.3 times the image's range.
    fn default() -> Self {
        SmoothGradCamPlusPlus {
            samples: 25,
            noise: 0.3,
            seed: 0,
        }
    }
}

impl Recipe for SmoothGradCamPlusPlus {
    fn about(&self) -> About {
        About {
            paper: "Omeiza et al. 2019, Smooth Grad-CAM++: An Enhanced Inference Level Visualization Technique for Deep Convolutional Neural Network Models",
            cost: "26 forwards, 25 backwards of the head",
            gradient: false,
            ..LAYER
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.count("samples", self.samples)?;
        check.at_least_zero("noise", self.noise)
    }

    /// Computes Grad-CAM++ with means over noisy copies of the image in place of the gradient, its square and its cube, and of the
    /// activation in the denominator: `α = D₂ / (2 D₂ + D₃ ΣA)` and `w = Σ α ReLU(D₁)`. The weights apply to the activation of the image
    /// itself.
    ///
    /// torch-cam takes the gradient of the last copy for `D₁`.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let features = subject.features;
        let samples = subject.affordable(self.samples, 1);
        let mut powers = vec![[0.0_f64; 3]; features.activation.len()];
        let mut sums = vec![0.0_f64; features.activation.len() / features.positions()];
        for draw in 0..samples {
            let image = noisy(subject.image, self.noise, self.seed, draw)?;
            let place = Place::Layers(vec![subject.layer.to_string()]);
            let seen = Observation::new(subject.network, &image, place)?;
            let target = [Some(subject.target.clone())];
            let score = Score::of(&seen.output, &seen.logits, &target)?;
            let gradients = seen.gradients(&score.signed(subject.sign)?)?;
            let noisy = seen.features(0, 0, &gradients);
            for (power, &g) in powers.iter_mut().zip(noisy.gradient) {
                let g = f64::from(g);
                *power = [power[0] + g, power[1] + g * g, power[2] + g * g * g];
            }
            for (sum, a) in sums.iter_mut().zip(noisy.channels()) {
                *sum += a.iter().map(|&a| f64::from(a)).sum::<f64>();
            }
        }
        let samples = samples as f64;
        let weights = powers
            .chunks_exact(features.positions())
            .zip(&sums)
            .map(|(powers, sum)| {
                let term = |power: &[f64; 3]| {
                    let [first, second, third] = power.map(|v| v / samples);
                    let denominator = 2.0 * second + third * sum / samples;
                    if first <= 0.0 || denominator == 0.0 {
                        0.0
                    } else {
                        second / denominator * first
                    }
                };
                powers.iter().map(term).sum()
            });
        Ok(features.weighted(weights.collect::<Vec<f64>>()))
    }
}
