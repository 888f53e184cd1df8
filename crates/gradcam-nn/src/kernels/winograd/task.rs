//! The data of a convolution by tiles.

use crate::kernels::epilogue::Epilogue;
use crate::kernels::gather::{Axis, Gather};
use crate::kernels::micro::Kernel;

/// A convolution by tiles.
pub(crate) struct Winograd<'a, T> {
    pub(crate) kernel: Kernel<T, T>,
    pub(crate) gather: &'a Gather,
    /// `(n, rows, columns, pixel)`, as described by the gather.
    pub(crate) x: &'a [T],
    pub(crate) batch: usize,
    /// Output channels.
    pub(crate) channels: usize,
    pub(crate) epilogue: Epilogue<'a, T>,
}

/// Returns the smallest offset of an axis.
pub(super) fn least(axis: &Axis) -> isize {
    axis.offsets.iter().copied().min().unwrap_or(0)
}
