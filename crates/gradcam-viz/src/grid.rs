//! A saliency map: a borrowed, row-major grid of `f32`.

use image::RgbImage;

use crate::{Error, Result};

/// A map of `height` × `width` values, row by row from the top left.
///
/// Values may have any unit and sign. NaN and the infinities are allowed; they paint nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grid<'a> {
    height: usize,
    width: usize,
    values: &'a [f32],
}

impl<'a> Grid<'a> {
    /// A map over `values`, which must be `height * width` of them.
    ///
    /// # Errors
    /// [`Error::EmptyMap`] for no rows or columns, [`Error::Length`] for another number of values.
    pub fn new(height: usize, width: usize, values: &'a [f32]) -> Result<Self> {
        if height == 0 || width == 0 {
            return Err(Error::EmptyMap { height, width });
        }
        let expected = height.saturating_mul(width);
        if expected != values.len() {
            let found = values.len();
            return Err(Error::Length {
                height,
                width,
                expected,
                found,
            });
        }
        Ok(Self {
            height,
            width,
            values,
        })
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// The values, row by row.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// The value at `(row, column)`, `None` outside the map.
    pub fn get(&self, row: usize, column: usize) -> Option<f32> {
        if column >= self.width {
            return None;
        }
        self.values
            .get(row.checked_mul(self.width)?.checked_add(column)?)
            .copied()
    }

    /// The largest finite value, or 0 where none is positive.
    pub fn max(&self) -> f32 {
        self.finite().fold(0.0, f32::max)
    }

    /// The value below which a share of the positive values lies, 0 where none is positive. As the end of the colours of a map of single
    /// pixels, 0.99 keeps a few of them from hiding the others (Smilkov et al. 2017, section 3).
    pub fn positive_quantile(&self, share: f32) -> f32 {
        quantile(self.finite().filter(|&v| v > 0.0), share)
    }

    /// The same of the absolute values that are not 0, for colours that show both signs.
    pub fn absolute_quantile(&self, share: f32) -> f32 {
        quantile(self.finite().map(f32::abs).filter(|&v| v > 0.0), share)
    }

    /// The largest absolute finite value.
    pub fn max_abs(&self) -> f32 {
        self.finite().map(f32::abs).fold(0.0, f32::max)
    }

    fn finite(&self) -> impl Iterator<Item = f32> {
        self.values
            .iter()
            .copied()
            .filter(|value| value.is_finite())
    }

    pub(crate) fn same_size(&self, photo: &RgbImage) -> Result<()> {
        let (photo_width, photo_height) = photo.dimensions();
        if (photo_width as usize, photo_height as usize) == (self.width, self.height) {
            return Ok(());
        }
        Err(Error::Size {
            photo_width,
            photo_height,
            map_width: self.width,
            map_height: self.height,
        })
    }
}

/// The value below which a share of `values` lies, 0 where there are none.
fn quantile(values: impl Iterator<Item = f32>, share: f32) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    let last = values.len().saturating_sub(1);
    let index = (share.clamp(0.0, 1.0) * last as f32).round() as usize;
    values.get(index.min(last)).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn length_is_checked() {
        let text = Grid::new(2, 3, &[0.0; 5]).unwrap_err().to_string();
        assert_eq!(
            text,
            "a map of height 2 and width 3 needs 6 values, found 5"
        );
        let text = Grid::new(0, 3, &[]).unwrap_err().to_string();
        assert_eq!(
            text,
            "a map needs at least one row and one column, found height 0 and width 3"
        );
        assert!(matches!(
            Grid::new(usize::MAX, 2, &[0.0; 2]),
            Err(Error::Length { .. })
        ));
    }

    #[test]
    fn values_are_row_major() {
        let map = Grid::new(2, 3, &[0., 1., 2., 3., 4., 5.]).unwrap();
        assert_eq!(map.get(1, 0), Some(3.0));
        assert_eq!(
            (map.get(0, 3), map.get(2, 0), map.get(usize::MAX, 1)),
            (None, None, None)
        );
    }

    #[test]
    fn maxima_skip_what_is_not_finite() {
        let map = Grid::new(
            1,
            5,
            &[f32::NAN, 2.0, f32::INFINITY, -3.0, f32::NEG_INFINITY],
        )
        .unwrap();
        assert_eq!((map.max(), map.max_abs()), (2.0, 3.0));
        assert_eq!(Grid::new(1, 2, &[-1.0, f32::NAN]).unwrap().max(), 0.0);
    }
}
