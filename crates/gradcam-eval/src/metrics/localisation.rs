//! The box around the strongest evidence, compared with the object's box.

use gradcam_map::{BoundingBox, Grid, bounding_box};

use crate::degenerate::{check, check_finite, check_mask};
use crate::{Error, Result, Undefined};

/// The result of [`localise`].
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Localised {
    /// The box around the map's largest segment; `None` for a map without evidence.
    pub found: Option<BoundingBox>,
    /// Its largest intersection over union with a box of the object, 0 to 1.
    pub iou: f64,
    /// Whether `iou` is at least one half: ILSVRC's rule.
    pub hit: bool,
}

/// Compares the [`bounding_box`] of the map at `fraction` of its maximum (0.15 in the paper) with the boxes of the class's objects: weakly
/// supervised localisation (Selvaraju et al. 2017). A constant map, or one without a positive value, misses.
///
/// # Errors
/// If the map is not finite, there is no box, or the fraction is not in 0 to 1.
pub fn localise(map: &Grid, boxes: &[BoundingBox], fraction: f64) -> Result<Localised> {
    check_finite(map)?;
    if boxes.is_empty() {
        return Err(Undefined::EmptyMask.into());
    }
    if !(0.0..=1.0).contains(&fraction) {
        return Err(Error::option("fraction", "in 0 to 1", fraction));
    }
    let found = match check(map) {
        Err(Error::Undefined(_)) => None,
        other => {
            other?;
            bounding_box(map, fraction)
        }
    };
    let overlap = |found: BoundingBox| boxes.iter().map(move |b| b.iou(&found)).fold(0.0, f64::max);
    let iou = found.map_or(0.0, overlap);
    Ok(Localised {
        found,
        iou,
        hit: iou >= 0.5,
    })
}

/// Returns the box around all marked pixels of a mask.
///
/// # Errors
/// If the mask does not fit or is empty, or the map is not finite.
pub fn box_of_mask(map: &Grid, mask: &[bool]) -> Result<BoundingBox> {
    check_finite(map)?;
    check_mask(map, mask)?;
    let pixels: Vec<usize> = (0..mask.len()).filter(|&i| mask[i]).collect();
    BoundingBox::around(&pixels, map.size()).ok_or_else(|| Undefined::EmptyMask.into())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::grid;

    fn rect(left: usize, top: usize, width: usize, height: usize) -> BoundingBox {
        BoundingBox {
            left,
            top,
            width,
            height,
        }
    }

    #[rustfmt::skip]
    const TWO_SEGMENTS: [f32; 24] = [
        9., 0., 0., 0., 2., 0.,
        0., 0., 0., 2., 0., 0.,
        0., 0., 1., 3., 0., 0.,
        0., 0., 0., 0., 0., 1.,
    ];

    #[test]
    fn half_of_the_union_is_a_hit() {
        let map = grid(4, 6, &TWO_SEGMENTS);
        let found = localise(&map, &[rect(0, 0, 1, 1), rect(3, 0, 3, 4)], 0.15).unwrap();
        assert_eq!((found.iou, found.hit), (0.5, true));
        let found = localise(&map, &[rect(3, 1, 3, 3)], 0.15).unwrap();
        assert_eq!((found.iou, found.hit), (4.0 / 11.0, false));
        let flat = localise(&grid(2, 2, &[1.0; 4]), &[rect(0, 0, 2, 2)], 0.15).unwrap();
        assert_eq!((flat.found, flat.hit), (None, false));
        assert!(localise(&map, &[], 0.15).is_err());
        assert!(localise(&map, &[rect(3, 1, 3, 3)], 1.1).is_err());
    }

    #[test]
    fn a_mask_has_a_box() {
        let mask: Vec<bool> = TWO_SEGMENTS.iter().map(|&v| v == 2.0).collect();
        let map = grid(4, 6, &TWO_SEGMENTS);
        assert_eq!(box_of_mask(&map, &mask).unwrap(), rect(3, 0, 2, 2));
    }
}
