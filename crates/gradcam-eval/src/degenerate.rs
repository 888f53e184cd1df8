//! Maps and samples for which a metric has no value, and how they are counted.
//!
//! A map that a ReLU left empty has no order, no maximum and no correlation. Libraries answer with NaN, which poisons a mean, or with a
//! number that looks like a measurement. Here the answer is [`Undefined`] with its reason. A [`Tally`] keeps it beside the values. A report
//! can therefore count such samples, and can be made once without them and once with the worst value in their place.

use gradcam_map::Grid;
use serde::Serialize;

use crate::{Error, Result, Undefined};

/// Checks that a map has only finite values.
///
/// # Errors
/// [`Undefined::NonFinite`].
pub fn check_finite(map: &Grid) -> Result<()> {
    if map.values().iter().all(|v| v.is_finite()) {
        Ok(())
    } else {
        Err(Undefined::NonFinite.into())
    }
}

/// Checks that a map is informative: it is finite, and its values differ by more than a millionth of the largest.
///
/// # Errors
/// As [`check_finite`], and [`Undefined::Zero`], [`Undefined::Constant`].
pub fn check(map: &Grid) -> Result<()> {
    check_finite(map)?;
    let (low, high) = (f64::from(map.min()), f64::from(map.max()));
    let largest = low.abs().max(high.abs());
    if largest == 0.0 {
        return Err(Undefined::Zero.into());
    }
    if high - low > 1e-6 * largest {
        Ok(())
    } else {
        Err(Undefined::Constant.into())
    }
}

/// Checks that two maps have the same size.
pub(crate) fn check_pair(a: &Grid, b: &Grid) -> Result<()> {
    if a.size() == b.size() {
        Ok(())
    } else {
        Err(Error::Size {
            expected: a.size(),
            found: b.size(),
        })
    }
}

/// Checks that a mask fits a map and marks something.
pub(crate) fn check_mask(map: &Grid, mask: &[bool]) -> Result<()> {
    if mask.len() != map.size().area() {
        return Err(Error::Mask {
            expected: map.size().area(),
            found: mask.len(),
        });
    }
    if mask.contains(&true) {
        Ok(())
    } else {
        Err(Undefined::EmptyMask.into())
    }
}

/// The values of a metric over samples, with a reason for each missing value.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[non_exhaustive]
pub struct Tally {
    /// One outcome per sample, in the order of the samples.
    pub outcomes: Vec<std::result::Result<f64, Undefined>>,
}

impl Tally {
    /// Collects the results of a metric; a value that is not finite counts as [`Undefined::NonFinite`].
    ///
    /// # Errors
    /// The first error that is not [`Error::Undefined`].
    pub fn collect(results: impl IntoIterator<Item = Result<f64>>) -> Result<Self> {
        let outcome = |result: Result<f64>| match result {
            Ok(value) if value.is_finite() => Ok(Ok(value)),
            Ok(_) => Ok(Err(Undefined::NonFinite)),
            Err(Error::Undefined(reason)) => Ok(Err(reason)),
            Err(error) => Err(error),
        };
        let outcomes = results.into_iter().map(outcome).collect::<Result<_>>()?;
        Ok(Tally { outcomes })
    }

    /// Returns the values that exist, in the order of the samples.
    pub fn values(&self) -> Vec<f64> {
        self.outcomes.iter().filter_map(|o| o.ok()).collect()
    }

    /// Returns a value for every sample: `worst` if the metric has none. A report shows these beside [`values`](Tally::values), so that a
    /// method cannot win by being undefined on hard samples.
    pub fn scored(&self, worst: f64) -> Vec<f64> {
        self.outcomes.iter().map(|o| o.unwrap_or(worst)).collect()
    }

    /// Returns the indices of the samples without a value, with the reasons.
    pub fn undefined(&self) -> Vec<(usize, Undefined)> {
        let outcomes = self.outcomes.iter().enumerate();
        outcomes.filter_map(|(i, o)| Some((i, o.err()?))).collect()
    }

    /// Returns the share of samples without a value, 0 to 1; 0 if there are no samples.
    pub fn undefined_share(&self) -> f64 {
        self.undefined().len() as f64 / self.outcomes.len().max(1) as f64
    }

    /// Returns the pairs of values from samples for which both metrics have one, for a paired test.
    ///
    /// # Errors
    /// [`Error::Length`] if the two have different numbers of samples.
    pub fn paired(&self, other: &Tally) -> Result<Vec<(f64, f64)>> {
        if self.outcomes.len() != other.outcomes.len() {
            return Err(Error::Length {
                expected: self.outcomes.len(),
                found: other.outcomes.len(),
            });
        }
        let pairs = self.outcomes.iter().zip(&other.outcomes);
        Ok(pairs
            .filter_map(|(a, b)| Some((a.ok()?, b.ok()?)))
            .collect())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::grid;

    #[test]
    fn every_degenerate_map_has_its_reason() {
        let reason = |values: &[f32]| match check(&grid(1, values.len(), values)) {
            Err(Error::Undefined(reason)) => Some(reason),
            _ => None,
        };
        assert_eq!(reason(&[0.0, -0.0]), Some(Undefined::Zero));
        assert_eq!(reason(&[3.0, 3.000_001]), Some(Undefined::Constant));
        assert_eq!(reason(&[0.0, f32::NAN]), Some(Undefined::NonFinite));
        assert_eq!(reason(&[0.0, f32::INFINITY]), Some(Undefined::NonFinite));
        assert_eq!(reason(&[-1e-30, 0.0]), None);
    }

    #[test]
    fn nothing_is_dropped_without_a_word() {
        let results = [Ok(0.5), Err(Undefined::Zero.into()), Ok(f64::NAN), Ok(0.25)];
        let tally = Tally::collect(results).unwrap();
        assert_eq!(tally.values(), [0.5, 0.25]);
        assert_eq!(tally.scored(-1.0), [0.5, -1.0, -1.0, 0.25]);
        assert_eq!(
            tally.undefined(),
            [(1, Undefined::Zero), (2, Undefined::NonFinite)]
        );
        assert_eq!(tally.undefined_share(), 0.5);
        let other = Tally::collect([Ok(1.0), Ok(2.0), Ok(3.0), Ok(4.0)]).unwrap();
        assert_eq!(tally.paired(&other).unwrap(), [(0.5, 1.0), (0.25, 4.0)]);
        assert!(tally.paired(&Tally::default()).is_err());
        let failed = Tally::collect([Err(Error::option("step", "positive", 0))]);
        assert!(failed.is_err());
    }
}
