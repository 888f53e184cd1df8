//! Which pixels belong to an object.

use crate::{Error, Rect, Result};

/// Which pixels of a picture belong to an object, in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` values, row by row.
    pub values: Vec<bool>,
}

/// No mask is larger: a gigabyte of pixels is an annotation's mistake, not a picture.
const MAX_PIXELS: usize = 1 << 30;

impl Mask {
    /// A mask of no pixel.
    ///
    /// # Errors
    /// [`Error::Setting`] for more than 2³⁰ pixels.
    pub fn empty(height: usize, width: usize) -> Result<Mask> {
        match height.checked_mul(width) {
            Some(count) if count <= MAX_PIXELS => Ok(Mask {
                height,
                width,
                values: vec![false; count],
            }),
            _ => Err(Error::Setting {
                field: "mask",
                expected: "at most 2³⁰ pixels",
                found: format!("{width} × {height}"),
            }),
        }
    }

    /// How many pixels belong to the object.
    pub fn area(&self) -> usize {
        self.values.iter().filter(|&&inside| inside).count()
    }

    /// Takes the other mask's pixels in.
    ///
    /// # Errors
    /// [`Error::Size`] where the two differ in size.
    pub fn add(&mut self, other: &Mask) -> Result<()> {
        same_size((self.height, self.width), (other.height, other.width))?;
        let pairs = self.values.iter_mut().zip(&other.values);
        pairs.for_each(|(mine, &theirs)| *mine |= theirs);
        Ok(())
    }

    /// The smallest rectangle around the object's pixels; none where there is no pixel.
    pub fn bounds(&self) -> Option<Rect> {
        let rows = self.values.chunks(self.width.max(1));
        let mut inside = rows.enumerate().flat_map(|(y, row)| {
            let columns = row.iter().enumerate().filter(|(_, inside)| **inside);
            columns.map(move |(x, _)| (x, y))
        });
        let first = inside.next()?;
        let start = (first.0, first.1, first.0, first.1);
        let (left, top, right, bottom) = inside.fold(start, |(l, t, r, b), (x, y)| {
            (l.min(x), t.min(y), r.max(x), b.max(y))
        });
        Some(Rect::inclusive(
            [left as f64, top as f64],
            [right as f64, bottom as f64],
        ))
    }

    /// The mask as a network sees it: `region` of the picture, resized to `height` × `width` pixels.
    ///
    /// A pixel of the view covers a rectangle of the picture. It belongs to the object where the object has at least half of that
    /// rectangle's area; what lies outside of the picture belongs to nothing. This is a box filter with the threshold ½: at the
    /// picture's own size it changes nothing, and enlarged by a whole number each pixel becomes a square.
    ///
    /// # Errors
    /// [`Error::Setting`] for a region without area, or for more than 2³⁰ pixels.
    ///
    /// ```
    /// use gradcam_data::{Mask, Rect};
    ///
    /// let mut mask = Mask::empty(2, 4)?;
    /// mask.values[0] = true;
    /// assert_eq!(mask.area(), 1);
    /// // Its left half, twice as large.
    /// let left = Rect {
    ///     width: 2.0,
    ///     ..Rect::whole(2, 4)
    /// };
    /// assert_eq!(mask.view(left, 4, 4)?.area(), 4);
    /// # Ok::<(), gradcam_data::Error>(())
    /// ```
    pub fn view(&self, region: Rect, height: usize, width: usize) -> Result<Mask> {
        if !region.is_valid() || region.width == 0.0 || region.height == 0.0 {
            return Err(Error::Setting {
                field: "region",
                expected: "finite numbers and an area",
                found: region.to_string(),
            });
        }
        let mut view = Mask::empty(height, width)?;
        let columns = overlaps(region.x, region.width, width, self.width);
        let rows = overlaps(region.y, region.height, height, self.height);
        let half = (region.width / width as f64) * (region.height / height as f64) / 2.0;
        for (row, line) in rows.iter().zip(view.values.chunks_mut(width.max(1))) {
            // The object's area in each column of the picture, within this row of the view.
            let mut down = vec![0.0; self.width];
            for &(y, share) in row {
                let source = &self.values[y * self.width..(y + 1) * self.width];
                for (sum, _) in down.iter_mut().zip(source).filter(|(_, inside)| **inside) {
                    *sum += share;
                }
            }
            for (value, column) in line.iter_mut().zip(&columns) {
                let area: f64 = column.iter().map(|&(x, share)| down[x] * share).sum();
                // A half is a half, whatever the sums' rounding.
                *value = area >= half * (1.0 - 1e-9);
            }
        }
        Ok(view)
    }
}

