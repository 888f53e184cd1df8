//! Shapley-CAM (Cai 2025).

use std::sync::Arc;

use candle_core::{Tensor, Var};

use super::channels;
use crate::Result;
use crate::head::Head;
use crate::method::ShapleyCam;
use crate::observation::{Score, rows};
use crate::saliency::{SignedMap, Subject};
use crate::target::Target;

/// The residual softmax score of a class, `y + log p` (ReST); the target's own score for anything but a class.
pub(super) fn objective(options: &ShapleyCam, target: &Target) -> Option<Target> {
    let &Target::Index(class) = target else {
        return None;
    };
    options.residual_softmax.then(|| {
        Target::Score(Arc::new(move |logits: &Tensor| {
            let log_p = gradcam_nn::ops::log_softmax(logits, 0)?;
            log_p.get(class)? + logits.get(class)?
        }))
    })
}

/// The weight of a channel is the mean of `g - H A / 2`, with the gradient `g` and the Hessian `H` of the score at the activation `A`:
/// the Shapley value of a score that is quadratic in the activation (equation 9).
///
/// Behind the layer of a ReLU network the logits are piecewise linear in the activation, and `H A = Jᵀ S J A` with their Jacobian `J` and
/// the Hessian `S` of the score as a function of the logits: that is what a second derivative by automatic differentiation gives
/// (pytorch-grad-cam's). Where smooth functions follow, `H A` is the central difference of the gradient along `A`.
pub(super) fn map(options: &ShapleyCam, subject: &Subject<'_>) -> Result<SignedMap> {
    let features = subject.features;
    let positions = features.positions();
    let head = Head::new(subject.network, subject.image, subject.layer)?;
    let own = objective(options, subject.target);
    let target = [Some(own.unwrap_or_else(|| subject.target.clone()))];
    let scaled = |factor: f64| -> Vec<f64> {
        let scaled = |&a: &f32| f64::from(a) * factor;
        features.activation.iter().map(scaled).collect()
    };
    let score = |output: &Tensor| Score::of(output, &rows(output, 1)?, &target)?.total(output, 1);
    let step = options.step;
    let along: Vec<f64> = if head.is_piecewise_linear() {
        let (above, below) = (
            head.output(scaled(1.0 + step))?,
            head.output(scaled(1.0 - step))?,
        );
        let change = ((above - below)? / (2.0 * step))?;
        let logits = head.output(scaled(1.0))?;
        // The score's gradient at the logits, a little to both sides.
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

/// The mean of each channel.
fn means(values: &[f32], positions: usize) -> Vec<f64> {
    values.chunks_exact(positions).map(channels::mean).collect()
}
