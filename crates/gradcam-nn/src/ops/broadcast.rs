//! The way back from a broadcast.

use candle_core::{Result, Tensor};

/// The sums over what was broadcast from a tensor with these dimensions.
pub(super) fn summed_to(mut x: Tensor, dims: &[usize]) -> Result<Tensor> {
    while x.rank() > dims.len() {
        x = x.sum(0)?;
    }
    for (axis, &dim) in dims.iter().enumerate() {
        if dim == 1 && x.dim(axis)? != 1 {
            x = x.sum_keepdim(axis)?;
        }
    }
    Ok(x)
}
