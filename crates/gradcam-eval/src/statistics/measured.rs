//! A metric over images with its mean, and a test to be graded.

use serde::Serialize;

use super::{
    Finding, Gate, Graded, Interval, MIN_SAMPLES, Null, Side, grade, mean_interval, permutation,
    sign_flip,
};
use crate::{Direction, Result, Tally};

/// The values of a metric over images, and their mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// One value or reason per image.
    pub values: Tally,
    /// The mean of the values with its 95 % bootstrap interval; `None` if no image has a value.
    pub mean: Option<Interval>,
}

impl Measured {
    /// Adds the mean to the values; the seed determines the resamples.
    ///
    /// # Errors
    /// As [`mean_interval`]; finite values cause none.
    pub fn of(values: Tally, seed: u64) -> Result<Self> {
        let known = values.values();
        let mean = if known.is_empty() {
            None
        } else {
            Some(mean_interval(&known, seed)?)
        };
        Ok(Measured { values, mean })
    }

    /// Makes a null of `other`, measured on other samples; `None` if it has no mean. The p-value comes from random exchanges between the
    /// two ([`permutation`]), drawn from the seed.
    ///
    /// # Errors
    /// As [`permutation`]; finite values cause none.
    pub fn against(
        &self,
        other: &Measured,
        name: &str,
        direction: Direction,
        seed: u64,
    ) -> Result<Option<Null>> {
        let Some(interval) = other.mean else {
            return Ok(None);
        };
        let (own, others) = (self.values.values(), other.values.values());
        let all: Vec<f64> = own.iter().chain(&others).copied().collect();
        let first = |items: &[usize]| -> f64 {
            let sum: f64 = items[..own.len()].iter().map(|&i| all[i]).sum();
            match direction {
                Direction::Down => -sum,
                Direction::Up | Direction::None => sum,
            }
        };
        let p = if own.is_empty() {
            None
        } else {
            Some(permutation(all.len(), seed, first)?)
        };
        Ok(Some(Null {
            name: name.to_string(),
            interval,
            difference: None,
            samples: Some(others.len()),
            p,
        }))
    }

    /// Makes a null of a number. The p-value comes from a sign-flip test ([`sign_flip`]) of the values' distances from it.
    ///
    /// # Errors
    /// As [`sign_flip`]; finite values cause none.
    pub fn against_number(
        &self,
        value: f64,
        name: &str,
        direction: Direction,
        seed: u64,
    ) -> Result<Null> {
        let side = match direction {
            Direction::Down => Side::Less,
            Direction::Up | Direction::None => Side::Greater,
        };
        let distances: Vec<f64> = self.values.values().iter().map(|v| v - value).collect();
        let p = if distances.is_empty() {
            None
        } else {
            Some(sign_flip(&distances, side, seed)?)
        };
        Ok(Null {
            name: name.to_string(),
            interval: Interval {
                value,
                low: value,
                high: value,
            },
            difference: None,
            samples: None,
            p,
        })
    }
}

/// A test's measured values and its nulls: a [`Finding`] that owns its parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// Which way is better.
    pub direction: Direction,
    /// The mean with its interval; NaN if no image has a value.
    pub interval: Interval,
    /// The nulls that it has to beat.
    pub nulls: Vec<Null>,
    /// The conditions of the test.
    pub gates: Vec<Gate>,
    /// The number of images with a value.
    pub samples: usize,
    /// The minimum number of images with a value.
    pub least_samples: usize,
    /// The share of images without a value.
    pub degenerate: f64,
}

impl Measurement {
    /// Makes a test of the measured values, without gates, and with the rule's own minimum of samples.
    pub fn of(measured: &Measured, direction: Direction, nulls: Vec<Null>) -> Self {
        let nothing = Interval {
            value: f64::NAN,
            low: f64::NAN,
            high: f64::NAN,
        };
        Measurement {
            direction,
            interval: measured.mean.unwrap_or(nothing),
            nulls,
            gates: Vec::new(),
            samples: measured.values.values().len(),
            least_samples: MIN_SAMPLES,
            degenerate: measured.values.undefined_share(),
        }
    }

