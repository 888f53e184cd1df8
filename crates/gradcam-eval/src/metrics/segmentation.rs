//! A map cut at a threshold, compared with a mask.

use gradcam_map::Grid;

use super::{min_max, otsu_mask};
use crate::degenerate::check_mask;
use crate::{Error, Result, Undefined};

/// Where a map is cut into foreground and background.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Threshold {
    /// Otsu's threshold.
    Otsu,
    /// Above this share of the range from the smallest to the largest value, 0 to 1.
    Fixed(f64),
}

/// Computes the intersection over union of two masks, 0 to 1; 0 if one is empty.
///
/// # Errors
/// If they have different sizes; [`Undefined::EmptyUnion`] if both are empty.
pub fn iou(a: &[bool], b: &[bool]) -> Result<f64> {
    if a.len() != b.len() {
        return Err(Error::Mask {
            expected: a.len(),
            found: b.len(),
        });
    }
    let count =
        |both: fn(bool, bool) -> bool| a.iter().zip(b).filter(|&(&a, &b)| both(a, b)).count();
    match count(|a, b| a || b) {
        0 => Err(Undefined::EmptyUnion.into()),
        union => Ok(count(|a, b| a && b) as f64 / union as f64),
    }
}

/// Computes the intersection over union of a map's foreground and a mask, 0 to 1; its mean over images is the mIoU of Saporta et al. 2022.
///
/// The foreground is used as it is. The paper draws contours, which fills holes and removes single pixels.
///
/// # Errors
/// If the mask does not fit or is empty, or the threshold is not in 0 to 1; the errors of [`check`](crate::check).
pub fn segmentation_iou(map: &Grid, mask: &[bool], threshold: Threshold) -> Result<f64> {
    let foreground = match threshold {
        Threshold::Otsu => otsu_mask(map)?,
        Threshold::Fixed(share) if (0.0..=1.0).contains(&share) => {
            min_max(map)?.into_iter().map(|v| v > share).collect()
        }
        Threshold::Fixed(share) => return Err(Error::option("threshold", "in 0 to 1", share)),
    };
    check_mask(map, mask)?;
    iou(&foreground, mask)
}

/// The candidate thresholds of Saporta et al. 2022, as shares of the range from the smallest to the largest value.
pub const THRESHOLDS: [f64; 7] = [0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8];

/// The [`segmentation_iou`] of one map at each of the [`THRESHOLDS`].
pub type Cuts = [f64; THRESHOLDS.len()];

/// Cuts a map at each of the [`THRESHOLDS`], so that one of them can be chosen.
///
/// # Errors
/// As [`segmentation_iou`].
pub fn cuts(map: &Grid, mask: &[bool]) -> Result<Cuts> {
    let mut ious = Cuts::default();
    for (iou, threshold) in ious.iter_mut().zip(THRESHOLDS) {
        *iou = segmentation_iou(map, mask, Threshold::Fixed(threshold))?;
    }
    Ok(ious)
}

/// Returns the index in [`THRESHOLDS`] of the threshold with the highest mean over the given maps, the lowest of several. As in Saporta et
/// al. 2022, tune it on images other than the evaluated ones.
///
/// # Errors
/// [`Undefined::Empty`] if there are no maps.
pub fn tuned_threshold(maps: &[Cuts]) -> Result<usize> {
    let sum = |threshold: usize| maps.iter().map(|ious| ious[threshold]).sum::<f64>();
    let best =
        (0..THRESHOLDS.len()).reduce(|best, next| if sum(next) > sum(best) { next } else { best });
    best.filter(|_| !maps.is_empty())
        .ok_or_else(|| Undefined::Empty.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{grid, undefined};

    #[test]
    fn masks_overlap() {
        let (a, b) = ([true, true, false, false], [false, true, true, false]);
        assert_eq!(iou(&a, &b).unwrap(), 1.0 / 3.0);
        assert_eq!(iou(&a, &[false; 4]).unwrap(), 0.0);
        assert_eq!(
            undefined(iou(&[false; 4], &[false; 4])),
            Undefined::EmptyUnion
        );
        assert!(iou(&a, &[true; 3]).is_err());
    }

    #[test]
    fn the_threshold_is_a_share_of_the_range() {
        let map = grid(1, 6, &[10.0, 11.0, 13.0, 15.0, 19.0, 20.0]);
        let mask = [false, false, false, true, true, true];
        let at = |t: f64| segmentation_iou(&map, &mask, Threshold::Fixed(t));
        // A value equal to the threshold is background.
        assert_eq!(at(0.5).unwrap(), 2.0 / 3.0);
        assert_eq!(at(0.4).unwrap(), 1.0);
        assert_eq!(at(0.2).unwrap(), 0.75);
        assert!(at(1.5).is_err());
        // Otsu's method separates 15 from 19.
        let otsu = segmentation_iou(&map, &mask, Threshold::Otsu);
        assert_eq!(otsu.unwrap(), 2.0 / 3.0);
    }

    #[test]
    fn the_threshold_is_tuned_on_the_mean() {
        let map = grid(1, 6, &[10.0, 11.0, 13.0, 15.0, 19.0, 20.0]);
        let (half, last) = (
            [false, false, false, true, true, true],
            [false, false, false, false, false, true],
        );
        let (half, last) = (cuts(&map, &half).unwrap(), cuts(&map, &last).unwrap());
        let third = 1.0 / 3.0;
        // 13 and larger values are above 0.2, only larger ones above 0.3 and 0.4, and only 19 and 20 from 0.5 on.
        let expected = [
            0.75,
            1.0,
            1.0,
            2.0 * third,
            2.0 * third,
            2.0 * third,
            2.0 * third,
        ];
        assert_eq!(half, expected);
        assert_eq!(last, [0.25, third, third, 0.5, 0.5, 0.5, 0.5]);
        // Of equal thresholds the lowest is chosen.
        assert_eq!(THRESHOLDS[tuned_threshold(&[half]).unwrap()], 0.3);
        assert_eq!(THRESHOLDS[tuned_threshold(&[last]).unwrap()], 0.5);
        // The means of both are 0.67 at 0.3 and 0.58 at 0.5; of three and one, 0.50 and 0.54.
        assert_eq!(THRESHOLDS[tuned_threshold(&[last, half]).unwrap()], 0.3);
        assert_eq!(
            THRESHOLDS[tuned_threshold(&[last, last, last, half]).unwrap()],
            0.5
        );
        assert_eq!(undefined(tuned_threshold(&[])), Undefined::Empty);
        let flat = cuts(&grid(1, 6, &[0.0; 6]), &[true; 6]);
        assert_eq!(undefined(flat), Undefined::Zero);
    }
}
