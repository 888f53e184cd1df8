//! Matrix products by the `gemm` crate, on checked slices.

#![allow(unsafe_code)]

use gemm::Parallelism;

use super::float::Float;

/// A matrix inside a slice: element `(i, j)` is at `i * row_stride + j * column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a, T: Float> Matrix<'a, T> {
    /// Views rows of contiguous values, `row_stride` apart.
    pub(crate) fn row_major(data: &'a [T], rows: usize, columns: usize, row_stride: usize) -> Self {
        Matrix {
            data,
            rows,
            columns,
            row_stride,
            column_stride: 1,
        }
    }

    fn fits(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
                < self.data.len()
    }
}

/// Computes `out = a · b` on one thread; `out` is row-major and dense, `(a.rows, b.columns)`.
pub(crate) fn multiply<T: Float>(out: &mut [T], a: Matrix<'_, T>, b: Matrix<'_, T>) {
    assert!(a.columns == b.rows && a.fits() && b.fits() && out.len() == a.rows * b.columns);
    if out.is_empty() {
        return;
    }
    if a.columns == 0 {
        out.fill(T::ZERO);
        return;
    }
    // SAFETY: the assertion above bounds every element that the product reads or writes. `out` is borrowed mutably, so it overlaps
    // neither operand. Slices are shorter than `isize::MAX`, so the strides convert without loss.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            b.columns as isize,
            false,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            T::ZERO,
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
