//! Whether a network's gradient is what finite differences say.

use candle_core::Tensor;
use gradcam_nn::Network;
use rand_chacha::rand_core::RngCore;

use crate::head::Head;
use crate::noise::generator;
use crate::observation::{Observation, Place, Score, values};
use crate::target::{Target, value};
use crate::{Error, Result};

/// What an audit of a gradient found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Audit {
    /// Units whose derivative was measured.
    pub units: usize,
    /// Units at which the score has a kink within the step, so that it has no derivative to compare: they count for nothing.
    pub kinks: usize,
    /// The largest distance of the gradient from the central difference, as a share of the largest gradient.
    pub deviation: f64,
}

/// Compares the score's gradient at a layer with central differences at `units` random units (ChaCha8 from `seed`).
///
/// A unit is one channel at one position; it is moved by a hundredth of the layer's largest activation, and the part of the network behind
/// the layer runs again. Where the differences to both sides are further apart than a tenth of the largest gradient, a kink lies between
/// them.
///
/// # Errors
/// When the layer does not exist or has no spatial map, or the target does not suit.
pub fn audit_gradient(
    network: &dyn Network,
    image: &Tensor,
    layer: &str,
    target: &Target,
    units: usize,
    seed: u64,
) -> Result<Audit> {
    let place = Place::Layers(vec![layer.to_string()]);
    let seen = Observation::new(network, image, place)?;
    let logits = seen
        .logits
        .first()
        .ok_or(Error::Input(image.dims().to_vec()))?;
    let target = target.resolved(logits)?;
    let score = Score::of(&seen.output, &seen.logits, &[Some(target.clone())])?;
    let gradients = seen.gradients(&score)?;
    let features = seen.features(0, 0, &gradients);
    let largest = |values: &[f32]| {
        values
            .iter()
            .fold(0.0_f64, |m, v| m.max(f64::from(v.abs())))
    };
    let step = 0.01 * largest(features.activation).max(1e-6);
    let scale = largest(features.gradient).max(f64::MIN_POSITIVE);
    let head = Head::new(network, image, layer)?;
    let moved = |unit: usize, by: f64| -> Result<f64> {
        let mut changed = features.activation.to_vec();
        changed[unit] = (f64::from(changed[unit]) + by) as f32;
        let output = values(&head.output(changed)?)?;
        Ok(f64::from(value(&target, &output)?))
    };
    let mut random = generator(seed, 0);
    let mut audit = Audit {
        units: 0,
        kinks: 0,
        deviation: 0.0,
    };
    for _ in 0..units {
        let unit = (random.next_u64() % features.activation.len().max(1) as u64) as usize;
        let (above, at, below) = (moved(unit, step)?, moved(unit, 0.0)?, moved(unit, -step)?);
        let (right, left) = ((above - at) / step, (at - below) / step);
        if (right - left).abs() > 0.1 * scale {
            audit.kinks += 1;
            continue;
        }
        audit.units += 1;
        let apart = ((right + left) / 2.0 - f64::from(features.gradient[unit])).abs();
        audit.deviation = audit.deviation.max(apart / scale);
    }
    Ok(audit)
}
