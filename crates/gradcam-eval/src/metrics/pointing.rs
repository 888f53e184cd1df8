//! Whether the peak of a map lies on the object.

use gradcam_map::{Grid, Size};

use crate::degenerate::{check, check_finite, check_mask};
use crate::{Error, Result};

/// The tolerance of the pointing game in pixels, for a picture whose shorter side is 224 (Zhang et al. 2016).
pub const POINTING_TOLERANCE: f64 = 15.0;

/// Scales [`POINTING_TOLERANCE`] to another picture size.
pub fn scaled_tolerance(size: Size) -> f64 {
    POINTING_TOLERANCE * size.height().min(size.width()) as f64 / 224.0
}

/// Returns whether the map points at the mask: its peak lies on the mask, or nearer to it than `tolerance` pixels (Zhang et al. 2016). A
/// tolerance of 0 gives the hit rate (Saporta et al. 2022).
///
/// If several positions tie for the peak, each of them must hit: a map must not win by pointing everywhere. A constant map points nowhere
/// and misses; so does an empty one.
///
/// # Errors
/// If the map is not finite, the mask does not fit or is empty, or the tolerance is negative or NaN.
///
/// ```
/// use gradcam_eval::metrics::pointing;
/// use gradcam_eval::nulls::centre_map;
/// use gradcam_eval::gradcam_map::Size;
///
/// // Three pixels in a row; the one in the middle is the highest.
/// let map = centre_map(Size::new(1, 3)?);
/// assert!(pointing(&map, &[false, true, false], 0.0)?);
/// assert!(!pointing(&map, &[true, false, false], 0.0)?);
/// // A neighbour is nearer than one and a half pixels.
/// assert!(pointing(&map, &[true, false, false], 1.5)?);
/// # Ok::<(), gradcam_eval::Error>(())
/// ```
pub fn pointing(map: &Grid, mask: &[bool], tolerance: f64) -> Result<bool> {
    check_finite(map)?;
    check_mask(map, mask)?;
    if tolerance.is_nan() || tolerance < 0.0 {
        return Err(Error::option("tolerance", "at least 0", tolerance));
    }
    match check(map) {
        Err(Error::Undefined(_)) => return Ok(false),
        other => other?,
    }
    let most = map.max();
    let peaks = map.values().iter().enumerate().filter(|&(_, &v)| v == most);
    let mut peaks = peaks.map(|(i, _)| i);
    Ok(peaks.all(|peak| mask[peak] || near(mask, map, peak, tolerance)))
}

/// Returns whether the mask marks a pixel nearer than `tolerance` to the one at `peak`.
fn near(mask: &[bool], map: &Grid, peak: usize, tolerance: f64) -> bool {
    let (height, width) = map.size().height_width();
    let (row, column) = (peak / width, peak % width);
    let reach = tolerance.ceil().min(height.max(width) as f64) as usize;
    let rows = row.saturating_sub(reach)..(row + reach + 1).min(height);
    let columns = column.saturating_sub(reach)..(column + reach + 1).min(width);
    rows.flat_map(|y| columns.clone().map(move |x| (y, x)))
        .any(|(y, x)| {
            let (down, right) = (y.abs_diff(row) as f64, x.abs_diff(column) as f64);
            mask[y * width + x] && down * down + right * right < tolerance * tolerance
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Undefined;
    use crate::testing::{grid, size, undefined};

    #[test]
    fn a_disc_around_the_peak() {
        let mut mask = vec![false; 30 * 40];
        mask[10 * 40 + 10] = true;
        let at = |row: usize, column: usize, tolerance: f64| {
            let mut map = grid(30, 40, &[0.0; 1200]);
            map.values_mut()[row * 40 + column] = 1.0;
            pointing(&map, &mask, tolerance).unwrap()
        };
        assert!(at(10, 10, 0.0));
        assert!(!at(10, 11, 0.0));
        // 9² + 12² = 15²: not nearer than 15.
        assert!(!at(19, 22, 15.0));
        assert!(at(19, 21, 15.0));
        assert!(at(10, 24, 15.0) && !at(10, 25, 15.0));
        assert_eq!(scaled_tolerance(size(112, 300)), 7.5);
    }

    #[test]
    fn ties_must_all_hit_and_flat_maps_miss() {
        let mask = [true, true, false, false];
        assert!(pointing(&grid(1, 4, &[1.0, 1.0, 0.0, 0.0]), &mask, 0.0).unwrap());
        assert!(!pointing(&grid(1, 4, &[1.0, 0.0, 1.0, 0.0]), &mask, 0.0).unwrap());
        for flat in [0.0, 3.0] {
            assert!(!pointing(&grid(1, 4, &[flat; 4]), &[true; 4], 0.0).unwrap());
        }
        let map = grid(1, 4, &[f32::NAN, 0.0, 1.0, 0.0]);
        assert_eq!(undefined(pointing(&map, &mask, 0.0)), Undefined::NonFinite);
        let map = grid(1, 4, &[1.0, 0.0, 0.0, 0.0]);
        assert_eq!(
            undefined(pointing(&map, &[false; 4], 0.0)),
            Undefined::EmptyMask
        );
        assert!(pointing(&map, &mask, -1.0).is_err());
    }
}
