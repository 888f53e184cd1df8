//! A network's gradient against finite differences.

use anyhow::Result;
use gradcam_models::Model;

/// The largest deviation of a gradient from the differences, as a share of the largest gradient.
pub(crate) const DEVIATION: f64 = 0.02;

/// Returns the network in `f64`, for the differences: in `f32`, rounding may exceed what is measured, and it is not an error.
pub(crate) fn exact(model: &Model) -> Result<Model> {
    Ok(model.in_double()?)
}
