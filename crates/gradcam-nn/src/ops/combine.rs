//! Operations on several feature maps.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp2, Result, Tensor};

use super::broadcast::summed_to;
#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array};
use crate::dispatch::apply::{map2, map2_recorded};
use crate::dispatch::computation::Mapped2;
use crate::dispatch::forwards::forwards;
use crate::dispatch::layout::{channels_first, channels_last};
use crate::kernels::element::Element;
use crate::kernels::output::parts;
use crate::kernels::view::Map;

/// Adds `b` to `a`, whose shape it has or is broadcast to. Differentiable.
///
/// # Errors
/// When the shapes do not fit.
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() != b.dims() {
        return a + b.broadcast_as(a.shape())?;
    }
    if keeps_order(a, b) {
        return a + b;
    }
    map2_recorded(Add, a, b)
}

/// Multiplies a feature map `x`, `(n, c, h, w)`, by a gate `(n, c, 1, 1)` or a factor a channel, `(c, 1, 1)` or `(1, c, 1, 1)`. Other
/// shapes are broadcast. Differentiable in both.
///
/// # Errors
/// When the shapes do not fit.
pub fn multiply(x: &Tensor, gate: &Tensor) -> Result<Tensor> {
    match channel_gate(x.dims(), gate)? {
        Some(gate) => map2_recorded(Multiply, x, &gate),
        None => x.broadcast_mul(gate),
    }
}

/// Returns the gate as `(n or 1, c, 1, 1)` if it has one number for each channel of an `x` with these dimensions.
fn channel_gate(x: &[usize], gate: &Tensor) -> Result<Option<Tensor>> {
    let &[n, c, _, _] = x else { return Ok(None) };
    match *gate.dims() {
        [gates, channels, 1, 1] if channels == c && (gates == n || gates == 1) => {
            Ok(Some(gate.clone()))
        }
        [channels, 1, 1] if channels == c => gate.unsqueeze(0).map(Some),
        _ => Ok(None),
    }
}

/// Joins feature maps `(n, c_i, h, w)` along the channels. Differentiable.
///
/// # Errors
/// When the other dimensions differ, or there are no maps.
pub fn concat<T: AsRef<Tensor>>(maps: &[T]) -> Result<Tensor> {
    if maps.iter().any(|map| map.as_ref().rank() != 4) {
        return Tensor::cat(maps, 1);
    }
    let maps = maps
        .iter()
        .map(|map| channels_last(map.as_ref())?.contiguous())
        .collect::<Result<Vec<_>>>()?;
    channels_first(&Tensor::cat(&maps, 3)?)
}

/// Backpropagates the output gradient `grad` of [`multiply`] to its first factor, which has the dimensions `x`.
pub(crate) fn multiply_backward(x: &[usize], gate: &Tensor, grad: &Tensor) -> Result<Tensor> {
    match channel_gate(x, gate)? {
        Some(gate) => map2(&Multiply, grad, &gate),
        None => summed_to(grad.broadcast_mul(gate)?, x),
    }
}

/// Backpropagates the output gradient `grad` of [`multiply`] to its second factor.
pub(crate) fn gate_backward(x: &Tensor, gate: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let each = match channel_gate(x.dims(), gate)? {
        Some(_) => map2(&Overlap, grad, x)?,
        None => grad.broadcast_mul(x)?,
    };
    summed_to(each, gate.dims())
}

/// Adds two gradients without recording.
pub(crate) fn accumulate(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if keeps_order(a, b) {
        a + b
    } else {
        map2(&Add, a, b)
    }
}

/// Returns whether the sum should keep the contiguous layout: the tensors are not feature maps, or both are contiguous (as in
/// attention).
fn keeps_order(a: &Tensor, b: &Tensor) -> bool {
    a.rank() != 4 || (a.is_contiguous() && b.is_contiguous())
}

struct Add;
struct Multiply;
/// Sums a product over the positions, `(n, c, 1, 1)`, for a gate's gradient.
struct Overlap;

