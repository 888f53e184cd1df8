//! Layer normalisation.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Shape, Tensor, bail};

use super::sum::{sum, sum_of};
#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array};
use crate::dispatch::apply::{map, map_recorded, unary};
use crate::dispatch::computation::{Mapped, Unary};
use crate::dispatch::forwards::forwards;
use crate::dispatch::layout::channels_first;
#[cfg(feature = "cuda")]
use crate::dispatch::layout::dense;
use crate::dispatch::storage::{with_map, with_values};
use crate::kernels::element::Element;
use crate::kernels::output::parts;
use crate::kernels::view::Map;

/// The dimension that a layer norm runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// The last dimension of a tensor of any rank.
    Last,
    /// The channels of `(n, c, h, w)`: each position is normalised separately, as in ConvNeXt.
    Channel,
}

/// `(x - mean) / √(variance + eps) · weight + bias` with the mean and the population variance over one dimension (Ba et al. 2016).
#[derive(Debug, Clone)]
pub struct LayerNorm {
    /// The factor, `(c,)`, also called gamma.
    pub weight: Tensor,
    /// The summand, `(c,)`, also called beta.
    pub bias: Tensor,
    /// Added to the variance.
    pub eps: f64,
    /// The dimension whose `c` values are normalised together.
    pub axis: Axis,
}

impl LayerNorm {
    /// Normalises `x`: any shape that ends in `c` for [`Axis::Last`], `(n, c, h, w)` for [`Axis::Channel`].
    ///
    /// # Errors
    /// When the dimension's size is not the `c` of the weight and bias.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let c = self.weight.dims1()?;
        let fits = match (self.axis, x.dims()) {
            (Axis::Last, [.., last]) => *last == c,
            (Axis::Channel, [_, channels, _, _]) => *channels == c,
            _ => false,
        };
        if !fits || x.elem_count() == 0 {
            let expected = match self.axis {
                Axis::Last => format!("(…, {c})"),
                Axis::Channel => format!("(n, {c}, height, width)"),
            };
            bail!(
                "layer norm expects {expected}, all at least 1, found {:?}",
                x.dims()
            );
        }
        if self.bias.dims() != [c] {
            bail!(
                "layer norm's bias must have the shape [{c}] of its weight, found {:?}",
                self.bias.dims()
            );
        }
        match self.axis {
            Axis::Last => x.contiguous()?.apply_op1(Forward(self.clone())),
            Axis::Channel => map_recorded(OverChannels(self.clone()), x),
        }
    }
}

struct Forward(LayerNorm);
struct OverChannels(LayerNorm);
struct Backward<'a> {
    norm: &'a LayerNorm,
    x: &'a Tensor,
}

/// Returns the mean of a row, and the factor that scales its variance to 1.
fn moments<T: Element>(x: &[T], eps: T) -> (T, T) {
    let n = T::of(x.len() as f64);
    let mean = sum(x) / n;
    let variance = sum_of(x, x, |x, _| (x - mean) * (x - mean)) / n;
    (mean, T::ONE / (variance + eps).sqrt())
}

fn rows<T: Element>(x: &[T], weight: &[T], bias: &[T], eps: T) -> Vec<T> {
    let c = weight.len();
    parts(
        x.len(),
        c,
        c,
        #[inline(always)]
        |row, y: &mut [T]| {
            let x = &x[row * c..][..c];
            let (mean, rstd) = moments(x, eps);
            for (((y, &x), &w), &b) in y.iter_mut().zip(x).zip(weight).zip(bias) {
                *y = (x - mean) * rstd * w + b;
            }
        },
    )
}

