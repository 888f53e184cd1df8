//! Gradients of noisy copies of the image.

use candle_core::Tensor;

use super::reduce::reduced;
use crate::method::SmoothGrad;
use crate::noise::noisy;
use crate::observation::values;
use crate::saliency::{SignedMap, Subject};
use crate::{Grid, Result};

/// Copies whose gradients are taken together: memory does not grow with their number.
const BATCH: usize = 16;

/// SmoothGrad (Smilkov et al. 2017): the mean of the gradients, whose colours become one number afterwards.
pub(crate) fn mean(options: &SmoothGrad, subject: &Subject<'_>) -> Result<SignedMap> {
    let moments = Moments::of(options, subject)?;
    Ok(moments.map(options, subject, |sum, _, count| sum / count))
}

/// VarGrad (Adebayo et al. 2018): the gradients' variance (of the sample, divided by the number of copies).
pub(crate) fn variance(options: &SmoothGrad, subject: &Subject<'_>) -> Result<SignedMap> {
    let moments = Moments::of(options, subject)?;
    Ok(moments.map(options, subject, |sum, squares, count| {
        (squares / count - (sum / count).powi(2)).max(0.0)
    }))
}

/// The sum and the sum of squares of the gradients of noisy copies.
struct Moments {
    sums: Vec<f64>,
    squares: Vec<f64>,
    count: f64,
}

impl Moments {
    fn of(options: &SmoothGrad, subject: &Subject<'_>) -> Result<Self> {
        let samples = subject.affordable(options.samples, 1);
        let len = subject.image.elem_count();
        let (mut sums, mut squares) = (vec![0.0; len], vec![0.0; len]);
        for first in (0..samples).step_by(BATCH) {
            let copies = (first..samples.min(first + BATCH))
                .map(|draw| noisy(subject.image, options.noise, options.seed, draw))
                .collect::<Result<Vec<_>>>()?;
            let gradients = values(&subject.gradients(&Tensor::cat(&copies, 0)?)?)?;
            for gradient in gradients.chunks_exact(len) {
                for ((sum, square), &g) in sums.iter_mut().zip(&mut squares).zip(gradient) {
                    *sum += f64::from(g);
                    *square += f64::from(g) * f64::from(g);
                }
            }
        }
        let count = samples as f64;
        Ok(Moments {
            sums,
            squares,
            count,
        })
    }

    fn map(
        &self,
        options: &SmoothGrad,
        subject: &Subject<'_>,
        f: impl Fn(f64, f64, f64) -> f64,
    ) -> SignedMap {
        let pairs = self.sums.iter().zip(&self.squares);
        let values: Vec<f32> = pairs.map(|(&s, &q)| f(s, q, self.count) as f32).collect();
        let map: Grid = reduced(&values, subject.input_size(), options.channels);
        SignedMap {
            map,
            error: None,
            measures: vec![("samples", self.count)],
        }
    }
}