impl Mapped2 for Add {
    const NAME: &'static str = "add";
    fn run<T: Element>(&self, a: Map<'_, T>, b: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let line = a.dims[1] * a.dims[3];
        let (x, other) = (a.channels_last(), b.channels_last());
        let y = parts(
            x.len(),
            line,
            line,
            #[inline(always)]
            |row, y: &mut [T]| {
                let (x, other) = (&x[row * line..], &other[row * line..]);
                for ((y, &x), &other) in y.iter_mut().zip(x).zip(other) {
                    *y = x + other;
                }
            },
        );
        Ok((y, a.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, a: Array<'_>, b: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let y = a.each("add", a.len(), &[Arg::Array(a), Arg::Array(b)])?;
        Ok((y, a.map(Self::NAME)?))
    }
}

impl Mapped2 for Multiply {
    const NAME: &'static str = "multiply";
    fn run<T: Element>(&self, x: Map<'_, T>, gate: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let ([_, c, h, w], gates) = (x.dims, gate.dims[0]);
        let (values, gate) = (x.channels_last(), gate.channels_last());
        let y = parts(
            values.len(),
            w * c,
            w * c,
            #[inline(always)]
            |row, y: &mut [T]| {
                let x = &values[row * w * c..][..y.len()];
                let gate = &gate[row / h % gates * c..][..c];
                for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                    for ((y, &x), &gate) in y.iter_mut().zip(x).zip(gate) {
                        *y = x * gate;
                    }
                }
            },
        );
        Ok((y, x.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>, gate: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let ([n, c, h, w], [gates, ..]) = (x.map(Self::NAME)?, gate.map(Self::NAME)?);
        let args = [
            Arg::Array(x),
            Arg::Array(gate),
            Arg::Int(c),
            Arg::Int(h * w),
            Arg::Int(gates),
        ];
        Ok((x.each("multiply", x.len(), &args)?, [n, c, h, w]))
    }
}

impl Mapped2 for Overlap {
    const NAME: &'static str = "multiply backward";
    fn run<T: Element>(&self, a: Map<'_, T>, b: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let [n, c, h, w] = a.dims;
        let (a, b) = (a.channels_last(), b.channels_last());
        let y = parts(
            n * c,
            c,
            h * w * c,
            #[inline(always)]
            |image, y: &mut [T]| {
                // Row by row, so that the rounding error grows slowly.
                let mut sums = vec![T::ZERO; c];
                for row in image * h..(image + 1) * h {
                    sums.fill(T::ZERO);
                    let range = row * w * c..(row + 1) * w * c;
                    let b = b[range.clone()].chunks_exact(c);
                    for (a, b) in a[range].chunks_exact(c).zip(b) {
                        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
                            *sum += a * b;
                        }
                    }
                    for (y, &sum) in y.iter_mut().zip(&sums) {
                        *y += sum;
                    }
                }
            },
        );
        Ok((y, [n, c, 1, 1]))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, a: Array<'_>, b: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let [n, c, h, w] = a.map(Self::NAME)?;
        let args = [Arg::Array(a), Arg::Array(b), Arg::Int(c), Arg::Int(h * w)];
        Ok((a.each("overlap", n * c, &args)?, [n, c, 1, 1]))
    }
}

impl CustomOp2 for Add {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(map2);
    fn bwd(
        &self,
        _a: &Tensor,
        _b: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = channels_first(grad)?;
        Ok((Some(grad.clone()), Some(grad)))
    }
}

impl CustomOp2 for Multiply {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(map2);
    fn bwd(
        &self,
        x: &Tensor,
        gate: &Tensor,
        _y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let grad = channels_first(grad)?;
        let to_x = multiply_backward(x.dims(), gate, &grad)?;
        // A factor shared by all images is a parameter; it gets a gradient only if it is recorded.
        let to_gate = gate
            .track_op()
            .then(|| gate_backward(x, gate, &grad))
            .transpose()?;
        Ok((Some(to_x), to_gate))
    }
}
