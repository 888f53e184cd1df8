//! What values the metrics can have.

use serde::Serialize;

/// What values a metric can have: those of one image, and so their mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Range {
    /// The least; `None` where there is none.
    pub least: Option<f64>,
    /// The largest; `None` where there is none.
    pub most: Option<f64>,
    /// What a value counts.
    pub unit: &'static str,
}

pub(super) fn range(least: Option<f64>, most: Option<f64>, unit: &'static str) -> Range {
    Range { least, most, unit }
}

/// 0 to 1.
pub(super) fn share(unit: &'static str) -> Range {
    range(Some(0.0), Some(1.0), unit)
}

/// -1 to 1.
pub(super) fn signed(unit: &'static str) -> Range {
    range(Some(-1.0), Some(1.0), unit)
}

/// At least 0.
pub(super) fn from_zero(unit: &'static str) -> Range {
    range(Some(0.0), None, unit)
}