    /// Borrows the parts for [`grade`].
    pub fn finding(&self) -> Finding<'_> {
        Finding {
            direction: self.direction,
            interval: self.interval,
            nulls: &self.nulls,
            gates: &self.gates,
            samples: self.samples,
            least_samples: self.least_samples,
            degenerate: self.degenerate,
        }
    }

    /// Returns the p-value of being better than every null, which is the largest of theirs; `None` without nulls, or if a null has none.
    pub fn p(&self) -> Option<f64> {
        let all: Option<Vec<f64>> = self.nulls.iter().map(|null| null.p).collect();
        all?.into_iter().max_by(f64::total_cmp)
    }

    /// Returns its grade, before the correction for other tests ([`corrected`](super::corrected)).
    pub fn graded(&self) -> Graded {
        grade(&self.finding())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Undefined;
    use crate::statistics::Grade;

    #[test]
    fn images_without_a_value_are_counted_and_not_averaged() {
        let outcomes = (0..40).map(|i| match i % 10 {
            0 => Err(Undefined::Zero),
            _ => Ok(0.5),
        });
        let values = Tally {
            outcomes: outcomes.collect(),
        };
        let measured = Measured::of(values, 0).unwrap();
        assert_eq!(measured.mean.unwrap().value, 0.5);
        let against = |count: usize| {
            let outcomes = vec![Ok(0.7); count];
            let other = Measured::of(Tally { outcomes }, 0).unwrap();
            let null = measured.against(&other, "other", Direction::Down, 0);
            let nulls = null.unwrap().into_iter().collect();
            Measurement::of(&measured, Direction::Down, nulls)
        };
        let test = against(MIN_SAMPLES);
        assert_eq!((test.samples, test.degenerate), (36, 0.1));
        assert_eq!(test.graded().grade, Grade::Pass);
        assert_eq!(against(3).graded().grade, Grade::NotRun);
        let nothing = Measured::of(Tally::default(), 0).unwrap();
        let against = measured.against(&nothing, "other", Direction::Down, 0);
        assert_eq!(against.unwrap(), None);
        let test = Measurement::of(&nothing, Direction::Down, Vec::new());
        assert_eq!(test.graded().grade, Grade::NotRun);
        let number = nothing.against_number(0.0, "zero", Direction::Up, 0);
        assert_eq!(number.unwrap().p, None);
    }

    /// The hardest null decides, and the direction determines the tested side.
    #[test]
    fn every_null_has_a_p_value() {
        let of = |values: [f64; 6]| {
            let outcomes = values.into_iter().map(Ok).collect();
            Measured::of(Tally { outcomes }, 0).unwrap()
        };
        let own = of([4.0, 5.0, 6.0, 7.0, 8.0, 9.0]);
        let other = of([1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let p = |direction: Direction| {
            let null = own.against(&other, "other", direction, 0).unwrap();
            let number = own.against_number(0.0, "zero", direction, 0).unwrap();
            // One of the 64 patterns of signs, or all of them.
            let exact = if direction == Direction::Up {
                0.015625
            } else {
                1.0
            };
            assert_eq!(number.p, Some(exact));
            let both: Vec<Null> = null.into_iter().chain([number]).collect();
            let test = Measurement::of(&own, direction, both);
            let hardest = test.p().unwrap();
            assert!(test.nulls.iter().all(|null| null.p.unwrap() <= hardest));
            hardest
        };
        // Of the 924 ways to choose six of the values, 16 have at least this sum.
        assert!((p(Direction::Up) - 16.0 / 924.0).abs() < 0.005);
        assert!(p(Direction::Down) > 0.98);
        assert_eq!(Measurement::of(&own, Direction::Up, Vec::new()).p(), None);
    }
}
