//! The pixels of an object.

use crate::{Error, Rect, Result};

/// The pixels of a picture that belong to an object, in reading order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` values, row by row.
    pub values: Vec<bool>,
}

/// The size limit: a mask of more than 2³⁰ pixels is an error in the annotation, not a picture.
const MAX_PIXELS: usize = 1 << 30;

impl Mask {
    /// Creates a mask without any object pixels.
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

    /// Counts the object's pixels.
    pub fn area(&self) -> usize {
        self.values.iter().filter(|&&inside| inside).count()
    }

    /// Adds the other mask's pixels.
    ///
    /// # Errors
    /// [`Error::Size`] if the masks differ in size.
    pub fn add(&mut self, other: &Mask) -> Result<()> {
        same_size((self.height, self.width), (other.height, other.width))?;
        let pairs = self.values.iter_mut().zip(&other.values);
        pairs.for_each(|(mine, &theirs)| *mine |= theirs);
        Ok(())
    }

    /// Returns the smallest rectangle around the object's pixels; `None` if there are none.
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

    /// Returns the mask as a network sees it: `region` of the picture, resized to `height` × `width` pixels.
    ///
    /// Each pixel of the view covers a rectangle of the picture. It belongs to the object if the object fills at least half of that
    /// rectangle; the area outside the picture is empty. This is a box filter with threshold ½. At the picture's own size it changes
    /// nothing; enlarging by an integer factor turns each pixel into a square.
    ///
    /// # Errors
    /// [`Error::Setting`] for a region without area or with infinite values, or for more than 2³⁰ pixels.
    ///
    /// ```
    /// use gradcam_data::{Mask, Rect};
    ///
    /// let mut mask = Mask::empty(2, 4)?;
    /// mask.values[0] = true;
    /// assert_eq!(mask.area(), 1);
    /// // The left half, enlarged twice.
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
            // The object's area per picture column, within this row of the view.
            let mut down = vec![0.0; self.width];
            for &(y, share) in row {
                let source = &self.values[y * self.width..(y + 1) * self.width];
                for (sum, _) in down.iter_mut().zip(source).filter(|(_, inside)| **inside) {
                    *sum += share;
                }
            }
            for (value, column) in line.iter_mut().zip(&columns) {
                let area: f64 = column.iter().map(|&(x, share)| down[x] * share).sum();
                // The tolerance keeps exact halves despite rounding.
                *value = area >= half * (1.0 - 1e-9);
            }
        }
        Ok(view)
    }
}

/// Lists, for each of `count` equal parts of the interval from `start`, the pixels that it overlaps and the lengths of the overlaps.
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

/// Checks a mask's height and width.
pub(crate) fn same_size(found: (usize, usize), expected: (usize, usize)) -> Result<()> {
    if found == expected {
        Ok(())
    } else {
        Err(Error::Size { expected, found })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    /// Parses a mask drawn with `#`.
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
        // Quadrants with 1, 2, 4 and 1 of 4 pixels.
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
        // Half a pixel to the right: the pixels at both edges are half covered.
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
