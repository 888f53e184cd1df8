//! The box around the strongest evidence, after section 3.2 of Selvaraju et al. 2017.

use image::RgbImage;

use crate::stroke::{half_width, stroke};
use crate::{Grid, Result, Style};

/// A rectangle of whole pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// The bounding box of the largest connected segment at or above `fraction` of the map's maximum.
///
/// The paper's protocol for weakly supervised localisation (Selvaraju et al. 2017, section 3.2) with its fraction
/// 0.15 as [`Style::box_fraction`]. Pixels that touch by a side or a corner are connected (8-connectivity), the
/// largest segment has the most pixels, and of two equal ones the first in reading order wins. Only positive, finite
/// values count: `None` where there are none, or where `fraction` is above 1 or NaN.
pub fn bounding_box(map: Grid<'_>, fraction: f32) -> Option<BoundingBox> {
    let threshold = map.max() * fraction;
    let mut left: Vec<bool> = map
        .values()
        .iter()
        .map(|&value| value.is_finite() && value > 0.0 && value >= threshold)
        .collect();
    let mut best: Option<(usize, BoundingBox)> = None;
    for start in 0..left.len() {
        if left[start] {
            let segment = take_segment(&mut left, start, map.height(), map.width());
            if best.is_none_or(|(size, _)| segment.0 > size) {
                best = Some(segment);
            }
        }
    }
    best.map(|(_, found)| found)
}

/// Clears the segment of `start` from `left`; its number of pixels and its box.
fn take_segment(
    left: &mut [bool],
    start: usize,
    height: usize,
    width: usize,
) -> (usize, BoundingBox) {
    let (mut rows, mut columns) = (
        (start / width, start / width),
        (start % width, start % width),
    );
    let (mut size, mut open) = (0, vec![start]);
    left[start] = false;
    while let Some(pixel) = open.pop() {
        let (row, column) = (pixel / width, pixel % width);
        size += 1;
        rows = (rows.0.min(row), rows.1.max(row));
        columns = (columns.0.min(column), columns.1.max(column));
        for near_row in row.saturating_sub(1)..(row + 2).min(height) {
            for near_column in column.saturating_sub(1)..(column + 2).min(width) {
                let near = near_row * width + near_column;
                if std::mem::take(&mut left[near]) {
                    open.push(near);
                }
            }
        }
    }
    let (height, width) = (rows.1 - rows.0 + 1, columns.1 - columns.0 + 1);
    (
        size,
        BoundingBox {
            left: columns.0,
            top: rows.0,
            width,
            height,
        },
    )
}

/// The photo with [`bounding_box`] of the map at `style.box_fraction`, a yellow line with a dark halo along the
/// box's border. A map without positive values leaves the photo unchanged.
///
/// # Errors
/// [`Size`](crate::Error::Size), [`Fraction`](crate::Error::Fraction).
pub fn boxes(photo: &RgbImage, map: Grid<'_>, style: &Style) -> Result<RgbImage> {
    style.check()?;
    map.same_size(photo)?;
    let mut image = photo.clone();
    if let Some(found) = bounding_box(map, style.box_fraction) {
        // The line runs along the outer side of the box's pixels, but not off the photo.
        let inset = half_width(&image) - 0.5;
        let edges = |first: usize, length: usize, end: u32| {
            let (low, high) = (first as f32 - 0.5, (first + length) as f32 - 0.5);
            (low.max(inset), high.min(end as f32 - 1.0 - inset))
        };
        let (x0, x1) = edges(found.left, found.width, image.width());
        let (y0, y1) = edges(found.top, found.height, image.height());
        let corners = [[x0, y0], [x1, y0], [x1, y1], [x0, y1]];
        let sides: [_; 4] = std::array::from_fn(|i| [corners[i], corners[(i + 1) % 4]]);
        stroke(&mut image, &sides);
    }
    Ok(image)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn found(width: usize, rows: &[f32], fraction: f32) -> Option<BoundingBox> {
        bounding_box(
            Grid::new(rows.len() / width, width, rows).unwrap(),
            fraction,
        )
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
        assert_eq!(found(2, &[1.0; 4], f32::NAN), None);
        assert_eq!(found(2, &[1.0, 0.0, -2.0, 0.0], 0.0), rect(0, 0, 1, 1));
        assert_eq!(found(2, &[1.0; 4], 1.1), None);
    }

    #[test]
    fn the_rectangle_surrounds_the_box() {
        let mut values = [0.0; 400];
        for row in 8..12 {
            values[row * 20 + 6..row * 20 + 14].fill(1.0);
        }
        let photo = RgbImage::new(20, 20);
        let image = boxes(
            &photo,
            Grid::new(20, 20, &values).unwrap(),
            &Style::default(),
        )
        .unwrap();
        let bright = |x, y| image.get_pixel(x, y)[0] == 255;
        let row: Vec<u32> = (0..20).filter(|&x| bright(x, 10)).collect();
        let column: Vec<u32> = (0..20).filter(|&y| bright(10, y)).collect();
        assert_eq!((row, column), (vec![5, 6, 13, 14], vec![7, 8, 11, 12]));
    }

    #[test]
    fn a_box_at_the_border_is_drawn_whole() {
        let photo = RgbImage::new(9, 9);
        let image = boxes(
            &photo,
            Grid::new(9, 9, &[1.0; 81]).unwrap(),
            &Style::default(),
        )
        .unwrap();
        let row: Vec<u32> = (0..9)
            .filter(|&x| image.get_pixel(x, 4)[0] == 255)
            .collect();
        assert_eq!(row, [0, 1, 7, 8]);
        let map = [1.0];
        boxes(
            &RgbImage::new(1, 1),
            Grid::new(1, 1, &map).unwrap(),
            &Style::default(),
        )
        .unwrap();
    }
}
