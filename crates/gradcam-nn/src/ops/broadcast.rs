//! The adjoint of broadcasting.

use candle_core::{Result, Tensor};

/// Sums over the dimensions along which a tensor of shape `dims` was broadcast.
pub(crate) fn summed_to(mut x: Tensor, dims: &[usize]) -> Result<Tensor> {
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
