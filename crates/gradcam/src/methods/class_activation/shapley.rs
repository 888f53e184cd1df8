//! Shapley-CAM (Cai 2025).

use std::sync::Arc;

use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

use super::channels;
use crate::Result;
use crate::methods::about::{About, LAYER};
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};
use crate::seen::head::Head;
use crate::seen::observation::{Score, rows};
use crate::target::Target;

/// Options of [`Method::ShapleyCam`](crate::Method::ShapleyCam).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShapleyCam {
    /// Explains `y + log p` instead of the logit `y` (ReST). At a piecewise linear head, the logit has no second derivative, so without
    /// ReST the method is Grad-CAM.
    pub residual_softmax: bool,
    /// Half of the finite difference along the activation, as a fraction of the activation.
    pub step: f64,
}

impl Default for ShapleyCam {
    /// With the residual softmax.
    fn default() -> Self {
        ShapleyCam {
            residual_softmax: true,
            step: 1e-3,
        }
    }
}

impl Recipe for ShapleyCam {
    fn about(&self) -> About {
        About {
            paper: "Cai 2025, CAMs as Shapley Value-based Explainers",
            cost: "2 forwards, 5 of the head, 2 backwards of the head",
            ..LAYER
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        let fits = self.step > 0.0 && self.step < 1.0;
        check.that(fits, "step", "above 0 and below 1", self.step)
    }

    /// Returns the residual softmax score of a class, `y + log p` (ReST). `None` if the option is off or the target is not a class: the
    /// target's own score.
    fn objective(&self, target: &Target, _: &[f32]) -> Result<Option<Target>> {
        let &Target::Index(class) = target else {
            return Ok(None);
        };
        Ok(self.residual_softmax.then(|| {
            Target::Score(Arc::new(move |logits: &Tensor| {
                let log_p = gradcam_nn::ops::log_softmax(logits, 0)?;
                log_p.get(class)? + logits.get(class)?
            }))
        }))
    }

    /// Weights each channel by the mean of `g - H A / 2`, with the gradient `g` and the Hessian `H` of the score at the activation `A`.
    /// This is the Shapley value of a score that is quadratic in the activation (equation 9).
    ///
    /// After the layer of a ReLU network, the logits are piecewise linear in the activation. Then `H A = Jᵀ S J A` with their Jacobian `J`
    /// and the Hessian `S` of the score as a function of the logits, as a second derivative by automatic differentiation gives it
    /// (pytorch-grad-cam). If smooth functions follow, `H A` is the central difference of the gradient along `A`.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let features = subject.features;
        let positions = features.positions();
        let head = Head::new(subject.network, subject.image, subject.layer)?;
        let own = self.objective(subject.target, subject.logits)?;
        let target = [Some(own.unwrap_or_else(|| subject.target.clone()))];
        let scaled = |factor: f64| -> Vec<f64> {
            let scaled = |&a: &f32| f64::from(a) * factor;
            features.activation.iter().map(scaled).collect()
        };
        let score =
            |output: &Tensor| Score::of(output, &rows(output, 1)?, &target)?.total(output, 1);
        let step = self.step;
        let along: Vec<f64> = if head.is_piecewise_linear() {
            let (above, below) = (
                head.output(scaled(1.0 + step))?,
                head.output(scaled(1.0 - step))?,
            );
            let change = ((above - below)? / (2.0 * step))?;
            let logits = head.output(scaled(1.0))?;
            // The score's gradient at the logits, slightly to either side.
            let at = |side: f64| -> Result<Tensor> {
                let variable = Var::from_tensor(&(&logits + (&change * (side * step))?)?)?;
                let graph = score(variable.as_tensor())?.backward()?;
                Ok(match graph.get(variable.as_tensor()) {
                    Some(grad) => grad.clone(),
                    None => logits.zeros_like()?,
                })
            };
            let curved = ((at(1.0)? - at(-1.0)?)? / (2.0 * step))?;
            let product = |output: &Tensor| Ok((output * &curved)?.sum_all()?);
            means(&head.gradient(scaled(1.0), product)?, positions)
        } else {
            let gradient = |factor: f64| head.gradient(scaled(factor), score);
            let (above, below) = (gradient(1.0 + step)?, gradient(1.0 - step)?);
            let pairs = means(&above, positions)
                .into_iter()
                .zip(means(&below, positions));
            pairs.map(|(a, b)| (a - b) / (2.0 * step)).collect()
        };
        let weights = features
            .pairs()
            .zip(along)
            .map(|((_, g), along)| channels::mean(g) - subject.sign * along / 2.0);
        Ok(features.weighted(weights))
    }
}

/// Returns the mean of each channel.
fn means(values: &[f32], positions: usize) -> Vec<f64> {
    values.chunks_exact(positions).map(channels::mean).collect()
}