/// With x̂ = (x - mean) · rstd and p = g · weight: dx = rstd · (p - mean(p) - x̂ · mean(p · x̂)).
fn rows_backward<T: Element>(x: &[T], grad: &[T], weight: &[T], eps: T) -> Vec<T> {
    let c = weight.len();
    let n = T::of(c as f64);
    parts(
        x.len(),
        c,
        c,
        #[inline(always)]
        |row, dx: &mut [T]| {
            let (x, grad) = (&x[row * c..][..c], &grad[row * c..][..c]);
            let (mean, rstd) = moments(x, eps);
            for ((p, &g), &w) in dx.iter_mut().zip(grad).zip(weight) {
                *p = g * w;
            }
            let mean_p = sum(dx) / n;
            let slope = sum_of(dx, x, |p, x| p * (x - mean)) * rstd * rstd / n;
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = rstd * (*dx - mean_p - (x - mean) * slope);
            }
        },
    )
}

impl LayerNorm {
    /// Backpropagates the output gradient `grad` to the input `x`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn backward(&self, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
        match self.axis {
            Axis::Last => {
                let x = &x.contiguous()?;
                unary(&Backward { norm: self, x }, grad)
            }
            Axis::Channel => map(&Backward { norm: self, x }, grad),
        }
    }

    fn rows<T: Element>(&self, x: &[T]) -> Result<Vec<T>> {
        with_values(&self.weight, |weight| {
            with_values(&self.bias, |bias| {
                Ok(rows(x, weight, bias, T::of(self.eps)))
            })
        })
    }

    fn rows_backward<T: Element>(&self, x: &[T], grad: &[T]) -> Result<Vec<T>> {
        with_values(&self.weight, |weight| {
            Ok(rows_backward(x, grad, weight, T::of(self.eps)))
        })
    }

    /// Runs on a device, where the values of a position or a row are contiguous too.
    #[cfg(feature = "cuda")]
    fn forward_cuda(&self, x: Array<'_>) -> Result<CudaStorage> {
        let c = self.weight.dims1()?;
        let args = [
            Arg::Array(x),
            Arg::Vector(Some(&self.weight)),
            Arg::Vector(Some(&self.bias)),
            Arg::Int(c),
            Arg::Real(self.eps),
        ];
        x.rows("layer_norm", c, &args)
    }

    #[cfg(feature = "cuda")]
    fn backward_cuda(&self, x: &Tensor, grad: Array<'_>) -> Result<CudaStorage> {
        let (c, x) = (self.weight.dims1()?, dense(x)?);
        let args = [
            Arg::Array(grad),
            Arg::Tensor(&x),
            Arg::Vector(Some(&self.weight)),
            Arg::Int(c),
            Arg::Real(self.eps),
        ];
        grad.rows("layer_norm_backward", c, &args)
    }
}

impl Unary for Forward {
    const NAME: &'static str = "layer_norm";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        Ok((self.0.rows(x)?, Shape::from(dims)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, Shape)> {
        Ok((self.0.forward_cuda(x)?, Shape::from(x.dims)))
    }
}

/// The channels of a position are contiguous in memory, as a row.
impl Mapped for OverChannels {
    const NAME: &'static str = "layer_norm";
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        Ok((self.0.rows(&x.channels_last())?, x.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        Ok((self.0.forward_cuda(x)?, x.map(Self::NAME)?))
    }
}

impl Unary for Backward<'_> {
    const NAME: &'static str = "layer_norm backward";
    fn run<T: Element>(&self, grad: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let dx = with_values(self.x, |x| self.norm.rows_backward(x, grad))?;
        Ok((dx, Shape::from(dims)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, Shape)> {
        let dx = self.norm.backward_cuda(self.x, grad)?;
        Ok((dx, Shape::from(grad.dims)))
    }
}

impl Mapped for Backward<'_> {
    const NAME: &'static str = "layer_norm backward";
    fn run<T: Element>(&self, grad: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let dx = with_map(self.x, |x: Map<'_, T>| {
            self.norm
                .rows_backward(&x.channels_last(), &grad.channels_last())
        })?;
        Ok((dx, grad.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let dx = self.norm.backward_cuda(self.x, grad)?;
        Ok((dx, grad.map(<Self as Mapped>::NAME)?))
    }
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(unary);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(x, grad).map(Some)
    }
}

impl CustomOp1 for OverChannels {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(map);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(x, &channels_first(grad)?).map(Some)
    }
}
