//! Batch normalisation in evaluation mode.

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Shape, Tensor, bail};

use super::parallel::fill;
use crate::dispatch::{Unary, run_unary, unary, with_optional, with_values};
use crate::kernels::Element;

/// `(x - mean) / √(variance + eps) · weight + bias` for each channel, with statistics fixed in training (Ioffe and Szegedy 2015).
#[derive(Debug, Clone)]
pub struct BatchNorm {
    /// `(c,)`, also named gamma.
    pub weight: Tensor,
    /// `(c,)`, also named beta.
    pub bias: Tensor,
    /// The running mean, `(c,)`.
    pub mean: Tensor,
    /// The running variance, `(c,)`.
    pub variance: Tensor,
    /// Added to the variance.
    pub eps: f64,
    scale: Tensor,
    shift: Tensor,
}

impl BatchNorm {
    /// Keeps the parameters, and computes [`scale`](Self::scale) and [`shift`](Self::shift) from them in `f64`.
    ///
    /// # Errors
    /// When the four tensors are not vectors of one length.
    pub fn new(
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        variance: Tensor,
        eps: f64,
    ) -> Result<Self> {
        let channels = weight.dims1()?;
        for (name, tensor) in [("bias", &bias), ("mean", &mean), ("variance", &variance)] {
            if tensor.dims() != [channels] {
                bail!(
                    "batch norm's {name} must have the shape [{channels}] of its weight, found {:?}",
                    tensor.dims()
                );
            }
        }
        let wide = |t: &Tensor| t.to_dtype(DType::F64);
        let scale = (wide(&weight)? / (wide(&variance)? + eps)?.sqrt()?)?;
        let shift = (wide(&bias)? - (wide(&mean)? * &scale)?)?;
        let (scale, shift) = (
            scale.to_dtype(weight.dtype())?,
            shift.to_dtype(weight.dtype())?,
        );
        Ok(BatchNorm {
            weight,
            bias,
            mean,
            variance,
            eps,
            scale,
            shift,
        })
    }

    /// `weight / √(variance + eps)`, `(c,)`.
    pub fn scale(&self) -> &Tensor {
        &self.scale
    }

    /// `bias - mean · scale`, `(c,)`.
    pub fn shift(&self) -> &Tensor {
        &self.shift
    }

    /// Normalises `(n, c, h, w)` or `(n, c)`: `x · scale + shift`.
    ///
    /// # Errors
    /// When dimension 1 of `x` is not `c`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let channels = self.weight.dims1()?;
        if !matches!(x.rank(), 2 | 4) || x.dim(1)? != channels || x.elem_count() == 0 {
            bail!(
                "batch norm expects (n, {channels}, height, width) or (n, {channels}), all at least 1, found {:?}",
                x.dims()
            );
        }
        x.contiguous()?.apply_op1(Affine {
            scale: self.scale.clone(),
            shift: Some(self.shift.clone()),
        })
    }
}

/// `x · scale + shift` for each channel; its gradient is the same with no shift.
struct Affine {
    scale: Tensor,
    shift: Option<Tensor>,
}

impl Unary for Affine {
    const NAME: &'static str = "batch_norm";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let channels = dims[1];
        let plane: usize = dims[2..].iter().product();
        let mut y = vec![T::ZERO; x.len()];
        with_values(&self.scale, |scale: &[T]| {
            with_optional(self.shift.as_ref(), |shift: Option<&[T]>| {
                // An image of single positions is one run over the channels, a map one run a channel.
                if plane == 1 {
                    fill(&mut y, channels, channels, |i, y| {
                        let x = &x[i * channels..][..channels];
                        for (c, (y, &x)) in y.iter_mut().zip(x).enumerate() {
                            *y = x * scale[c] + shift.map_or(T::ZERO, |shift| shift[c]);
                        }
                    });
                } else {
                    fill(&mut y, plane, plane, |i, y| {
                        let scale = scale[i % channels];
                        let shift = shift.map_or(T::ZERO, |shift| shift[i % channels]);
                        for (y, &x) in y.iter_mut().zip(&x[i * plane..][..plane]) {
                            *y = x * scale + shift;
                        }
                    });
                }
                Ok(())
            })
        })?;
        Ok((y, Shape::from(dims)))
    }
}

impl CustomOp1 for Affine {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_unary(self, storage, layout)
    }
    fn bwd(&self, _x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        unary(
            &Affine {
                scale: self.scale.clone(),
                shift: None,
            },
            grad,
        )
        .map(Some)
    }
}
