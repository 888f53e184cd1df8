//! A metric over images with its mean, and a test that waits for its grade.

use serde::Serialize;

use super::{Finding, Gate, Graded, Interval, MIN_SAMPLES, Null, grade, mean_interval};
use crate::{Direction, Result, Tally};

/// The values of a metric over images, and their mean.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measured {
    /// One value or reason an image.
    pub values: Tally,
    /// The mean of the values with its 95 % bootstrap interval; none where no image has a value.
    pub mean: Option<Interval>,
}

impl Measured {
    /// Adds the mean to the values; the resamples are drawn from the seed.
    ///
    /// # Errors
    /// As [`mean_interval`] of values that exist: none.
    pub fn of(values: Tally, seed: u64) -> Result<Self> {
        let known = values.values();
        let mean = match known.is_empty() {
            true => None,
            false => Some(mean_interval(&known, seed)?),
        };
        Ok(Measured { values, mean })
    }

    /// This as a null of the given name; none without a mean.
    pub fn null(&self, name: &str) -> Option<Null> {
        self.mean.map(|interval| Null {
            name: name.to_string(),
            interval,
            difference: None,
            samples: Some(self.values.values().len()),
        })
    }
}

/// What a test has measured and compares with: a [`Finding`] that owns its parts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measurement {
    /// Which way is better.
    pub direction: Direction,
    /// The mean with its interval; NaN where no image has a value.
    pub interval: Interval,
    /// What it has to beat.
    pub nulls: Vec<Null>,
    /// What must hold.
    pub gates: Vec<Gate>,
    /// Images with a value.
    pub samples: usize,
    /// The least number of them.
    pub least_samples: usize,
    /// The share of images without a value.
    pub degenerate: f64,
}

impl Measurement {
    /// A test of the measured values, without gates, and with the rule's own number of samples.
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

    /// What [`grade`] takes.
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

    /// Its grade.
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
            let null = Measured::of(Tally { outcomes }, 0).unwrap().null("other");
            Measurement::of(&measured, Direction::Down, null.into_iter().collect())
        };
        let test = against(MIN_SAMPLES);
        assert_eq!((test.samples, test.degenerate), (36, 0.1));
        assert_eq!(test.graded().grade, Grade::Pass);
        assert_eq!(against(3).graded().grade, Grade::NotRun);
        let nothing = Measured::of(Tally::default(), 0).unwrap();
        assert_eq!(nothing.null("other"), None);
        let test = Measurement::of(&nothing, Direction::Down, Vec::new());
        assert_eq!(test.graded().grade, Grade::NotRun);
    }
}
