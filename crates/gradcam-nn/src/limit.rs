//! Limits on the tensors a network makes besides its activations: an input that is too large is refused by its shape, before memory is
//! allocated.

use candle_core::{Result, bail};

/// The most bytes of a table made for an input's size, in `f32`: biases of windows, resized positions.
const TABLE: usize = 512 << 20;
/// The most bytes of a matrix product, in `f32`: the attention of 18,900 tokens among 12 heads.
const PRODUCT: usize = 16 << 30;

/// Refuses a table whose `shape` is too large.
pub(crate) fn table(what: &str, shape: &[usize]) -> Result<()> {
    within(TABLE, what, shape)
}

/// Refuses a matrix product whose `shape` is too large.
pub(crate) fn product(shape: &[usize]) -> Result<()> {
    within(PRODUCT, "a product of matrices", shape)
}

fn within(limit: usize, what: &str, shape: &[usize]) -> Result<()> {
    let bytes = shape
        .iter()
        .try_fold(size_of::<f32>(), |n, &size| n.checked_mul(size));
    if bytes.is_none_or(|bytes| bytes > limit) {
        bail!(
            "the input is too large: {what} of {shape:?} would take more than {} MB",
            limit >> 20
        );
    }
    Ok(())
}
