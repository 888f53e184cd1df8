//! Percentile bootstrap intervals.

use gradcam_random::Random;
use rayon::prelude::*;
use serde::Serialize;

use crate::{Error, Result, Undefined};

/// The share of intervals that may miss the truth, and of false passes: the largest p-value of a pass.
pub const ALPHA: f64 = 0.05;
/// The number of resamples that the card's rule requires.
pub const RESAMPLES: usize = 1000;

/// A value with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The value of the sample itself.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Computes the percentile interval of a statistic of `count` items (Efron 1979). The statistic of `resamples` draws of `count` items with
/// replacement is cut at `(1 - level) / 2` on both sides.
///
/// `statistic` receives the drawn items' indices, so it may use pairs, or clusters if the items are not independent. Each draw has its own
/// generator (ChaCha8 of the seed, with the draw's number as its stream); the result does not depend on the number of threads.
///
/// # Errors
/// If the level is not between 0 and 1 or there are no resamples; [`Undefined::Empty`] without items, and [`Undefined::NonFinite`] if the
/// statistic is not finite.
///
/// ```
/// use gradcam_eval::statistics::bootstrap;
///
/// let values = [1.0, 2.0, 3.0, 4.0];
/// let mean = |items: &[usize]| items.iter().map(|&i| values[i]).sum::<f64>() / items.len() as f64;
/// let interval = bootstrap(values.len(), 1000, 0.95, 0, mean)?;
/// assert_eq!(interval.value, 2.5);
/// assert!(1.0 <= interval.low && interval.low < 2.5);
/// assert!(2.5 < interval.high && interval.high <= 4.0);
/// # Ok::<(), gradcam_eval::Error>(())
/// ```
pub fn bootstrap(
    count: usize,
    resamples: usize,
    level: f64,
    seed: u64,
    statistic: impl Fn(&[usize]) -> f64 + Sync,
) -> Result<Interval> {
    if !(level > 0.0 && level < 1.0) {
        return Err(Error::option("level", "between 0 and 1", level));
    }
    if resamples == 0 {
        return Err(Error::option("resamples", "at least 1", 0));
    }
    if count == 0 {
        return Err(Undefined::Empty.into());
    }
    let value = statistic(&(0..count).collect::<Vec<_>>());
    let draw = |number: usize| {
        let mut random = Random::of_draw(seed, number);
        let items: Vec<usize> = (0..count).map(|_| random.below(count)).collect();
        statistic(&items)
    };
    let draws: Vec<f64> = (0..resamples).into_par_iter().map(draw).collect();
    if draws.iter().chain([&value]).any(|v| !v.is_finite()) {
        return Err(Undefined::NonFinite.into());
    }
    let tail = (1.0 - level) / 2.0;
    Ok(Interval {
        value,
        low: quantile(&draws, tail)?,
        high: quantile(&draws, 1.0 - tail)?,
    })
}

/// Computes the 95 % interval of a mean, from [`RESAMPLES`] resamples.
///
/// # Errors
/// As [`bootstrap`].
pub fn mean_interval(values: &[f64], seed: u64) -> Result<Interval> {
    weighted_interval(values, &vec![1.0; values.len()], seed)
}

/// Computes the 95 % interval of a weighted mean, `Σ w v / Σ w`, from [`RESAMPLES`] resamples. Each item keeps its weight, and a resample's
/// sum is divided by the sum of the drawn weights (the ratio estimator of Hájek 1971).
///
/// # Errors
/// As [`bootstrap`]; [`Error::Length`] if the numbers of weights and values differ.
pub fn weighted_interval(values: &[f64], weights: &[f64], seed: u64) -> Result<Interval> {
    if values.len() != weights.len() {
        return Err(Error::Length {
            expected: values.len(),
            found: weights.len(),
        });
    }
    bootstrap(values.len(), RESAMPLES, 1.0 - ALPHA, seed, |items| {
        let sum = |of: &dyn Fn(usize) -> f64| items.iter().map(|&i| of(i)).sum::<f64>();
        sum(&|i| weights[i] * values[i]) / sum(&|i| weights[i])
    })
}

