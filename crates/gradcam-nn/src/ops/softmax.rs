//! Softmax and its logarithm.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Shape, Tensor, bail};

use super::sum::{sum, sum_of};
#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array};
use crate::dispatch::apply::unary;
use crate::dispatch::computation::Unary;
use crate::dispatch::forwards::forwards;
use crate::dispatch::storage::with_values;
use crate::kernels::element::Element;
use crate::kernels::output::parts;

/// Computes `e^x / Σ e^x` over the dimension `dim`: positive values that sum to 1.
///
/// # Errors
/// When `x` has no dimension `dim`, or is empty.
pub fn softmax(x: &Tensor, dim: usize) -> Result<Tensor> {
    along(x, dim, Softmax { logarithm: false })
}

/// Computes the logarithm of [`softmax`], `x - log Σ e^x`, without overflow or underflow.
///
/// # Errors
/// When `x` has no dimension `dim`, or is empty.
pub fn log_softmax(x: &Tensor, dim: usize) -> Result<Tensor> {
    along(x, dim, Softmax { logarithm: true })
}

/// Backpropagates `grad` through a [`softmax`] over the last dimension, given its result `y`.
pub(crate) fn softmax_backward(y: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let logarithm = false;
    unary(&Backward { logarithm, y }, grad)
}

fn along(x: &Tensor, dim: usize, op: Softmax) -> Result<Tensor> {
    if dim >= x.rank() || x.elem_count() == 0 {
        bail!(
            "softmax over dimension {dim} expects a tensor that has it, not empty, found {:?}",
            x.dims()
        );
    }
    let last = x.rank() - 1;
    x.transpose(dim, last)?
        .contiguous()?
        .apply_op1(op)?
        .transpose(dim, last)
}

struct Softmax {
    logarithm: bool,
}
struct Backward<'a> {
    logarithm: bool,
    y: &'a Tensor,
}

fn row_length(dims: &[usize]) -> usize {
    dims.last().copied().unwrap_or(1)
}

impl Unary for Softmax {
    const NAME: &'static str = "softmax";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let c = row_length(dims);
        let y = parts(
            x.len(),
            c,
            4 * c,
            #[inline(always)]
            |row, y: &mut [T]| {
                let x = &x[row * c..][..c];
                let max = x.iter().fold(T::NEG_INFINITY, |a, &b| a.maximum(b));
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = (x - max).exp();
                }
                let total = sum(y);
                if self.logarithm {
                    let log = total.ln();
                    for (y, &x) in y.iter_mut().zip(x) {
                        *y = x - max - log;
                    }
                } else {
                    for y in y {
                        *y /= total;
                    }
                }
            },
        );
        Ok((y, Shape::from(dims)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, Shape)> {
        let c = row_length(x.dims);
        let args = [
            Arg::Array(x),
            Arg::Int(c),
            Arg::Int(usize::from(self.logarithm)),
        ];
        Ok((x.rows("softmax", c, &args)?, Shape::from(x.dims)))
    }
}

/// With y the result: dx = y · (g - Σ g y) for the softmax, dx = g - e^y Σ g for its logarithm.
impl Unary for Backward<'_> {
    const NAME: &'static str = "softmax backward";
    fn run<T: Element>(&self, grad: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let c = row_length(dims);
        let dx = with_values(self.y, |y: &[T]| {
            Ok(parts(
                grad.len(),
                c,
                4 * c,
                #[inline(always)]
                |row, dx: &mut [T]| {
                    let (y, grad) = (&y[row * c..][..c], &grad[row * c..][..c]);
                    if self.logarithm {
                        let total = sum(grad);
                        for ((dx, &y), &g) in dx.iter_mut().zip(y).zip(grad) {
                            *dx = g - y.exp() * total;
                        }
                    } else {
                        let total = sum_of(grad, y, |g, y| g * y);
                        for ((dx, &y), &g) in dx.iter_mut().zip(y).zip(grad) {
                            *dx = y * (g - total);
                        }
                    }
                },
            ))
        })?;
        Ok((dx, Shape::from(dims)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, Shape)> {
        let (c, y) = (row_length(grad.dims), self.y.contiguous()?);
        let args = [
            Arg::Array(grad),
            Arg::Tensor(&y),
            Arg::Int(c),
            Arg::Int(usize::from(self.logarithm)),
        ];
        let dx = grad.rows("softmax_backward", c, &args)?;
        Ok((dx, Shape::from(grad.dims)))
    }
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(unary);
    fn bwd(&self, _x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        unary(
            &Backward {
                logarithm: self.logarithm,
                y,
            },
            grad,
        )
        .map(Some)
    }
}
