//! DeepLIFT with the rescale rule (Shrikumar et al. 2017).

mod layer_norm;
mod softmax;

use candle_core::Tensor;
use gradcam_nn::ops::{Activation, LayerNorm, MaxPool2d, pointwise};
use gradcam_nn::{Backward, Gradient, Rules};
use serde::{Deserialize, Serialize};

use super::integrated::{completeness, signed};
use super::quadrature::gauss_legendre;
use super::through::{all_pass, through};
use crate::Result;
use crate::methods::about::{About, RULES};
use crate::methods::baseline::Baseline;
use crate::methods::recipe::{Recipe, Setting};
use crate::saliency::{SignedMap, Subject};
use crate::seen::observation::values;

/// Differences below this count as zero, and the gradient replaces the ratio (as in Captum).
const NONE: f64 = 1e-10;
/// Quadrature points between two outputs.
const POINTS: usize = 32;

/// Options of [`Method::DeepLift`](crate::Method::DeepLift).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeepLift {
    /// The image to compare with.
    pub baseline: Baseline,
    /// The seed of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Recipe for DeepLift {
    fn about(&self) -> About {
        About {
            paper: "Shrikumar et al. 2017, Learning Important Features Through Propagating Activation Differences",
            cost: "4 forwards, 2 backwards",
            ..RULES
        }
    }

    fn suits(&self, setting: &Setting<'_>) -> Result<()> {
        all_pass(setting.method, setting.network)
    }

    /// Multiplies the difference from the baseline at each pixel by the pixel's multiplier, and sums over the colours.
    ///
    /// At an activation, the multiplier is the ratio of the differences (section 3.5.1). At a max pooling, the difference of the maxima
    /// goes to their positions, as in Captum. The paper does not cover products, norms and gates. Here a product of two changing factors
    /// gives each its share (`Δ(ab) = Δa (b + b')/2 + Δb (a + a')/2`). This keeps the sum equal to the difference of the scores, unlike
    /// Captum's plain gradient. `completeness-error` says how well.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let baseline = self.baseline.of(subject.image, subject.inputs, self.seed)?;
        // The image and the baseline go through the network side by side.
        let pair = Tensor::cat(&[subject.image, &baseline], 0)?;
        let start = |output: &Tensor| -> Result<Tensor> {
            let grad = chord(subject, &output.narrow(0, 0, 1)?, &output.narrow(0, 1, 1)?)?;
            Ok(Tensor::cat(&[&grad, &grad], 0)?)
        };
        let found = through("deeplift", subject.network, &pair, Rescale, start)?;
        let multipliers = values(&found.narrow(0, 0, 1)?)?;
        let difference = values(&(subject.image - &baseline)?)?;
        let attribution: Vec<f64> = multipliers
            .iter()
            .zip(&difference)
            .map(|(&m, &d)| f64::from(m) * f64::from(d))
            .collect();
        let measures = completeness(subject, &baseline, attribution.iter().sum())?;
        signed(subject, &attribution, measures)
    }
}

/// Returns the multipliers of the score between two outputs: the mean gradient along the path between them. They thus sum to the difference
/// of the scores, whatever the function.
fn chord(subject: &Subject<'_>, image: &Tensor, baseline: &Tensor) -> Result<Tensor> {
    if subject.target.is_linear() {
        return subject.output_gradient(image);
    }
    let mut sum = image.zeros_like()?;
    for (share, weight) in gauss_legendre(POINTS) {
        let point = (baseline + ((image - baseline)? * share)?)?;
        sum = (sum + (subject.output_gradient(&point)? * weight)?)?;
    }
    Ok(sum)
}

/// Multipliers for a batch of an image and its baseline. Both halves carry the same multipliers, so linear operations need no rule of their
/// own.
struct Rescale;

/// Splits a batch into its two halves.
fn halves(x: &Tensor) -> candle_core::Result<(Tensor, Tensor)> {
    let half = x.dim(0)? / 2;
    Ok((x.narrow(0, 0, half)?, x.narrow(0, half, half)?))
}