/// For each of `count` equal parts of the interval from `start`, the pixels that it touches and the length of each touch.
fn overlaps(start: f64, length: f64, count: usize, pixels: usize) -> Vec<Vec<(usize, f64)>> {
    let step = length / count as f64;
    let part = |i: usize| {
        let (low, high) = (start + i as f64 * step, start + (i + 1) as f64 * step);
        let (first, last) = (low.max(0.0).floor() as usize, high.max(0.0).ceil() as usize);
        let touched = first..last.min(pixels);
        let share = |p: usize| high.min((p + 1) as f64) - low.max(p as f64);
        touched
            .map(|p| (p, share(p)))
            .filter(|(_, share)| *share > 0.0)
            .collect()
    };
    (0..count).map(part).collect()
}

/// Whether a mask has the height and width that are expected.
pub(crate) fn same_size(found: (usize, usize), expected: (usize, usize)) -> Result<()> {
    match found == expected {
        true => Ok(()),
        false => Err(Error::Size { expected, found }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    /// A mask drawn with `#`.
    pub(crate) fn drawn(rows: &[&str]) -> Mask {
        Mask {
            height: rows.len(),
            width: rows[0].len(),
            values: rows
                .iter()
                .flat_map(|r| r.bytes().map(|b| b == b'#'))
                .collect(),
        }
    }

    fn rect(x: f64, y: f64, width: f64, height: f64) -> Rect {
        Rect {
            x,
            y,
            width,
            height,
        }
    }

    #[test]
    fn half_of_the_area_decides() {
        // Quarters with 1, 2, 3 and 4 of 4 pixels.
        let mask = drawn(&["#.##", "....", "##..", "##.#"]);
        let half = mask.view(Rect::whole(4, 4), 2, 2).unwrap();
        assert_eq!(half, drawn(&[".#", "#."]));
        assert_eq!(mask.view(Rect::whole(4, 4), 4, 4).unwrap(), mask);
        let large = drawn(&["#.", ".."]).view(Rect::whole(2, 2), 4, 6).unwrap();
        assert_eq!(large, drawn(&["###...", "###...", "......", "......"]));
    }

    #[test]
    fn a_crop_moves_and_what_is_outside_is_empty() {
        let mask = drawn(&["....", ".##.", ".##.", "...."]);
        let crop = mask.view(rect(1.0, 1.0, 3.0, 3.0), 3, 3).unwrap();
        assert_eq!(crop, drawn(&["##.", "##.", "..."]));
        let padded = mask.view(rect(-2.0, 1.0, 6.0, 2.0), 2, 6).unwrap();
        assert_eq!(padded, drawn(&["...##.", "...##."]));
        // Half a pixel to the right: the left edge's pixels keep half of the object, the right ones get half.
        let shifted = mask.view(rect(0.5, 1.0, 3.0, 1.0), 1, 3).unwrap();
        assert_eq!(shifted, drawn(&["###"]));
        assert!(mask.view(rect(0.0, 0.0, 0.0, 1.0), 1, 1).is_err());
    }

    #[test]
    fn bounds_area_and_union() {
        let mut mask = drawn(&["....", ".#..", "..#."]);
        assert_eq!(mask.bounds(), Some(rect(1.0, 1.0, 2.0, 2.0)));
        mask.add(&drawn(&["...#", ".#..", "...."])).unwrap();
        assert_eq!(mask.area(), 3);
        assert_eq!(drawn(&["..", ".."]).bounds(), None);
        assert!(mask.add(&drawn(&["#"])).is_err());
        assert!(Mask::empty(1 << 20, 1 << 20).is_err() && Mask::empty(usize::MAX, 2).is_err());
    }
}
