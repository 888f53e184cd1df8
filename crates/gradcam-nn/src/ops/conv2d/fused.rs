//! A convolution with what follows it as one operation, and its gradient.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, CustomOp2, Result, Tensor, bail};

use super::{Conv2d, Forward};
#[cfg(feature = "cuda")]
use crate::cuda::{self, Arg, Array};
use crate::dispatch::{
    Map, Mapped, Mapped2, channels_first, forwards, map, map_recorded, map2, map2_recorded,
    with_optional, with_values,
};
use crate::kernels::epilogue::Epilogue;
use crate::kernels::geometry::Geometry;
use crate::kernels::output::parts;
use crate::kernels::{Element, convolution};
use crate::ops::Activation;

impl Conv2d {
    /// `activation((conv(x) without bias) * scale + shift + residual)` in one pass over the output. Differentiable in `x` and the
    /// residual.
    ///
    /// `scale` and `shift` are `(out,)` and stand for the bias and a following batch norm.
    pub(crate) fn fused(
        &self,
        x: &Tensor,
        scale: Option<&Tensor>,
        shift: Option<&Tensor>,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let fused = Fused {
            conv: self,
            scale,
            shift,
            activation,
        };
        if !x.track_op() && !residual.is_some_and(Tensor::track_op) {
            return match residual {
                None => map(&fused, x),
                Some(residual) => map2(&fused, x, residual),
            };
        }
        // The gradient finds what it needs of the activation in the output, or the activation keeps its own input.
        let inside = if activation.is_idempotent() {
            activation
        } else {
            Activation::Identity
        };
        let recorded = Recorded {
            conv: self.clone(),
            scale: scale.cloned(),
            shift: shift.cloned(),
            activation: inside,
        };
        let y = match residual {
            None => map_recorded(recorded, x)?,
            Some(residual) => map2_recorded(recorded, x, residual)?,
        };
        if inside == activation {
            Ok(y)
        } else {
            activation.forward(&y)
        }
    }

    /// The gradient at an input of [`fused`](Self::fused) with the dimensions `dims`, from the output `y` and the gradient there; the
    /// activation's derivative can be read off its output.
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

/// The operation without a gradient.
pub(super) struct Fused<'a> {
    pub(super) conv: &'a Conv2d,
    pub(super) scale: Option<&'a Tensor>,
    pub(super) shift: Option<&'a Tensor>,
    pub(super) activation: Activation,
}

impl Mapped for Fused<'_> {
    const NAME: &'static str = "conv2d";
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        self.compute(x, None)
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        self.compute_cuda(x, None)
    }
}

/// The second map is the residual.
impl Mapped2 for Fused<'_> {
    const NAME: &'static str = "conv2d";
    fn run<T: Element>(&self, x: Map<'_, T>, residual: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        self.compute(x, Some(residual))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>, residual: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        self.compute_cuda(x, Some(residual))
    }
}

impl Fused<'_> {
    pub(super) fn compute<T: Element>(
        &self,
        x: Map<'_, T>,
        residual: Option<Map<'_, T>>,
    ) -> Result<(Vec<T>, [usize; 4])> {
        let (g, dims) = self.sizes(
            &x.dims,
            residual.as_ref().map(|residual| &residual.dims[..]),
        )?;
        let residual = residual.map(|residual| residual.channels_last());
        let y = with_values(&self.conv.weight, |weight| {
            with_optional(self.scale, |scale| {
                with_optional(self.shift, |shift| {
                    let epilogue = Epilogue {
                        scale,
                        shift,
                        residual: residual.as_deref(),
                        activation: self.activation,
                    };
                    let Conv2d {
                        packed, precision, ..
                    } = self.conv;
                    Ok(convolution::forward(
                        x, weight, packed, *precision, &g, epilogue,
                    ))
                })
            })
        })?;
        Ok((y, dims))
    }

    #[cfg(feature = "cuda")]
    pub(super) fn compute_cuda(
        &self,
        x: Array<'_>,
        residual: Option<Array<'_>>,
    ) -> Result<(CudaStorage, [usize; 4])> {
        let (g, dims) = self.sizes(x.dims, residual.as_ref().map(|residual| residual.dims))?;
        let weight = self.conv.packed.on_device(&self.conv.weight)?;
        let y = cuda::convolution::forward(x, weight, &g, self.conv.precision)?;
        let epilogue = cuda::Epilogue {
            scale: self.scale,
            shift: self.shift,
            residual,
            activation: self.activation,
        };
        Ok((epilogue.finish(y, &dims, g.out_channels)?, dims))
    }

    /// The convolution's sizes and those of the output, if all that is given fits.
    fn sizes(&self, x: &[usize], residual: Option<&[usize]>) -> Result<(Geometry, [usize; 4])> {
        let g = self.conv.geometry(x)?;
        let channels = [g.out_channels];
        for vector in [self.scale, self.shift].into_iter().flatten() {
            if vector.dims() != channels {
                bail!(
                    "conv2d expects a bias or a norm of the shape {channels:?}, found {:?}",
                    vector.dims()
                );
            }
        }
        let dims = [g.batch, g.out_channels, g.out_size.0, g.out_size.1];
        if let Some(residual) = residual
            && residual != dims
        {
            bail!("a residual of {dims:?} is expected, found {residual:?}");
        }
        Ok((g, dims))
    }
}

/// [`Fused`] with a gradient. The activation's derivative can be read off its output.
struct Recorded {
    conv: Conv2d,
    scale: Option<Tensor>,
    shift: Option<Tensor>,
    activation: Activation,
}

impl Recorded {
    fn fused(&self) -> Fused<'_> {
        Fused {
            conv: &self.conv,
            scale: self.scale.as_ref(),
            shift: self.shift.as_ref(),
            activation: self.activation,
        }
    }

    fn backward(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (y, grad) = (channels_first(y)?, channels_first(grad)?);
        let scale = self.scale.as_ref();
        self.conv
            .fused_backward(x.dims(), &y, &grad, scale, self.activation)
    }
}

impl Mapped for Recorded {
    const NAME: &'static str = Forward::NAME;
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        self.fused().compute(x, None)
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        self.fused().compute_cuda(x, None)
    }
}

impl Mapped2 for Recorded {
    const NAME: &'static str = Forward::NAME;
    fn run<T: Element>(&self, x: Map<'_, T>, residual: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        self.fused().compute(x, Some(residual))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>, residual: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        self.fused().compute_cuda(x, Some(residual))
    }
}

impl CustomOp1 for Recorded {
    fn name(&self) -> &'static str {
        Forward::NAME
    }
    forwards!(map);
    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.backward(x, y, grad).map(Some)
    }
}

/// The second tensor is the residual.
impl CustomOp2 for Recorded {
    fn name(&self) -> &'static str {
        Forward::NAME
    }
    forwards!(map2);
    fn bwd(
        &self,
        x: &Tensor,
        residual: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let to_x = x
            .track_op()
            .then(|| self.backward(x, y, grad))
            .transpose()?;
        let to_residual = residual
            .track_op()
            .then(|| before(self.activation, &channels_first(y)?, &channels_first(grad)?))
            .transpose()?;
        Ok((to_x, to_residual))
    }
}

/// The gradient at an activation's input, from its output and the gradient there: what a residual takes.
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
        let args = [
            Arg::Array(y),
            Arg::Array(grad),
            Arg::Vector(self.scale),
            self.activation.number(),
            Arg::Int(dims[1]),
        ];
        Ok((y.each("epilogue_backward", y.len(), &args)?, dims))
    }
}
