//! What a randomisation comes to.

use super::likeness::named;
use super::{Likeness, Order, Randomized};
use crate::statistics::{Gate, Measured, Measurement, Null};
use crate::{Direction, Error, Metric, Result};

/// How far below 1 the similarity must fall when what comes after the layer is drawn anew.
const DROP: f64 = 0.01;

/// Whether maps of the fixed class follow the parameters (Adebayo et al. 2018, by the card's rule): at the last step they must be no more
/// like the trained network's maps than those of different images are.
///
/// The null is the upper end of the random pairs' interval, since a map of an untrained network cannot be less like than a map that has
/// nothing to do with it. It passes below it and fails above it. The gate asks that the first step after the layer (the first of all, where
/// no layer was named) moved the map at all: by more than 0.01 with the whole interval. It is not asked where the test fails anyway.
/// The p-value's draws follow from the seed.
///
/// # Errors
/// When it was no cascade, it had no step, or the metric was not measured.
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

/// Model weight randomisation (Arun et al. 2021): the structural similarity at the end of the cascade must lie below that of random pairs of
/// the trained network's maps. Here the range of the maps is 1, where the authors' library took 2: their numbers are higher. The p-value's
/// draws follow from the seed.
///
/// # Errors
/// When it was no cascade, it had no step, or [`Metric::Ssim`] was not measured.
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
