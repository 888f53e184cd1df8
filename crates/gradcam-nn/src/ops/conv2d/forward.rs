//! A convolution, alone or fused with the operations after it.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, CustomOp2, Result, Tensor, bail};

use super::backward::before;
use super::layer::Conv2d;
#[cfg(feature = "cuda")]
use crate::cuda::{self, Array};
use crate::dispatch::apply::{map, map_recorded, map2, map2_recorded};
use crate::dispatch::computation::{Mapped, Mapped2};
use crate::dispatch::forwards::forwards;
use crate::dispatch::layout::channels_first;
use crate::dispatch::storage::{with_optional, with_values};
use crate::kernels::convolution;
use crate::kernels::element::Element;
use crate::kernels::epilogue::Epilogue;
use crate::kernels::geometry::Geometry;
use crate::kernels::view::Map;
use crate::ops::activation::Activation;

impl Conv2d {
    /// Convolves `(n, in, h, w)` to `(n, out, oh, ow)`. Differentiable in `x`; the weight is a constant.
    ///
    /// # Errors
    /// When the shapes do not fit; the message names the expected and the found sizes.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.geometry(x.dims())?;
        map_recorded(Forward(self.clone()), x)
    }

    /// Computes `activation((conv(x) without bias) * scale + shift + residual)` in one pass over the output. Differentiable in `x` and
    /// the residual.
    ///
    /// `scale` and `shift` are `(out,)`, and hold the bias and a following batch norm.
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
        // If the activation's derivative cannot be computed from its output, the activation runs separately and keeps its input.
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
}

struct Forward(Conv2d);

impl Forward {
    fn fused(&self) -> Fused<'_> {
        Fused {
            conv: &self.0,
            scale: None,
            shift: self.0.bias.as_ref(),
            activation: Activation::Identity,
        }
    }
}

impl Mapped for Forward {
    const NAME: &'static str = "conv2d";
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        self.fused().compute(x, None)
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        self.fused().compute_cuda(x, None)
    }
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(map);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(x.dims(), &channels_first(grad)?).map(Some)
    }
}

/// The operation without a gradient.
struct Fused<'a> {
    conv: &'a Conv2d,
    scale: Option<&'a Tensor>,
    shift: Option<&'a Tensor>,
    activation: Activation,
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
    fn compute<T: Element>(
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
    fn compute_cuda(
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

    /// Returns the convolution's and the output's sizes if all shapes fit.
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
            bail!("conv2d expects a residual of {dims:?}, found {residual:?}");
        }
        Ok((g, dims))
    }
}

/// [`Fused`] with a gradient. The activation's derivative can be computed from its output.
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
