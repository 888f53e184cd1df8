//! Smooth Grad-CAM++ (Omeiza et al. 2019).

use crate::Result;
use crate::method::SmoothGradCamPlusPlus;
use crate::noise::noisy;
use crate::observation::{Observation, Place, Score};
use crate::saliency::{SignedMap, Subject};

/// Grad-CAM++ with the mean over noisy copies of the image in the place of the gradient, of its square and of its cube, and of the
/// activation in the denominator: `α = D₂ / (2 D₂ + D₃ ΣA)` and `w = Σ α ReLU(D₁)`. The weights apply to the activation of the image
/// itself.
///
/// torch-cam takes the gradient of the last copy for `D₁`.
pub(super) fn map(options: &SmoothGradCamPlusPlus, subject: &Subject<'_>) -> Result<SignedMap> {
    let features = subject.features;
    let samples = subject.affordable(options.samples, 1);
    let mut powers = vec![[0.0_f64; 3]; features.activation.len()];
    let mut sums = vec![0.0_f64; features.activation.len() / features.positions()];
    for draw in 0..samples {
        let image = noisy(subject.image, options.noise, options.seed, draw)?;
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
                match first <= 0.0 || denominator == 0.0 {
                    true => 0.0,
                    false => second / denominator * first,
                }
            };
            powers.iter().map(term).sum()
        });
    Ok(features.weighted(weights.collect::<Vec<f64>>()))
}
