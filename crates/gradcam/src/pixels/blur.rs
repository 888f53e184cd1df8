//! Blur integrated gradients (Xu et al. 2020).

use candle_core::Tensor;
use rayon::prelude::*;

use super::integrated::{completeness, signed};
use crate::Result;
use crate::baseline::blurred;
use crate::method::BlurIntegratedGradients;
use crate::observation::values;
use crate::saliency::{SignedMap, Subject};

/// Points whose gradients are taken together.
const BATCH: usize = 16;

/// The gradient integrated on the way from the blurred picture to the picture itself, as the blur recedes (equation 5).
///
/// The way is cut at standard deviations that fall evenly, and each piece counts with the gradient at its sharper end, as in the authors'
/// code. Summed over the colours; `completeness-error` is as for integrated gradients.
pub(crate) fn map(options: &BlurIntegratedGradients, subject: &Subject<'_>) -> Result<SignedMap> {
    let steps = options.steps;
    let image = |step: usize| {
        let sigma = options.sigma * (steps - step) as f64 / steps as f64;
        blurred(subject.image, sigma)
    };
    let start = image(0)?;
    let mut before = values(&start)?;
    let mut sums = vec![0.0; before.len()];
    for first in (1..=steps).step_by(BATCH) {
        let images = (first..(first + BATCH).min(steps + 1))
            .into_par_iter()
            .map(image)
            .collect::<Result<Vec<_>>>()?;
        let gradients = values(&subject.gradients(&Tensor::cat(&images, 0)?)?)?;
        for (image, gradient) in images.iter().zip(gradients.chunks_exact(sums.len())) {
            let now = values(image)?;
            for (((sum, &g), &x), &x0) in sums.iter_mut().zip(gradient).zip(&now).zip(&before) {
                *sum += f64::from(g) * (f64::from(x) - f64::from(x0));
            }
            before = now;
        }
    }
    let error = completeness(subject, &start, sums.iter().sum())?;
    Ok(signed(subject, &sums, vec![("completeness-error", error)]))
}
