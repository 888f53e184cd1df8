//! Multiple tests.

use crate::{Error, Result};

/// Adjusts p-values so that the chance of any false rejection stays below the level (Holm 1979): the smallest times the number of tests,
/// the next times one less, and so on, never decreasing and at most 1. The order of the input is kept.
///
/// # Errors
/// If a value is not in 0 to 1.
///
/// ```
/// use gradcam_eval::statistics::holm;
///
/// // The smallest of three times 3, the next times 2, and the largest at least that.
/// assert_eq!(holm(&[0.25, 0.0625, 0.125])?, [0.25, 0.1875, 0.25]);
/// # Ok::<(), gradcam_eval::Error>(())
/// ```
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>> {
    if let Some(p) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(Error::option("p", "in 0 to 1", p));
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut most = 0.0_f64;
    for (rank, &test) in order.iter().enumerate() {
        most = most
            .max((p_values.len() - rank) as f64 * p_values[test])
            .min(1.0);
        adjusted[test] = most;
    }
    Ok(adjusted)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_is_multiplied_most() {
        let found = holm(&[0.04, 0.01, 0.03, 0.005]).unwrap();
        for (found, expected) in found.iter().zip([0.06, 0.03, 0.06, 0.02]) {
            assert!((found - expected).abs() < 1e-12);
        }
        assert_eq!(holm(&[0.7, 0.6]).unwrap(), [1.0, 1.0]);
        assert_eq!(holm(&[]).unwrap(), [0.0; 0]);
        assert!(holm(&[f64::NAN]).is_err());
    }
}