/// Computes the 95 % interval of the mean difference `a - b` over pairs of the same image: effects common to both cancel.
///
/// # Errors
/// As [`bootstrap`].
pub fn mean_difference(pairs: &[(f64, f64)], seed: u64) -> Result<Interval> {
    let differences: Vec<f64> = pairs.iter().map(|(a, b)| a - b).collect();
    mean_interval(&differences, seed)
}

/// Returns the value below which a `share` of the values lies, with linear interpolation between two of them (NumPy's default).
///
/// # Errors
/// If the share is not in 0 to 1; [`Undefined::Empty`] without values, [`Undefined::NonFinite`].
pub fn quantile(values: &[f64], share: f64) -> Result<f64> {
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::option("share", "in 0 to 1", share));
    }
    if values.iter().any(|v| !v.is_finite()) {
        return Err(Undefined::NonFinite.into());
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * sorted.len().saturating_sub(1) as f64;
    let at = |place: f64| sorted.get(place as usize).copied();
    match (at(place.floor()), at(place.ceil())) {
        (Some(low), Some(high)) => Ok(low + (high - low) * place.fract()),
        _ => Err(Undefined::Empty.into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{golden, list, on_any_threads, undefined, wave};

    fn values() -> Vec<f64> {
        let values = wave(1, 11, 0.731).into_values();
        values.iter().map(|&v| 10.0 * f64::from(v) - 4.0).collect()
    }

    #[test]
    fn quantiles_are_those_of_numpy() {
        let expected = list(&golden()["statistics"]["quantiles"]);
        for (share, expected) in [0.025, 0.3, 0.975].into_iter().zip(expected) {
            assert!((quantile(&values(), share).unwrap() - expected).abs() < 1e-8);
        }
        assert_eq!(undefined(quantile(&[], 0.5)), Undefined::Empty);
        assert!(quantile(&[1.0], 1.1).is_err());
    }

    /// For two values 0 and 1, the mean of a draw is 0, ½ or 1 with probability ¼, ½ and ¼.
    #[test]
    fn the_draws_of_two_values() {
        let at = |level: f64| bootstrap(2, 4000, level, 5, |i| (i[0] + i[1]) as f64 / 2.0).unwrap();
        let interval = |value: f64, low: f64, high: f64| Interval { value, low, high };
        assert_eq!(at(0.6), interval(0.5, 0.0, 1.0));
        assert_eq!(at(0.4), interval(0.5, 0.5, 0.5));
        assert!(bootstrap(2, 0, 0.5, 0, |_| 0.0).is_err());
        assert!(bootstrap(2, 9, 1.0, 0, |_| 0.0).is_err());
        assert_eq!(undefined(mean_interval(&[], 0)), Undefined::Empty);
    }

    /// For many values the interval is near the mean ± 1.96 standard errors, and its coverage is as stated.
    #[test]
    fn the_interval_covers() {
        let mut covered = 0;
        for seed in 0..200 {
            let mut random = Random::of_draw(seed, 0);
            let values: Vec<f64> = random.normals(60, 1.0);
            let found = bootstrap(60, 300, 0.95, seed, |items| {
                items.iter().map(|&i| values[i]).sum::<f64>() / 60.0
            });
            let found = found.unwrap();
            let width = found.high - found.low;
            assert!(
                (0.3..0.75).contains(&width),
                "2 · 1.96 / √60 = 0.51: {width}"
            );
            covered += usize::from(found.low <= 0.0 && found.high >= 0.0);
        }
        assert!((180..=197).contains(&covered), "{covered} of 200");
    }

    #[test]
    fn pairs_cancel_what_they_have_in_common() {
        let values = values();
        let pairs: Vec<(f64, f64)> = values.iter().map(|v| (v + 0.5, *v)).collect();
        let found = on_any_threads(|| mean_difference(&pairs, 1).unwrap());
        assert!((found.low - 0.5).abs() < 1e-12 && (found.high - 0.5).abs() < 1e-12);
        let alone = mean_interval(&values, 1).unwrap();
        assert!(alone.high - alone.low > 1.0);
        assert_ne!(alone, mean_interval(&values, 2).unwrap());
    }
}
