//! Whether two maps agree about the most important pixels.

use gradcam_map::Grid;

use super::iou;
use crate::degenerate::{check, check_pair};
use crate::{Error, Result};

/// Computes the intersection over union, 0 to 1, of the highest `share` of two maps' pixels (usually 0.15).
///
/// Pixels that tie with the last of them are included: a rule that chose among the zeros of two maps by position would find false
/// agreement.
///
/// # Errors
/// If the share is not above 0 and at most 1, or the maps have different sizes; the errors of [`check`].
pub fn top_overlap(a: &Grid, b: &Grid, share: f64) -> Result<f64> {
    check_pair(a, b)?;
    iou(&top(a, share)?, &top(b, share)?)
}

fn top(map: &Grid, share: f64) -> Result<Vec<bool>> {
    check(map)?;
    if !(share > 0.0 && share <= 1.0) {
        return Err(Error::option("share", "above 0 and at most 1", share));
    }
    let mut values = map.values().to_vec();
    values.sort_by(|a, b| b.total_cmp(a));
    let count = (share * values.len() as f64).ceil() as usize;
    let least = values[count.clamp(1, values.len()) - 1];
    Ok(map.values().iter().map(|&v| v >= least).collect())
}

/// Returns the distance, in pixels, between the peaks of two maps; of equal peaks the first in reading order counts.
///
/// # Errors
/// If the maps have different sizes; the errors of [`check`].
pub fn displacement(a: &Grid, b: &Grid) -> Result<f64> {
    check(a)?;
    check(b)?;
    check_pair(a, b)?;
    let place = |map: &Grid| map.argmax().unwrap_or_default();
    let (a, b) = (place(a), place(b));
    Ok((a.0 as f64 - b.0 as f64).hypot(a.1 as f64 - b.1 as f64))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::grid;

    #[test]
    fn the_highest_are_compared() {
        let a = grid(2, 5, &[9., 8., 7., 0., 0., 1., 2., 3., 0., 0.]);
        let b = grid(2, 5, &[9., 0., 8., 7., 0., 1., 2., 3., 0., 0.]);
        // 9 8 7 and 9 8 7 in other positions: two of four.
        assert_eq!(top_overlap(&a, &b, 0.3).unwrap(), 0.5);
        assert_eq!(top_overlap(&a, &a, 0.21).unwrap(), 1.0);
        // 70 % includes zeros, and therefore all of them.
        assert_eq!(top_overlap(&a, &b, 0.7).unwrap(), 1.0);
        assert!(top_overlap(&a, &b, 0.0).is_err());
        assert!(top_overlap(&a, &b, f64::NAN).is_err());
    }

    #[test]
    fn the_highest_places_lie_apart() {
        let (mut a, mut b) = (grid(5, 5, &[0.0; 25]), grid(5, 5, &[0.0; 25]));
        (a.values_mut()[0], b.values_mut()[3 * 5 + 4]) = (1.0, 7.0);
        assert_eq!(displacement(&a, &b).unwrap(), 5.0);
    }
}
