//! A map of plain numbers.

use crate::{Error, Size};

/// A map: one number for each of `height` × `width` positions, row by row from the top left.
///
/// Values may have any unit and sign. NaN and the infinities are allowed; each method says how it treats them.
///
/// ```
/// use gradcam_map::{Grid, Size};
///
/// let map = Grid::new(Size::new(2, 3)?, vec![0.0, 2.0, -1.0, 0.0, 1.0, 0.0])?;
/// assert_eq!(map.get(0, 1), Some(2.0));
/// assert_eq!((map.argmax(), map.negative_mass()), (Some((0, 1)), 0.25));
/// assert_eq!(map.relu().values(), [0.0, 2.0, 0.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), gradcam_map::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    size: Size,
    values: Vec<f32>,
}

impl Grid {
    /// Makes a map of `values`, one for each position in reading order.
    ///
    /// # Errors
    /// [`Error::Length`] if the number of values is not the size's area.
    pub fn new(size: Size, values: Vec<f32>) -> Result<Self, Error> {
        let (expected, found) = (size.area(), values.len());
        if expected != found {
            return Err(Error::Length {
                height: size.height(),
                width: size.width(),
                expected,
                found,
            });
        }
        Ok(Self { size, values })
    }

    /// Makes a map that has `value` everywhere.
    pub fn filled(size: Size, value: f32) -> Self {
        Self::from_fn(size, |_| value)
    }

    /// Makes a map from a function of the position's index, called in reading order: `index` lies in row `index / width` and column
    /// `index % width`.
    pub fn from_fn(size: Size, value: impl FnMut(usize) -> f32) -> Self {
        Self {
            size,
            values: (0..size.area()).map(value).collect(),
        }
    }

    /// Returns the height and width.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Returns the number of rows, at least 1.
    pub fn height(&self) -> usize {
        self.size.height()
    }

    /// Returns the number of columns, at least 1.
    pub fn width(&self) -> usize {
        self.size.width()
    }

    /// Returns the `height * width` values, row by row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Returns the values for changes in place.
    pub fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }

    /// Unwraps the values.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// Returns the value at a row and column; `None` outside the map.
    pub fn get(&self, row: usize, column: usize) -> Option<f32> {
        let inside = row < self.height() && column < self.width();
        inside.then(|| self.values[row * self.width() + column])
    }

    /// Returns the largest value, infinities included and NaN skipped; negative infinity if every value is NaN.
    pub fn max(&self) -> f32 {
        self.values
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max)
    }

    /// Returns the smallest value, infinities included and NaN skipped; infinity if every value is NaN.
    pub fn min(&self) -> f32 {
        self.values.iter().copied().fold(f32::INFINITY, f32::min)
    }

    /// Returns the largest finite value, the end of a scale that begins at 0; 0 if none is positive.
    pub fn positive_max(&self) -> f32 {
        self.finite().fold(0.0, f32::max)
    }

    /// Returns the largest absolute finite value, the end of a scale with both signs; 0 if no value is finite.
    pub fn absolute_max(&self) -> f32 {
        self.finite().map(f32::abs).fold(0.0, f32::max)
    }

    /// Returns the value below which a share, 0 to 1, of the positive finite values lies; 0 if none is positive. As the end of a pixel
    /// map's colour scale, 0.99 keeps a few outliers from hiding the rest (Smilkov et al. 2017, section 3).
    pub fn positive_quantile(&self, share: f32) -> f32 {
        quantile(self.finite().filter(|&v| v > 0.0), share)
    }

    /// Returns the same quantile of the absolute finite values that are not 0, for colours that show both signs.
    pub fn absolute_quantile(&self, share: f32) -> f32 {
        quantile(self.finite().map(f32::abs).filter(|&v| v > 0.0), share)
    }

    /// Returns the negative share of the map's absolute mass, 0 to 1; 0 for a zero map.
    pub fn negative_mass(&self) -> f32 {
        let total: f64 = self.values.iter().map(|v| f64::from(v.abs())).sum();
        let negative: f64 = self
            .values
            .iter()
            .map(|v| f64::from(v.min(0.0).abs()))
            .sum();
        if total > 0.0 {
            (negative / total) as f32
        } else {
            0.0
        }
    }

    /// Finds the row and column of the largest value, the first in reading order; `None` if every value is NaN.
    pub fn argmax(&self) -> Option<(usize, usize)> {
        let max = self.max();
        let index = self.values.iter().position(|&v| v == max)?;
        Some((index / self.width(), index % self.width()))
    }

    /// Takes the positive part, `max(0, v)`; NaN stays NaN.
    #[must_use]
    pub fn relu(&self) -> Self {
        self.map(|v| if v < 0.0 { 0.0 } else { v })
    }

    /// Divides the map by its largest absolute value, so that it lies in -1 to 1. A zero map or one with an infinity stays unchanged.
    #[must_use]
    pub fn scaled(&self) -> Self {
        let largest = self.values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        if largest > 0.0 && largest.is_finite() {
            self.map(|v| v / largest)
        } else {
            self.clone()
        }
    }

    /// Applies `f` to each value.
    #[must_use]
    pub fn map(&self, f: impl Fn(f32) -> f32) -> Self {
        Self {
            size: self.size,
            values: self.values.iter().map(|&v| f(v)).collect(),
        }
    }

    fn finite(&self) -> impl Iterator<Item = f32> {
        self.values.iter().copied().filter(|v| v.is_finite())
    }
}

