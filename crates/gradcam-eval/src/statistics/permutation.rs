//! Tests whether an order is meaningful.

use gradcam_random::Random;
use rayon::prelude::*;

use crate::{Result, Undefined};

/// The number of random orders.
const DRAWS: usize = 9999;

/// Computes the p-value of a statistic of `count` items in their own order, compared with random orders (Fisher 1935, Pitman 1937):
/// `(1 + as large) / (1 + 9999)` over orders drawn from the seed, which holds its level (Phipson and Smyth 2010).
///
/// `statistic` receives the items' indices. For two concatenated samples it is the sum of the first; for a correlation, that of the
/// reordered list with another one.
///
/// # Errors
/// [`Undefined::Empty`] without items, [`Undefined::NonFinite`] if the statistic is not finite.
pub fn permutation(
    count: usize,
    seed: u64,
    statistic: impl Fn(&[usize]) -> f64 + Sync,
) -> Result<f64> {
    if count == 0 {
        return Err(Undefined::Empty.into());
    }
    let observed = statistic(&(0..count).collect::<Vec<_>>());
    // Sums of the same numbers in another order must count as equal.
    let close = 1e-12 * (1.0 + observed.abs());
    let one = |number: usize| {
        let found = statistic(&Random::of_draw(seed, number).draws(count, count));
        if found.is_finite() {
            Ok(usize::from(found >= observed - close))
        } else {
            Err(Undefined::NonFinite)
        }
    };
    if !observed.is_finite() {
        return Err(Undefined::NonFinite.into());
    }
    let counts = (0..DRAWS).into_par_iter().map(one);
    let large = counts.try_reduce(|| 0, |a, b| Ok(a + b))?;
    Ok((1 + large) as f64 / (1 + DRAWS) as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{on_any_threads, undefined};

    /// Of the 20 ways to choose three of six values, one has the largest sum, and two have at least the second-largest.
    #[test]
    fn two_samples_are_told_apart() {
        let p = |values: [f64; 6]| {
            let sum = |items: &[usize]| items[..3].iter().map(|&i| values[i]).sum::<f64>();
            on_any_threads(|| permutation(6, 0, sum).unwrap())
        };
        for (values, exact) in [
            ([4.0, 5.0, 6.0, 1.0, 2.0, 3.0], 0.05),
            ([3.0, 5.0, 6.0, 1.0, 2.0, 4.0], 0.10),
            ([0.1; 6], 1.0),
            ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 1.0),
        ] {
            assert!((p(values) - exact).abs() < 0.01, "{} {exact}", p(values));
        }
    }

    #[test]
    fn what_is_no_number_has_no_p() {
        assert_eq!(undefined(permutation(0, 0, |_| 1.0)), Undefined::Empty);
        assert_eq!(
            undefined(permutation(3, 0, |_| f64::NAN)),
            Undefined::NonFinite
        );
    }
}
