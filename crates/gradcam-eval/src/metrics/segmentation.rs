//! A map cut at a threshold, compared with a mask.

use gradcam::Grid;

use super::{min_max, otsu_mask};
use crate::degenerate::check_mask;
use crate::{Error, Result, Undefined};

/// Where a map is cut into foreground and background.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// Where Otsu's method cuts it.
    Otsu,
    /// Above this share of the way from the smallest to the largest value, 0 to 1.
    Fixed(f64),
}

/// The intersection over the union of two masks, 0 to 1; 0 where one is empty.
///
/// # Errors
/// When they have different sizes; [`Undefined::EmptyUnion`] when both are empty.
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

/// The intersection over the union of a map's foreground and a mask, 0 to 1; its mean over images is the mIoU of Saporta et al. 2022.
///
/// The foreground is taken as it is: holes are not filled and single pixels not removed, as drawing the paper's contours does.
///
/// # Errors
/// When the mask does not fit or is empty, or the threshold is not in 0 to 1; those of [`check`](crate::check).
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

/// The threshold of 0.2, 0.3, … 0.8 with the highest mean [`segmentation_iou`] over the given maps and masks, the lowest of several (the
/// choice of Saporta et al. 2022, on images other than those that are judged). Samples without a value are passed over.
///
/// # Errors
/// When a mask does not fit; [`Undefined::Empty`] when no sample has a value.
pub fn tuned_threshold(samples: &[(&Grid, &[bool])]) -> Result<f64> {
    let mut best: Option<(f64, f64)> = None;
    for tenths in 2..=8 {
        let share = f64::from(tenths) / 10.0;
        let each = samples
            .iter()
            .map(|(map, mask)| segmentation_iou(map, mask, Threshold::Fixed(share)));
        let values = crate::Tally::collect(each)?.values();
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        if !values.is_empty() && best.is_none_or(|(most, _)| mean > most) {
            best = Some((mean, share));
        }
    }
    best.map(|(_, share)| share)
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
        // What is equal to the threshold is background.
        assert_eq!(at(0.5).unwrap(), 2.0 / 3.0);
        assert_eq!(at(0.4).unwrap(), 1.0);
        assert_eq!(at(0.2).unwrap(), 0.75);
        assert!(at(1.5).is_err());
        // Otsu's method parts 15 from 19.
        let otsu = segmentation_iou(&map, &mask, Threshold::Otsu);
        assert_eq!(otsu.unwrap(), 2.0 / 3.0);
        let flat = grid(1, 6, &[0.0; 6]);
        let found = tuned_threshold(&[(&flat, mask.as_slice()), (&map, mask.as_slice())]);
        // 13 lies at 0.3 itself, so both 0.3 and 0.4 find the mask; the flat map has no value.
        assert_eq!(found.unwrap(), 0.3);
        assert_eq!(
            undefined(tuned_threshold(&[(&flat, mask.as_slice())])),
            Undefined::Empty
        );
    }
}
