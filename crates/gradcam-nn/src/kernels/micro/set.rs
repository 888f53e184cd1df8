//! The micro-kernels of one element type.

use super::depthwise::DepthwiseKernel;
use super::tile::Kernel;

/// The kernels for the convolutions of one element type.
pub(crate) struct Kernels<T> {
    pub(crate) dense: Kernel<T, T>,
    pub(crate) depthwise: DepthwiseKernel<T>,
}
