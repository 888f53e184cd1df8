//! Batches of samples, and when to stop.

use std::ops::Range;

/// The smallest number of samples between two checks of the error.
const BATCH: usize = 64;

/// Splits the samples `0..limit` into batches.
///
/// A batch is about an eighth of the samples drawn before, so that the checks of the error cost a fixed fraction of the work. The bounds
/// depend on the limit alone, and a smaller limit has the same bounds up to its end.
pub(super) fn batches(limit: usize) -> impl Iterator<Item = Range<usize>> {
    let mut first = 0;
    std::iter::from_fn(move || {
        let step = (first / 8 / BATCH).max(1) * BATCH;
        let range = first..limit.min(first + step);
        first = range.end;
        (!range.is_empty()).then_some(range)
    })
}

/// Sampled numbers.
pub(super) struct Estimate {
    pub(super) values: Vec<f64>,
    /// The standard error of each; `None` if there are too few samples, or the values were not sampled.
    pub(super) errors: Option<Vec<f64>>,
}

impl Estimate {
    /// Returns the mean standard error as a fraction of the range of the values: 0 if all errors are 0, `None` without errors.
    ///
    /// The range includes the scatter, so a fraction of a tenth or more may be scatter alone.
    pub(super) fn relative_error(&self) -> Option<f64> {
        let errors = self.errors.as_ref()?;
        let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
        let high = self.values.iter().copied().fold(f64::MIN, f64::max);
        let low = self.values.iter().copied().fold(f64::MAX, f64::min);
        Some(if mean == 0.0 {
            0.0
        } else {
            mean / (high - low)
        })
    }

    /// Tests whether the relative error is within the tolerance.
    pub(super) fn settled(&self, tolerance: f64) -> bool {
        self.relative_error()
            .is_some_and(|error| error <= tolerance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_cover_the_limit_and_keep_their_bounds() {
        let long: Vec<_> = batches(4000).collect();
        assert_eq!(long[0], 0..64);
        assert_eq!(long.last().map(|r| r.end), Some(4000));
        assert!(long.windows(2).all(|w| w[0].end == w[1].start));
        assert!(long.len() < 40, "{}", long.len());
        let short: Vec<_> = batches(1000).collect();
        assert_eq!(short[..short.len() - 1], long[..short.len() - 1]);
        assert_eq!(batches(0).count(), 0);
    }

    #[test]
    fn the_error_is_a_share_of_the_range() {
        let estimate = |values: &[f64], errors: Option<&[f64]>| Estimate {
            values: values.to_vec(),
            errors: errors.map(<[f64]>::to_vec),
        };
        let found = estimate(&[1.0, 3.0, 5.0], Some(&[0.1, 0.2, 0.3]));
        assert!(found.settled(0.051) && !found.settled(0.049));
        assert!(estimate(&[1.0, 1.0], Some(&[0.0, 0.0])).settled(0.01));
        assert!(!estimate(&[1.0, 1.0], Some(&[0.1, 0.0])).settled(0.01));
        assert!(!estimate(&[0.0, f64::NAN], Some(&[f64::NAN, 0.0])).settled(0.01));
        assert!(!estimate(&[0.0, 1.0], None).settled(0.01));
    }
}
