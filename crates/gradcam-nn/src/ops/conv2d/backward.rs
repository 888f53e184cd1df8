//! The gradient of a convolution's input.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{Result, Tensor};

use super::layer::Conv2d;
#[cfg(feature = "cuda")]
use crate::cuda::{Arg, Array, convolution as on_device};
use crate::dispatch::apply::{map, map2};
use crate::dispatch::computation::{Mapped, Mapped2};
use crate::dispatch::storage::{with_optional, with_values};
use crate::kernels::activation::Activation;
use crate::kernels::convolution;
use crate::kernels::element::Element;
use crate::kernels::geometry::Geometry;
use crate::kernels::output::parts;
use crate::kernels::view::Map;

impl Conv2d {
    /// Backpropagates the output gradient `grad` to an input of shape `dims`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn backward(&self, dims: &[usize], grad: &Tensor) -> Result<Tensor> {
        let geometry = self.geometry(dims)?;
        let conv = self;
        map(&Backward { conv, geometry }, grad)
    }

    /// Backpropagates through `fused` to an input of shape `dims`, from the output `y` and its gradient. The activation's derivative
    /// is computed from its output.
    pub(crate) fn fused_backward(
        &self,
        dims: &[usize],
        y: &Tensor,
        grad: &Tensor,
        scale: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let grad = map2(&Through { activation, scale }, y, grad)?;
        self.backward(dims, &grad)
    }
}

/// Backpropagates the output's gradient.
pub(crate) struct Backward<'a> {
    pub(crate) conv: &'a Conv2d,
    pub(crate) geometry: Geometry,
}

impl Mapped for Backward<'_> {
    const NAME: &'static str = "conv2d backward";
    fn run<T: Element>(&self, grad: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let g = &self.geometry;
        let dx = with_values(&self.conv.weight, |weight| {
            let packed = T::packed(&self.conv.packed);
            Ok(convolution::backward(
                &grad.channels_last(),
                weight,
                packed,
                g,
            ))
        })?;
        Ok((dx, [g.batch, g.in_channels, g.in_size.0, g.in_size.1]))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let g = &self.geometry;
        let weight = self.conv.packed.on_device(&self.conv.weight)?;
        let dx = on_device::backward(grad, weight, g, self.conv.precision)?;
        Ok((dx, [g.batch, g.in_channels, g.in_size.0, g.in_size.1]))
    }
}

/// Returns the gradient at an activation's input, and so of a residual, from its output `y` and the gradient there.
pub(crate) fn before(activation: Activation, y: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let scale = None;
    map2(&Through { activation, scale }, y, grad)
}

/// From the output and its gradient to the gradient before the activation and the norm.
struct Through<'a> {
    activation: Activation,
    scale: Option<&'a Tensor>,
}

impl Mapped2 for Through<'_> {
    const NAME: &'static str = "conv2d backward";
    fn run<T: Element>(&self, y: Map<'_, T>, grad: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let [_, c, _, w] = y.dims;
        let (values, grad) = (y.channels_last(), grad.channels_last());
        let activation = self.activation;
        let dx = with_optional(self.scale, |scale: Option<&[T]>| {
            Ok(parts(
                values.len(),
                w * c,
                w * c,
                #[inline(always)]
                |row, dx: &mut [T]| {
                    let range = row * w * c..row * w * c + dx.len();
                    let (y, grad) = (&values[range.clone()], &grad[range]);
                    activation.backpropagate(y, grad, dx);
                    if let Some(scale) = scale {
                        for dx in dx.chunks_exact_mut(c) {
                            for (dx, &scale) in dx.iter_mut().zip(scale) {
                                *dx *= scale;
                            }
                        }
                    }
                },
            ))
        })?;
        Ok((dx, y.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, y: Array<'_>, grad: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let dims = y.map(Self::NAME)?;
        let [f, a, b] = self.activation.args();
        let args = [
            Arg::Array(y),
            Arg::Array(grad),
            Arg::Vector(self.scale),
            f,
            a,
            b,
            Arg::Int(dims[1]),
        ];
        Ok((y.each("epilogue_backward", y.len(), &args)?, dims))
    }
}
