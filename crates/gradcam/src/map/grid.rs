//! A map of plain numbers.

/// A map of `height` rows and `width` columns, row after row.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// `height * width` values.
    pub values: Vec<f32>,
}

impl Grid {
    /// The largest value; NaN values are passed over; negative infinity for a map without a number.
    pub fn max(&self) -> f32 {
        self.values
            .iter()
            .copied()
            .fold(f32::NEG_INFINITY, f32::max)
    }
    /// The smallest value; NaN values are passed over; infinity for a map without a number.
    pub fn min(&self) -> f32 {
        self.values.iter().copied().fold(f32::INFINITY, f32::min)
    }
    /// The share of the map's absolute mass that is negative, 0 to 1; 0 for a zero map.
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
    /// Row and column of the largest value, the first in reading order; `None` for an empty map.
    pub fn argmax(&self) -> Option<(usize, usize)> {
        let max = self.max();
        let index = self.values.iter().position(|&v| v == max)?;
        Some((index / self.width, index % self.width))
    }
    /// The positive part: `max(0, v)`; NaN stays NaN.
    #[must_use]
    pub fn relu(&self) -> Grid {
        self.map(|v| if v < 0.0 { 0.0 } else { v })
    }
    /// The map divided by its largest absolute value, so that it lies in -1 to 1; a zero map stays zero.
    #[must_use]
    pub fn scaled(&self) -> Grid {
        let largest = self.values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        if largest > 0.0 && largest.is_finite() {
            self.map(|v| v / largest)
        } else {
            self.clone()
        }
    }
    /// Each value changed by `f`.
    #[must_use]
    pub fn map(&self, f: impl Fn(f32) -> f32) -> Grid {
        Grid {
            height: self.height,
            width: self.width,
            values: self.values.iter().map(|&v| f(v)).collect(),
        }
    }
}