fn twice(x: &Tensor) -> candle_core::Result<Tensor> {
    Tensor::cat(&[x, x], 0)
}

impl Rules for Rescale {
    fn activation(&self, f: Activation, x: &Tensor, y: &Tensor) -> Backward {
        let (x, y) = (x.clone(), y.clone());
        Box::new(move |grad| {
            let plain = f.backward(&x, grad)?;
            let (plain, _) = halves(&plain)?;
            let ((x, x0), (y, y0), (m, _)) = (halves(&x)?, halves(&y)?, halves(grad)?);
            let found = pointwise(
                [&x, &x0, &y, &y0, &m, &plain],
                |[x, x0, y, y0, m, plain]| {
                    if (x - x0).abs() < NONE {
                        plain
                    } else {
                        m * (y - y0) / (x - x0)
                    }
                },
            )?;
            twice(&found)
        })
    }
    fn max_pool(&self, pool: &MaxPool2d, x: &Tensor, y: &Tensor) -> Backward {
        let (pool, x, y) = (*pool, x.clone(), y.clone());
        Box::new(move |grad| {
            let ((x, x0), (y, y0), (m, _)) = (halves(&x)?, halves(&y)?, halves(grad)?);
            // A rise of the maximum goes to its position in the image, a fall to its position in the baseline.
            let rise = pointwise([&m, &y, &y0], |[m, y, y0]| m * (y.max(y0) - y0))?;
            let fall = pointwise([&m, &y, &y0], |[m, y, y0]| m * (y - y.max(y0)))?;
            let (rise, fall) = (pool.backward(&x, &rise)?, pool.backward(&x0, &fall)?);
            let plain = pool.backward(&x, &m)?;
            let found = pointwise(
                [&x, &x0, &rise, &fall, &plain],
                |[x, x0, rise, fall, plain]| {
                    if (x - x0).abs() < NONE {
                        plain
                    } else {
                        (rise + fall) / (x - x0)
                    }
                },
            )?;
            twice(&found)
        })
    }
    fn gated(&self, x: &Tensor, gate: &Tensor, y: &Tensor) -> Backward {
        averaged(gate, x, |gate| Gradient.gated(x, gate, y))
    }
    fn gate(&self, x: &Tensor, gate: &Tensor, y: &Tensor) -> Backward {
        averaged(x, x, |x| Gradient.gate(x, gate, y))
    }
    fn softmax(&self, x: &Tensor, _y: &Tensor) -> Backward {
        let x = x.clone();
        Box::new(move |grad| softmax::rescaled(&x, grad))
    }
    fn left_factor(&self, a: &Tensor, b: &Tensor, y: &Tensor) -> Backward {
        averaged(b, a, |b| Gradient.left_factor(a, b, y))
    }
    fn right_factor(&self, a: &Tensor, b: &Tensor, y: &Tensor) -> Backward {
        averaged(a, b, |a| Gradient.right_factor(a, b, y))
    }
    fn layer_norm(&self, layer: &LayerNorm, x: &Tensor, _y: &Tensor) -> Backward {
        let (layer, x) = (layer.clone(), x.clone());
        Box::new(move |grad| layer_norm::rescaled(&layer, &x, grad))
    }
}

/// Applies a rule with a factor replaced, in both halves, by its mean over the image's and the baseline's half. A constant, which is not
/// batched, stays.
fn averaged(factor: &Tensor, x: &Tensor, rule: impl Fn(&Tensor) -> Backward) -> Backward {
    let mean = || -> candle_core::Result<Tensor> {
        if factor.rank() != x.rank() || factor.dim(0)? != x.dim(0)? {
            return Ok(factor.clone());
        }
        let (a, b) = halves(factor)?;
        twice(&pointwise([&a, &b], |[a, b]| (a + b) / 2.0)?)
    };
    match mean() {
        Ok(mean) => rule(&mean),
        Err(error) => {
            let text = error.to_string();
            Box::new(move |_| candle_core::bail!("{text}"))
        }
    }
}
