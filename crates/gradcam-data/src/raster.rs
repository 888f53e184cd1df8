//! Rasterises boxes and polygons.
//!
//! A pixel belongs to a shape if its centre does. This is exact for integer boxes and for anything drawn on pixel edges. Along a slanted
//! edge it may differ by a pixel from the COCO API, which first rounds a polygon's outline.

use crate::{Mask, Rect, Result};

/// Marks the pixels whose centres lie in the rectangle. Its left and top edges belong to it; the right and bottom ones do not.
///
/// # Errors
/// [`Error::Setting`](crate::Error::Setting) for more than 2³⁰ pixels.
pub fn fill_rect(rect: Rect, height: usize, width: usize) -> Result<Mask> {
    let mut mask = Mask::empty(height, width)?;
    let columns = centres(rect.x, rect.x + rect.width, width);
    for row in centres(rect.y, rect.y + rect.height, height) {
        mask.values[row * width..][columns.clone()].fill(true);
    }
    Ok(mask)
}

/// Marks the union of polygons, each a list of corners `[x, y]`. Polygons follow the even-odd rule, so one that crosses itself has holes.
///
/// # Errors
/// [`Error::Setting`](crate::Error::Setting) for more than 2³⁰ pixels.
pub fn fill_polygons(polygons: &[Vec<[f64; 2]>], height: usize, width: usize) -> Result<Mask> {
    let mut mask = Mask::empty(height, width)?;
    for polygon in polygons {
        for row in 0..height {
            let y = row as f64 + 0.5;
            let mut crossings = crossings(polygon, y);
            crossings.sort_unstable_by(f64::total_cmp);
            for pair in crossings.chunks_exact(2) {
                let inside = centres(pair[0], pair[1], width);
                mask.values[row * width..][inside].fill(true);
            }
        }
    }
    Ok(mask)
}

/// Lists the `x` at which the polygon's edges cross a horizontal line.
fn crossings(polygon: &[[f64; 2]], y: f64) -> Vec<f64> {
    let ends = polygon.iter().cycle().skip(1);
    let edges = polygon.iter().zip(ends);
    // An edge includes its upper end but not its lower one, so a corner counts once.
    let crossing = edges.filter(|(a, b)| (a[1] <= y) != (b[1] <= y));
    crossing
        .map(|(a, b)| a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0]))
        .collect()
}

/// Returns the pixels of `0..count` whose centres lie in `low..high`.
fn centres(low: f64, high: f64, count: usize) -> std::ops::Range<usize> {
    // Converting to `usize` saturates, and maps NaN to 0.
    let at = |edge: f64| ((edge - 0.5).ceil().max(0.0) as usize).min(count);
    at(low)..at(high).max(at(low))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::mask::tests::drawn;

    fn rect(x: f64, y: f64, width: f64, height: f64) -> Rect {
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn rectangles_have_the_pixels_whose_centres_they_hold() {
        let mask = fill_rect(rect(1.0, 0.0, 2.0, 1.0), 2, 4).unwrap();
        assert_eq!(mask, drawn(&[".##.", "...."]));
        let part = fill_rect(rect(0.6, 0.4, 1.0, 1.0), 2, 4).unwrap();
        assert_eq!(part, drawn(&[".#..", "...."]));
        let beyond = fill_rect(rect(-5.0, 1.0, 6.0, 1e300), 2, 4).unwrap();
        assert_eq!(beyond, drawn(&["....", "#..."]));
        assert_eq!(fill_rect(rect(9.0, 9.0, 1.0, 1.0), 2, 4).unwrap().area(), 0);
    }

    #[test]
    fn polygons_fill_and_unite() {
        let square = |x: f64, y: f64| vec![[x, y], [x + 2.0, y], [x + 2.0, y + 2.0], [x, y + 2.0]];
        let two = fill_polygons(&[square(0.0, 0.0), square(1.0, 1.0)], 3, 4).unwrap();
        // The overlap is in both: a union, not an exclusive or.
        assert_eq!(two, drawn(&["##..", "###.", ".##."]));
        let triangle = fill_polygons(&[vec![[0.0, 0.0], [4.0, 0.0], [0.0, 4.0]]], 4, 4).unwrap();
        // The hypotenuse passes through pixel centres; the right edge is not inside.
        assert_eq!(triangle, drawn(&["###.", "##..", "#...", "...."]));
        let line = fill_polygons(&[vec![[0.0, 0.0], [4.0, 4.0]], vec![]], 4, 4).unwrap();
        assert_eq!(line.area(), 0);
        let nan = fill_polygons(&[vec![[f64::NAN; 2], [1.0, 9.0], [2.0, 0.0]]], 2, 2);
        assert!(nan.is_ok());
    }
}
