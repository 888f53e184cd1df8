//! The box around the strongest evidence, compared with the object's.

use gradcam::Grid;

use crate::degenerate::{check, check_finite, check_mask};
use crate::{Error, Result, Undefined};

/// A rectangle of whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BoundingBox {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Columns, at least 1.
    pub width: usize,
    /// Rows, at least 1.
    pub height: usize,
}

impl BoundingBox {
    /// The intersection over the union of two boxes, 0 to 1.
    pub fn iou(&self, other: &BoundingBox) -> f64 {
        let common =
            |a: usize, b: usize, c: usize, d: usize| (a + b).min(c + d).saturating_sub(a.max(c));
        let columns = common(self.left, self.width, other.left, other.width);
        let rows = common(self.top, self.height, other.top, other.height);
        let union = self.width * self.height + other.width * other.height - rows * columns;
        match union {
            0 => 0.0,
            union => (rows * columns) as f64 / union as f64,
        }
    }
}

/// What [`localise`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Localised {
    /// The box around the map's largest segment; none for a map that shows nothing.
    pub found: Option<BoundingBox>,
    /// Its intersection over the union with the box of the object that it fits best, 0 to 1.
    pub iou: f64,
    /// Whether that is at least one half: ILSVRC's rule.
    pub hit: bool,
}

/// Weakly supervised localisation (Selvaraju et al. 2017): the [`bounding_box`] of the map at `fraction` of its maximum (0.15
/// in the paper), against the boxes of the class's objects. A map without a positive value, or a constant one, misses.
///
/// # Errors
/// When the map is not finite, there is no box, or the fraction is not in 0 to 1.
pub fn localise(map: &Grid, boxes: &[BoundingBox], fraction: f64) -> Result<Localised> {
    check_finite(map)?;
    if boxes.is_empty() {
        return Err(Undefined::EmptyMask.into());
    }
    let found = match check(map) {
        Err(Error::Undefined(_)) => None,
        other => {
            other?;
            bounding_box(map, fraction)?
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

/// The box of the largest segment at or above `fraction` of the map's maximum; none for a map without a positive value.
///
/// Only positive values count. Pixels that touch by a side or a corner are connected, and of two segments of the same size the first in
/// reading order wins.
///
/// # Errors
/// When the map is not finite, or the fraction is not in 0 to 1.
pub fn bounding_box(map: &Grid, fraction: f64) -> Result<Option<BoundingBox>> {
    check_finite(map)?;
    if !(0.0..=1.0).contains(&fraction) {
        return Err(Error::option("fraction", "in 0 to 1", fraction));
    }
    let least = f64::from(map.max()) * fraction;
    let high = map.values.iter().map(|&v| v > 0.0 && f64::from(v) >= least);
    let mut left: Vec<bool> = high.collect();
    let mut best: Option<(usize, BoundingBox)> = None;
    for start in 0..left.len() {
        if left[start] {
            let pixels = take_segment(&mut left, start, map.width);
            if best.is_none_or(|(most, _)| pixels.len() > most) {
                best = around(&pixels, map.width).map(|b| (pixels.len(), b));
            }
        }
    }
    Ok(best.map(|(_, found)| found))
}

/// The box around all that a mask marks on a map.
///
/// # Errors
/// When the mask does not fit or is empty.
pub fn box_of_mask(map: &Grid, mask: &[bool]) -> Result<BoundingBox> {
    check_finite(map)?;
    check_mask(map, mask)?;
    let pixels: Vec<usize> = (0..mask.len()).filter(|&i| mask[i]).collect();
    around(&pixels, map.width).ok_or_else(|| Undefined::EmptyMask.into())
}

/// Clears the segment of `start` from `left`, and names its pixels.
fn take_segment(left: &mut [bool], start: usize, width: usize) -> Vec<usize> {
    let height = left.len() / width;
    let (mut pixels, mut next) = (vec![start], 0);
    left[start] = false;
    while let Some(&pixel) = pixels.get(next) {
        next += 1;
        let (row, column) = (pixel / width, pixel % width);
        for y in row.saturating_sub(1)..(row + 2).min(height) {
            for x in column.saturating_sub(1)..(column + 2).min(width) {
                if std::mem::take(&mut left[y * width + x]) {
                    pixels.push(y * width + x);
                }
            }
        }
    }
    pixels
}

fn around(pixels: &[usize], width: usize) -> Option<BoundingBox> {
    let rows = || pixels.iter().map(|i| i / width);
    let columns = || pixels.iter().map(|i| i % width);
    let (top, left) = (rows().min()?, columns().min()?);
    Some(BoundingBox {
        left,
        top,
        width: columns().max()? - left + 1,
        height: rows().max()? - top + 1,
    })
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
    fn the_largest_segment_is_boxed_not_the_strongest() {
        let map = grid(4, 6, &TWO_SEGMENTS);
        let at = |fraction: f64| bounding_box(&map, fraction).unwrap();
        assert_eq!(at(0.15), Some(rect(3, 0, 2, 3)), "1 is under 15 % of 9");
        assert_eq!(at(0.1), Some(rect(2, 0, 3, 3)));
        assert_eq!(at(1.0), Some(rect(0, 0, 1, 1)));
        assert!(bounding_box(&map, 1.1).is_err());
    }

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
        assert_eq!(rect(0, 0, 2, 2).iou(&rect(2, 0, 2, 2)), 0.0);
    }

    #[test]
    fn a_mask_has_a_box() {
        let mask: Vec<bool> = TWO_SEGMENTS.iter().map(|&v| v == 2.0).collect();
        let map = grid(4, 6, &TWO_SEGMENTS);
        assert_eq!(box_of_mask(&map, &mask).unwrap(), rect(3, 0, 2, 2));
    }
}
