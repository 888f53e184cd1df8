//! How well the orders of two maps' pixels agree.

use gradcam_map::{Grid, rank_correlations};

use crate::degenerate::{check, check_pair};
use crate::{Result, Undefined};

/// Computes Spearman's rank correlation of two maps as they are, -1 to 1; ties get the mean of their ranks.
///
/// Unrelated maps do not have 0: after bilinear upsampling from 7×7 the correlation is anywhere up to ±0.45. Compare it with a measured
/// null.
///
/// # Errors
/// If the maps have different sizes; the errors of [`check`].
///
/// ```
/// use gradcam_eval::metrics::spearman;
/// use gradcam_eval::nulls::random_map;
/// use gradcam_eval::gradcam_map::Size;
///
/// let map = random_map(Size::new(7, 7)?, 0);
/// assert!((spearman(&map, &map.map(|v| v * v))? - 1.0).abs() < 1e-9);
/// assert!((spearman(&map, &map.map(|v| -v))? + 1.0).abs() < 1e-9);
/// # Ok::<(), gradcam_eval::Error>(())
/// ```
pub fn spearman(a: &Grid, b: &Grid) -> Result<f64> {
    check(a)?;
    check(b)?;
    check_pair(a, b)?;
    let correlation = rank_correlations(&[a, b]).first().and_then(|row| row[1]);
    correlation.ok_or_else(|| Undefined::Constant.into())
}

/// Computes Spearman's rank correlation of the absolute values (Adebayo et al. 2018).
///
/// # Errors
/// As [`spearman`].
pub fn spearman_absolute(a: &Grid, b: &Grid) -> Result<f64> {
    spearman(&a.map(f32::abs), &b.map(f32::abs))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{grid, undefined};

    #[test]
    fn the_sign_counts_only_where_it_is_asked() {
        let a = grid(1, 4, &[1.0, 2.0, 3.0, 4.0]);
        let b = a.map(|v| -v);
        assert!((spearman(&a, &b).unwrap() + 1.0).abs() < 1e-12);
        assert!((spearman_absolute(&a, &b).unwrap() - 1.0).abs() < 1e-12);
        // The absolute values of a map may be constant even if the map is not.
        let signs = grid(1, 4, &[1.0, -1.0, 1.0, -1.0]);
        assert!(spearman(&a, &signs).is_ok());
        assert_eq!(
            undefined(spearman_absolute(&a, &signs)),
            Undefined::Constant
        );
        assert!(spearman(&a, &grid(2, 2, &[1.0, 2.0, 3.0, 4.0])).is_err());
    }
}
