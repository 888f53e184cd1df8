//! Gradients of noisy copies of the image.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::reduce::{Channels, reduced};
use crate::Result;
use crate::methods::about::{About, PIXELS};
use crate::methods::noise::noisy;
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};
use crate::seen::observation::values;

/// Copies whose gradients are computed together; memory does not grow with the number of copies.
const BATCH: usize = 16;

/// Options of [`Method::SmoothGrad`](crate::Method::SmoothGrad), [`Method::VarGrad`](crate::Method::VarGrad) and [`Method::SmoothGradGradCam`](crate::Method::SmoothGradGradCam).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmoothGrad {
    /// Number of noisy copies.
    pub samples: usize,
    /// The noise's standard deviation as a fraction of the image's range.
    pub noise: f64,
    /// How the colours of a pixel become one number.
    pub channels: Channels,
    /// The seed of the noise (ChaCha8).
    pub seed: u64,
}

impl Default for SmoothGrad {
    /// 50 noisy copies with a standard deviation of 0.15 times the image's range.
    fn default() -> Self {
        SmoothGrad {
            samples: 50,
            noise: 0.15,
            channels: Channels::default(),
            seed: 0,
        }
    }
}

impl Recipe for SmoothGrad {
    fn about(&self) -> About {
        About {
            paper: "Smilkov et al. 2017, SmoothGrad: removing noise by adding noise",
            cost: "51 forwards, 50 backwards",
            ..PIXELS
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.count("samples", self.samples)?;
        check.at_least_zero("noise", self.noise)
    }

    fn is_signed(&self) -> bool {
        self.channels == Channels::Sum
    }

    /// Computes SmoothGrad (Smilkov et al. 2017): the mean of the gradients; a pixel's colours are reduced to one number afterwards.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let moments = Moments::of(self, subject)?;
        moments.map(self, subject, |sum, _, count| sum / count)
    }
}

/// The recipe of [`Method::VarGrad`](crate::Method::VarGrad).
pub(crate) struct VarGrad(pub(crate) SmoothGrad);

impl Recipe for VarGrad {
    fn about(&self) -> About {
        About {
            paper: "Adebayo et al. 2018, Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values",
            cost: "51 forwards, 50 backwards",
            ..PIXELS
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        self.0.check(check)
    }

    fn is_signed(&self) -> bool {
        false
    }

    /// Computes VarGrad (Adebayo et al. 2018): the gradients' variance over the copies (divided by the number of copies).
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let moments = Moments::of(&self.0, subject)?;
        moments.map(&self.0, subject, |sum, squares, count| {
            (squares / count - (sum / count).powi(2)).max(0.0)
        })
    }
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
    ) -> Result<SignedMap> {
        let pairs = self.sums.iter().zip(&self.squares);
        let values: Vec<f32> = pairs.map(|(&s, &q)| f(s, q, self.count) as f32).collect();
        let map = reduced(&values, subject.input_size()?, options.channels);
        Ok(SignedMap {
            map,
            error: None,
            measures: vec![("samples", self.count)],
        })
    }
}
