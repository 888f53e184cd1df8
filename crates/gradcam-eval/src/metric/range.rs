//! The values that metrics can have.

use serde::Serialize;

/// The values that a metric can have for one image, and so for the mean over images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Range {
    /// The smallest value; `None` if there is no lower bound.
    pub least: Option<f64>,
    /// The largest value; `None` if there is no upper bound.
    pub most: Option<f64>,
    /// The unit of a value.
    pub unit: &'static str,
}

pub(super) fn range(least: Option<f64>, most: Option<f64>, unit: &'static str) -> Range {
    Range { least, most, unit }
}

/// A range from 0 to 1.
pub(super) fn share(unit: &'static str) -> Range {
    range(Some(0.0), Some(1.0), unit)
}

/// A range from -1 to 1.
pub(super) fn signed(unit: &'static str) -> Range {
    range(Some(-1.0), Some(1.0), unit)
}

/// A range from 0 up.
pub(super) fn from_zero(unit: &'static str) -> Range {
    range(Some(0.0), None, unit)
}
