//! What is convolved.

use crate::kernels::epilogue::Epilogue;
use crate::kernels::gather::{Axis, Gather};
use crate::kernels::micro::Kernel;

/// A convolution by tiles.
pub(in crate::kernels) struct Winograd<'a, T> {
    pub(in crate::kernels) kernel: Kernel<T, T>,
    pub(in crate::kernels) gather: &'a Gather,
    /// `(n, rows, columns, pixel)` as the gather says.
    pub(in crate::kernels) x: &'a [T],
    pub(in crate::kernels) batch: usize,
    /// Output channels.
    pub(in crate::kernels) channels: usize,
    pub(in crate::kernels) epilogue: Epilogue<'a, T>,
}

/// The least offset of an axis.
pub(super) fn least(axis: &Axis) -> isize {
    axis.offsets.iter().copied().min().unwrap_or(0)
}
