//! Whether a network's gradient is what finite differences say.

use candle_core::{DType, Tensor};
use gradcam_nn::Network;
use gradcam_random::Random;

use crate::seen::head::Head;
use crate::seen::observation::{Observation, Place, Score};
use crate::target::Target;
use crate::{Error, Result};

/// What an audit of a gradient found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Audit {
    /// Units whose derivative was measured: none where it is lost in the rounding of the score.
    pub units: usize,
    /// Units at which the score has a kink within the step, so that it has no derivative to compare: they count for nothing.
    pub kinks: usize,
    /// The largest distance of the gradient from the central difference, as a share of the largest gradient; of the largest difference, where
    /// the gradient is next to nothing.
    pub deviation: f64,
}

/// How far a unit is moved, and what that can tell.
struct Step {
    /// As a share of the layer's largest activation.
    length: f64,
    /// Where the differences to both sides are further apart than this share of the largest gradient, a kink lies between them.
    kink: f64,
    /// The rounding error of a score, as a share of the largest logit.
    rounding: f64,
}

impl Step {
    /// The step for a network whose numbers are of this type: in `f64` it is so small that few kinks lie within it, and no curve shows.
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
/// A unit is one channel at one position; it is moved by a hundredth of the layer's largest activation (by a hundred-thousandth in `f64`), and the part
/// of the network behind the layer runs again. Where the differences to both sides are further apart than a tenth of the largest gradient
/// (a hundredth in `f64`), a kink lies between them.
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
    audit_gradient_by(
        (network, image),
        (network, image),
        layer,
        target,
        units,
        seed,
    )
}

/// Compares the gradient of a network for an image with the differences of another one, as [`audit_gradient`] does: of the same network with
/// more exact numbers.
///
/// # Errors
/// When the layer does not exist or has no spatial map in one of them, or the target does not suit.
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
