//! Checks a network's gradient against finite differences.

use candle_core::{DType, Tensor};
use gradcam_nn::Network;
use gradcam_random::Random;

use crate::seen::head::Head;
use crate::seen::observation::{Observation, Place, Score};
use crate::target::Target;
use crate::{Error, Result};

/// The result of an audit of a gradient.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Audit {
    /// Units whose derivative was measured; 0 if the derivative is lost in the rounding of the score.
    pub units: usize,
    /// Units left out because the score has a kink within the step, so that there is no derivative to compare.
    pub kinks: usize,
    /// The largest distance of the gradient from the central difference, as a fraction of the largest gradient, or of the largest
    /// difference if the gradient is close to 0.
    pub deviation: f64,
}

/// The distance by which a unit is moved, and its limits of accuracy.
struct Step {
    /// As a fraction of the layer's largest activation.
    length: f64,
    /// If the differences on the two sides are further apart than this fraction of the largest gradient, a kink lies between them.
    kink: f64,
    /// The rounding error of a score, as a fraction of the largest logit.
    rounding: f64,
}

impl Step {
    /// Returns the step for a network of this element type. In `f64` it is so small that few kinks lie within it and curvature does not
    /// show.
    fn of(dtype: DType) -> Self {
        match dtype {
            DType::F64 => Step {
                length: 1e-5,
                kink: 0.01,
                rounding: 1e-15,
            },
            _ => Step {
                length: 1e-2,
                kink: 0.1,
                rounding: 1e-7,
            },
        }
    }
}

/// Compares the score's gradient at a layer with central differences at `units` random units (ChaCha8 from `seed`).
///
/// A unit is one channel at one position. It is moved by a hundredth of the layer's largest activation (by 1e-5 of it in `f64`), and the
/// part of the network after the layer runs again. If the differences on the two sides are further apart than a tenth of the largest
/// gradient (a hundredth in `f64`), a kink lies between them.
///
/// # Errors
/// If the layer does not exist or has no spatial map, or the target does not fit the network.
pub fn audit_gradient(
    network: &dyn Network,
    image: &Tensor,
    layer: &str,
    target: &Target,
    units: usize,
    seed: u64,
) -> Result<Audit> {
    audit_gradient_by(
        (network, image),
        (network, image),
        layer,
        target,
        units,
        seed,
    )
}

/// Compares the gradient of a network for an image with the differences of another network, as [`audit_gradient`] does. The other is the
/// same network in higher precision.
///
/// # Errors
/// If the layer does not exist or has no spatial map in one of them, or the target does not fit.
pub fn audit_gradient_by(
    (network, image): (&dyn Network, &Tensor),
    (exact, exact_image): (&dyn Network, &Tensor),
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
    let gradient: Vec<f64> = features.gradient.iter().map(|&g| f64::from(g)).collect();
    let head = Head::new(exact, exact_image, layer)?;
    let activation = head.map()?;
    if activation.len() != gradient.len() {
        return Err(Error::Input(exact_image.dims().to_vec()));
    }
    let largest = |values: &[f64]| values.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    let Step {
        length,
        kink,
        rounding,
    } = Step::of(exact_image.dtype());
    let step = length * largest(&activation).max(1e-6);
    let moved = |unit: usize, by: f64| -> Result<f64> {
        let mut changed = activation.clone();
        changed[unit] += by;
        let output = head.output(changed)?;
        let logits = crate::seen::observation::rows(&output, 1)?;
        let score = Score::of(&output, &logits, &[Some(target.clone())])?;
        let score = score.total(&output, 1)?.to_dtype(DType::F64)?;
        Ok(score.to_scalar::<f64>()?)
    };
    let mut audit = Audit {
        units: 0,
        kinks: 0,
        deviation: 0.0,
    };
    let at = moved(0, 0.0)?;
    let mut random = Random::of_draw(seed, 0);
    let mut sides = Vec::with_capacity(units);
    for _ in 0..units {
        let unit = random.fair(gradient.len());
        let (above, below) = (moved(unit, step)?, moved(unit, -step)?);
        sides.push((unit, (above - at) / step, (at - below) / step));
    }
    let logits: Vec<f64> = logits.iter().map(|&v| f64::from(v)).collect();
    let noise = rounding * largest(&logits) / step;
    let mut scale = largest(&gradient);
    if noise >= kink * scale {
        let central = sides.iter().map(|(_, right, left)| (right + left) / 2.0);
        scale = scale.max(largest(&central.collect::<Vec<_>>()));
    }
    if noise >= kink * scale {
        return Ok(audit);
    }
    for (unit, right, left) in sides {
        if (right - left).abs() > kink * scale {
            audit.kinks += 1;
            continue;
        }
        audit.units += 1;
        let apart = ((right + left) / 2.0 - gradient[unit]).abs();
        audit.deviation = audit.deviation.max(apart / scale);
    }
    Ok(audit)
}
