//! The tests of a randomisation.

use super::likeness::named;
use super::{Likeness, Order, Randomized};
use crate::statistics::{Gate, Measured, Measurement, Null};
use crate::{Direction, Error, Metric, Result};

/// How far below 1 the similarity must fall when the blocks after the layer are redrawn.
const DROP: f64 = 0.01;

/// Tests whether maps of the fixed class follow the parameters (Adebayo et al. 2018, by the card's rule): at the last step they must be no
/// more similar to the trained network's maps than maps of different images are.
///
/// The null is the upper end of the random pairs' interval, because a map of an untrained network cannot be less similar than an unrelated
/// map. The test passes below it and fails above it. The gate requires that the first step after the layer (or the very first, if no layer
/// was named) moved the map at all: by more than 0.01 with the whole interval. The gate is omitted if the test fails anyway. The seed
/// determines the p-value's draws.
///
/// # Errors
/// If the randomisation was not a cascade or had no step, or the metric was not measured.
pub fn cascade_test(randomized: &Randomized, metric: Metric, seed: u64) -> Result<Measurement> {
    let last = last_step(randomized, metric)?;
    let pairs = named(&randomized.random_pairs, metric)?;
    let null = match pairs.mean {
        None => None,
        Some(mean) => Some(Null {
            samples: Some(pairs.values.values().len()),
            ..last.against_number(mean.high, "random_pair_upper", Direction::Down, seed)?
        }),
    };
    let fails = null
        .as_ref()
        .zip(last.mean)
        .is_some_and(|(null, mean)| mean.low >= null.interval.value);
    let mut test = Measurement::of(last, Direction::Down, null.into_iter().collect());
    let steps = &randomized.steps;
    let after = steps
        .iter()
        .find(|step| step.activations_change == Some(false))
        .or(steps.first());
    if let Some(step) = after.filter(|_| !fails) {
        let high = named(&step.fixed, metric)?
            .mean
            .map_or(f64::NAN, |m| m.high);
        test.gates.push(Gate {
            name: format!("drop at `{}`", step.block),
            required: format!("a similarity below {}", 1.0 - DROP),
            observed: format!("up to {high:.4}"),
            ok: high < 1.0 - DROP,
        });
    }
    Ok(test)
}

/// Tests model weight randomisation (Arun et al. 2021): the structural similarity at the end of the cascade must be below that of random
/// pairs of the trained network's maps. The range of the maps is 1 here; the authors' library used 2, so their numbers are higher. The seed
/// determines the p-value's draws.
///
/// # Errors
/// If the randomisation was not a cascade or had no step, or [`Metric::Ssim`] was not measured.
pub fn weight_randomization_test(randomized: &Randomized, seed: u64) -> Result<Measurement> {
    let last = last_step(randomized, Metric::Ssim)?;
    let pairs = named(&randomized.random_pairs, Metric::Ssim)?;
    let null = last.against(pairs, "random_pair", Direction::Down, seed)?;
    Ok(Measurement::of(
        last,
        Direction::Down,
        null.into_iter().collect(),
    ))
}

fn last_step(randomized: &Randomized, metric: Metric) -> Result<&Measured> {
    if randomized.order != Order::Cascading {
        return Err(Error::option("order", "cascading", "independent"));
    }
    let last: Option<&[Likeness]> = randomized.steps.last().map(|step| step.fixed.as_slice());
    named(last.unwrap_or_default(), metric)
}
