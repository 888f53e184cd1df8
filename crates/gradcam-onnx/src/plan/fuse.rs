//! Finds our operations in the parts that exporters write.
//!
//! Each file knows the spellings of one operation. They look at the last part, and follow its inputs.

mod activation;
mod affine;
pub(crate) mod group;
mod layer_norm;
mod look;

use crate::plan::builder::{Builder, Fusions};
use crate::plan::value::Map;
use crate::reason::Reason;

/// All spellings.
pub(crate) const FUSIONS: Fusions = Fusions {
    add,
    multiply,
    nested: activation::nested,
};

/// Finds the operation that a sum closes. Only `y` may be a constant.
fn add(b: &mut Builder<'_>, x: &Map, y: &Map) -> Result<Option<Map>, Reason> {
    affine::add(b, x, y)
}

/// Finds the operation that a product closes. Only `y` may be a constant.
fn multiply(b: &mut Builder<'_>, x: &Map, y: &Map) -> Result<Option<Map>, Reason> {
    if let Some(found) = affine::multiply(b, x, y)? {
        return Ok(Some(found));
    }
    if let Some(found) = layer_norm::product(b, x, y)? {
        return Ok(Some(found));
    }
    activation::product(b, x, y)
}
