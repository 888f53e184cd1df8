//! A network's gradient against finite differences.

use anyhow::Result;
use candle_core::DType;
use gradcam_models::Model;

/// How far a gradient may be from the differences, as a share of the largest.
pub(crate) const DEVIATION: f64 = 0.02;

/// The network that the differences are taken of, in `f64`: rounding is no fault, and in `f32` it may be larger than what is measured.
pub(crate) fn exact(model: &Model) -> Result<Model> {
    Ok(model.rebuilt(&|_, parameter| parameter.to_dtype(DType::F64))?)
}
