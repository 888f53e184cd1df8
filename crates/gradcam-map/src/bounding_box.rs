//! The box around the strongest evidence, after section 3.2 of Selvaraju et al. 2017.

use crate::{Grid, Size};

/// A rectangle of whole positions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BoundingBox {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Number of columns, at least 1.
    pub width: usize,
    /// Number of rows, at least 1.
    pub height: usize,
}

impl BoundingBox {
    /// Finds the smallest box around `places`, which are indices in reading order into a map of this size; `None` if there are none.
    pub fn around(places: &[usize], size: Size) -> Option<Self> {
        let rows = || places.iter().map(|place| place / size.width());
        let columns = || places.iter().map(|place| place % size.width());
        let (top, left) = (rows().min()?, columns().min()?);
        Some(Self {
            left,
            top,
            width: columns().max()? - left + 1,
            height: rows().max()? - top + 1,
        })
    }

    /// Returns the intersection over union of two boxes, 0 to 1.
    pub fn iou(&self, other: &Self) -> f64 {
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

/// Finds the bounding box of the largest connected segment at or above `fraction`, 0 to 1, of the map's largest finite value.
///
/// The paper's protocol for weakly supervised localisation (Selvaraju et al. 2017, section 3.2) uses 0.15. Positions that share a side or a
/// corner are connected (8-connectivity). The largest segment has the most positions; the first in reading order wins a tie. Only positive,
/// finite values count: `None` if there are none, or if `fraction` is above 1 or NaN.
///
/// ```
/// use gradcam_map::{BoundingBox, Grid, Size, bounding_box};
///
/// let map = Grid::new(Size::new(2, 4)?, vec![9.0, 0.0, 3.0, 0.0, 0.0, 0.0, 0.0, 2.0])?;
/// // Two positions that share a corner outnumber the one with the higher value.
/// let expected = BoundingBox { left: 2, top: 0, width: 2, height: 2 };
/// assert_eq!(bounding_box(&map, 0.15), Some(expected));
/// # Ok::<(), gradcam_map::Error>(())
/// ```
pub fn bounding_box(map: &Grid, fraction: f64) -> Option<BoundingBox> {
    let least = f64::from(map.positive_max()) * fraction;
    let high = |&v: &f32| v.is_finite() && v > 0.0 && f64::from(v) >= least;
    let mut left: Vec<bool> = map.values().iter().map(high).collect();
    let mut largest = Vec::new();
    for start in 0..left.len() {
        if left[start] {
            let segment = take_segment(&mut left, start, map.size());
            if segment.len() > largest.len() {
                largest = segment;
            }
        }
    }
    BoundingBox::around(&largest, map.size())
}

/// Clears the segment around `start` from `left`, and returns its positions.
fn take_segment(left: &mut [bool], start: usize, size: Size) -> Vec<usize> {
    let (height, width) = size.height_width();
    let (mut places, mut next) = (vec![start], 0);
    left[start] = false;
    while let Some(&place) = places.get(next) {
        next += 1;
        let (row, column) = (place / width, place % width);
        for y in row.saturating_sub(1)..(row + 2).min(height) {
            for x in column.saturating_sub(1)..(column + 2).min(width) {
                if std::mem::take(&mut left[y * width + x]) {
                    places.push(y * width + x);
                }
            }
        }
    }
    places
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn found(width: usize, values: &[f32], fraction: f64) -> Option<BoundingBox> {
        let size = Size::new(values.len() / width, width).unwrap();
        bounding_box(&Grid::new(size, values.to_vec()).unwrap(), fraction)
    }

    fn rect(left: usize, top: usize, width: usize, height: usize) -> Option<BoundingBox> {
        Some(BoundingBox {
            left,
            top,
            width,
            height,
        })
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
        assert_eq!(
            found(6, &TWO_SEGMENTS, 0.15),
            rect(3, 0, 2, 3),
            "1 is under 15 % of 9"
        );
        assert_eq!(found(6, &TWO_SEGMENTS, 0.1), rect(2, 0, 3, 3));
        assert_eq!(
            found(6, &TWO_SEGMENTS, 1.0),
            rect(0, 0, 1, 1),
            "the maximum itself is inside"
        );
    }

    #[test]
    fn corners_connect() {
        assert_eq!(
            found(3, &[1., 0., 0., 0., 1., 0., 0., 0., 1.], 0.5),
            rect(0, 0, 3, 3)
        );
        // The end of a row does not touch the start of the next but one.
        assert_eq!(
            found(3, &[0., 0., 1., 0., 0., 0., 1., 0., 0.], 0.5),
            rect(2, 0, 1, 1)
        );
    }

    #[test]
    fn of_equal_segments_the_first_in_reading_order_wins() {
        assert_eq!(found(5, &[0., 1., 0., 0., 1.], 0.5), rect(1, 0, 1, 1));
    }

    #[test]
    fn nothing_positive_means_no_box() {
        assert_eq!(found(2, &[0.0, -1.0, f32::NAN, f32::INFINITY], 0.15), None);
        assert_eq!(found(2, &[1.0; 4], f64::NAN), None);
        assert_eq!(found(2, &[1.0, 0.0, -2.0, 0.0], 0.0), rect(0, 0, 1, 1));
        assert_eq!(found(2, &[1.0; 4], 1.1), None);
    }

    #[test]
    fn boxes_overlap() {
        let (a, b) = (rect(0, 0, 2, 2).unwrap(), rect(1, 0, 2, 2).unwrap());
        assert_eq!((a.iou(&a), a.iou(&b)), (1.0, 1.0 / 3.0));
        assert_eq!(a.iou(&rect(2, 0, 2, 2).unwrap()), 0.0);
        assert_eq!(BoundingBox::around(&[], Size::new(2, 2).unwrap()), None);
    }
}