/// Finds the value below which a share of `values` lies; 0 if there are none.
fn quantile(values: impl Iterator<Item = f32>, share: f32) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(f32::total_cmp);
    let last = values.len().saturating_sub(1);
    let index = (share.clamp(0.0, 1.0) * last as f32).round() as usize;
    values.get(index.min(last)).copied().unwrap_or(0.0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn grid(height: usize, width: usize, values: &[f32]) -> Grid {
        Grid::new(Size::new(height, width).unwrap(), values.to_vec()).unwrap()
    }

    #[test]
    fn length_is_checked() {
        let new = |height, width, count| {
            let size = Size::new(height, width).unwrap();
            Grid::new(size, vec![0.0; count])
        };
        assert_eq!(
            new(2, 3, 5).unwrap_err().to_string(),
            "a map of height 2 and width 3 needs 6 values, found 5"
        );
        assert!(matches!(new(usize::MAX, 2, 2), Err(Error::Length { .. })));
    }

    #[test]
    fn values_are_row_major() {
        let map = Grid::from_fn(Size::new(2, 3).unwrap(), |index| index as f32);
        assert_eq!(map, grid(2, 3, &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        assert_eq!(map.get(1, 0), Some(3.0));
        assert_eq!(
            (map.get(0, 3), map.get(2, 0), map.get(usize::MAX, 1)),
            (None, None, None)
        );
        assert_eq!(map.argmax(), Some((1, 2)));
        let mut flat = Grid::filled(map.size(), 1.0);
        flat.values_mut()[4] = 7.0;
        assert_eq!(flat.into_values(), [1.0, 1.0, 1.0, 1.0, 7.0, 1.0]);
    }

    #[test]
    fn maxima_take_or_skip_what_is_not_finite() {
        let map = grid(
            1,
            5,
            &[f32::NAN, 2.0, f32::INFINITY, -3.0, f32::NEG_INFINITY],
        );
        assert_eq!((map.positive_max(), map.absolute_max()), (2.0, 3.0));
        assert_eq!((map.max(), map.min()), (f32::INFINITY, f32::NEG_INFINITY));
        let negative = grid(1, 2, &[-1.0, f32::NAN]);
        assert_eq!((negative.positive_max(), negative.max()), (0.0, -1.0));
        assert_eq!(grid(1, 1, &[f32::NAN]).argmax(), None);
    }
}
