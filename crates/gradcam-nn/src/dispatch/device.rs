//! From candle's storages on a device to the operations, and back.

use candle_core::{CudaStorage, Layout, Result, Shape};

use super::computation::{Mapped, Mapped2, Unary};
use super::layout::nhwc;
use crate::cuda::array::Array;

/// Runs `op` on a device storage: the body of a custom operation's `cuda_fwd`.
pub(crate) fn cuda_unary<U: Unary>(
    op: &U,
    storage: &CudaStorage,
    layout: &Layout,
) -> Result<(CudaStorage, Shape)> {
    op.cuda(Array::new(storage, layout, U::NAME)?)
}

/// Runs `op` on a device storage; the result is `(n, h, w, c)`.
pub(crate) fn cuda_map<U: Mapped>(
    op: &U,
    storage: &CudaStorage,
    layout: &Layout,
) -> Result<(CudaStorage, Shape)> {
    let (y, dims) = op.cuda(Array::new(storage, layout, U::NAME)?)?;
    Ok((y, nhwc(dims)))
}

/// Runs `op` on two device storages; the result is `(n, h, w, c)`.
pub(crate) fn cuda_map2<U: Mapped2>(
    op: &U,
    (a, a_layout): (&CudaStorage, &Layout),
    (b, b_layout): (&CudaStorage, &Layout),
) -> Result<(CudaStorage, Shape)> {
    let a = Array::new(a, a_layout, U::NAME)?;
    let (y, dims) = op.cuda(a, Array::new(b, b_layout, U::NAME)?)?;
    Ok((y, nhwc(dims)))
}
