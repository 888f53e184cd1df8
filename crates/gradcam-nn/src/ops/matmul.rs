//! The batched matrix products of attention.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use crate::dispatch::computation::Viewed2;
use crate::dispatch::processor::run_view2;
use crate::kernels::element::Element;
use crate::kernels::gemm::{Matrix, multiply};
use crate::kernels::output::parts;
use crate::kernels::view::View;
use crate::limit;

/// Multiplies matrices `a`, `(…, m, k)`, and `b`, `(…, k, n)`, for all leading dimensions, which must be equal, to `(…, m, n)`.
/// Differentiable in both. Any memory layout will do, so a transposed factor is not copied.
///
/// # Errors
/// When the shapes do not fit, or the result would take more than 16 GB.
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let fits = match (a.dims(), b.dims()) {
        ([lead @ .., _, inner], [other_lead @ .., other_inner, _]) => {
            lead == other_lead && inner == other_inner
        }
        _ => false,
    };
    if !fits {
        bail!(
            "matmul expects (…, m, k) and (…, k, n) with the same leading dimensions, found {:?} and {:?}",
            a.dims(),
            b.dims()
        );
    }
    let (lead, columns) = (&a.dims()[..a.rank() - 1], b.dim(b.rank() - 1)?);
    limit::product(&[lead, &[columns]].concat())?;
    if !a.device().is_cpu() {
        // candle's own product, whose gradient is right, needs contiguous factors.
        return a.contiguous()?.matmul(&b.contiguous()?);
    }
    a.apply_op2(b, Matmul)
}

/// Backpropagates the output gradient `grad` to the first factor.
pub(crate) fn left_backward(b: &Tensor, grad: &Tensor) -> Result<Tensor> {
    matmul(grad, &b.t()?)
}

/// Backpropagates the output gradient `grad` to the second factor.
pub(crate) fn right_backward(a: &Tensor, grad: &Tensor) -> Result<Tensor> {
    matmul(&a.t()?, grad)
}

struct Matmul;

/// Returns the matrix number `index` of a view, in row-major order.
fn matrix<'a, T: Element>(view: &View<'a, T>, mut index: usize) -> Matrix<'a, T> {
    let lead = view.dims.len().saturating_sub(2);
    let mut start = 0;
    for axis in (0..lead).rev() {
        start += index % view.dims[axis] * view.strides[axis];
        index /= view.dims[axis];
    }
    Matrix {
        data: &view.values[start..],
        rows: view.dims[lead],
        columns: view.dims[lead + 1],
        row_stride: view.strides[lead],
        column_stride: view.strides[lead + 1],
    }
}

impl Viewed2 for Matmul {
    const NAME: &'static str = "matmul";
    fn run<T: Element>(&self, a: View<'_, T>, b: View<'_, T>) -> Result<(Vec<T>, Shape)> {
        let mut dims = a.dims.to_vec();
        let (Some(last), Some(&columns)) = (dims.last_mut(), b.dims.last()) else {
            bail!("`{}` expects matrices", Self::NAME);
        };
        let inner = std::mem::replace(last, columns);
        let len: usize = dims.iter().product();
        let each = dims[dims.len() - 2] * columns;
        // One task computes a whole product, so the result depends only on the shapes of one matrix.
        let y = parts(len, each, each + inner * columns, |index, y: &mut [T]| {
            multiply(y, matrix(&a, index), matrix(&b, index));
        });
        Ok((y, Shape::from(dims)))
    }
}

impl CustomOp2 for Matmul {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        run_view2(self, (a, a_layout), (b, b_layout))
    }
    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        Ok((
            Some(left_backward(b, grad)?),
            Some(right_backward(a, grad)?),
        ))
    }
}
