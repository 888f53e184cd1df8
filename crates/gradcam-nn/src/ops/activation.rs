//! Activation functions.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Shape, Tensor};

#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array};
use crate::dispatch::apply::{map, map_recorded, unary};
use crate::dispatch::computation::{Mapped, Unary};
use crate::dispatch::forwards::forwards;
use crate::dispatch::layout::channels_first;
#[cfg(feature = "cuda")]
use crate::dispatch::layout::dense;
use crate::dispatch::storage::{with_map, with_values};
pub use crate::kernels::activation::Activation;
use crate::kernels::element::Element;
use crate::kernels::output::{TASK, parts};
use crate::kernels::view::Map;

impl Activation {
    /// Applies the function to a tensor of any shape. NaN stays NaN.
    ///
    /// # Errors
    /// When the elements are neither `f32` nor `f64`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Activation::Identity => Ok(x.clone()),
            f if is_map(x) => map_recorded(OnMap(*f), x),
            f => x.contiguous()?.apply_op1(OnValues(*f)),
        }
    }

    /// Backpropagates the output gradient `grad` to the input `x`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn backward(self, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
        if is_map(x) {
            return map(&Backward { f: self, x }, grad);
        }
        let x = &x.contiguous()?;
        unary(&Backward { f: self, x }, &grad.contiguous()?)
    }
}

/// Returns whether a tensor should have the layout of feature maps. One in row-major order keeps it: `(n, h, w, c)`, or with heads.
fn is_map(x: &Tensor) -> bool {
    x.rank() == 4 && !x.is_contiguous()
}

/// The function on a feature map, which keeps its memory layout.
struct OnMap(Activation);
/// The function on contiguous values.
struct OnValues(Activation);
struct Backward<'a> {
    f: Activation,
    x: &'a Tensor,
}

fn values<T: Element>(f: Activation, x: &[T]) -> Vec<T> {
    parts(
        x.len(),
        TASK,
        TASK,
        #[inline(always)]
        |task, y| {
            f.apply_all(&x[task * TASK..][..y.len()], y);
        },
    )
}

fn gradients<T: Element>(f: Activation, x: &[T], grad: &[T]) -> Vec<T> {
    parts(
        x.len(),
        TASK,
        TASK,
        #[inline(always)]
        |task, dx| {
            let x = &x[task * TASK..][..dx.len()];
            let grad = &grad[task * TASK..][..dx.len()];
            f.backpropagate(x, grad, dx);
        },
    )
}

impl Mapped for OnMap {
    const NAME: &'static str = "activation";
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        Ok((values(self.0, &x.channels_last()), x.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        Ok((forward_cuda(self.0, x)?, x.map(<Self as Mapped>::NAME)?))
    }
}

impl Unary for OnValues {
    const NAME: &'static str = "activation";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        Ok((values(self.0, x), Shape::from(dims)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, Shape)> {
        Ok((forward_cuda(self.0, x)?, Shape::from(x.dims)))
    }
}

impl Mapped for Backward<'_> {
    const NAME: &'static str = "activation backward";
    fn run<T: Element>(&self, grad: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let dx = with_map(self.x, |x: Map<'_, T>| {
            Ok(gradients(self.f, &x.channels_last(), &grad.channels_last()))
        })?;
        Ok((dx, grad.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        Ok((self.backward_cuda(grad)?, grad.map(<Self as Mapped>::NAME)?))
    }
}

impl Unary for Backward<'_> {
    const NAME: &'static str = "activation backward";
    fn run<T: Element>(&self, grad: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let dx = with_values(self.x, |x: &[T]| Ok(gradients(self.f, x, grad)))?;
        Ok((dx, Shape::from(dims)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, Shape)> {
        Ok((self.backward_cuda(grad)?, Shape::from(grad.dims)))
    }
}

#[cfg(feature = "cuda")]
fn forward_cuda(f: Activation, x: Array<'_>) -> Result<CudaStorage> {
    let [f, a, b] = f.args();
    x.each("activation", x.len(), &[Arg::Array(x), f, a, b])
}

#[cfg(feature = "cuda")]
impl Backward<'_> {
    fn backward_cuda(&self, grad: Array<'_>) -> Result<CudaStorage> {
        let x = dense(self.x)?;
        let [f, a, b] = self.f.args();
        let args = [Arg::Array(grad), Arg::Tensor(&x), f, a, b];
        grad.each("activation_backward", grad.len(), &args)
    }
}

impl CustomOp1 for OnMap {
    fn name(&self) -> &'static str {
        <Self as Mapped>::NAME
    }
    forwards!(map);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(x, &channels_first(grad)?).map(Some)
    }
}

impl CustomOp1 for OnValues {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(unary);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(x, grad).map(Some)
    }
}
