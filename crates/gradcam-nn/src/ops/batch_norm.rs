//! Batch normalisation in evaluation mode.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, DType, Result, Tensor, bail};

#[cfg(feature = "cuda")]
use crate::cuda::{Array, Epilogue};
use crate::dispatch::apply::{map, map_recorded};
use crate::dispatch::computation::Mapped;
use crate::dispatch::forwards::forwards;
use crate::dispatch::layout::channels_first;
use crate::dispatch::storage::{with_optional, with_values};
use crate::kernels::element::Element;
use crate::kernels::output::parts;
use crate::kernels::view::Map;

/// `(x - mean) / √(variance + eps) · weight + bias` for each channel, with statistics fixed in training (Ioffe and Szegedy 2015).
#[derive(Debug, Clone)]
pub struct BatchNorm {
    scale: Tensor,
    shift: Tensor,
}

impl BatchNorm {
    /// Makes a norm from its parameters (also called gamma and beta) and statistics; `eps` is added to the variance. The factor and
    /// the summand of each channel are computed in `f64`.
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
        Ok(BatchNorm { scale, shift })
    }

    /// Returns `weight / √(variance + eps)`, `(c,)`.
    pub fn scale(&self) -> &Tensor {
        &self.scale
    }

    /// Returns `bias - mean · scale`, `(c,)`.
    pub fn shift(&self) -> &Tensor {
        &self.shift
    }

    /// Normalises `(n, c, h, w)` or `(n, c)`: `x · scale + shift`.
    ///
    /// # Errors
    /// When dimension 1 of `x` is not `c`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let channels = self.scale.dims1()?;
        if !matches!(x.rank(), 2 | 4) || x.dim(1)? != channels || x.elem_count() == 0 {
            bail!(
                "batch norm expects (n, {channels}, height, width) or (n, {channels}), all at least 1, found {:?}",
                x.dims()
            );
        }
        let affine = Affine {
            scale: self.scale.clone(),
            shift: Some(self.shift.clone()),
        };
        on_map(x, |x| map_recorded(affine, x))
    }

    /// Backpropagates the output gradient `grad` to the input.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn backward(&self, grad: &Tensor) -> Result<Tensor> {
        let affine = Affine {
            scale: self.scale.clone(),
            shift: None,
        };
        on_map(grad, |grad| map(&affine, grad))
    }
}

/// Applies `f` to `(n, c)` as a feature map of one position.
fn on_map(x: &Tensor, f: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<Tensor> {
    match *x.dims() {
        [n, c] => f(&x.reshape((n, c, 1, 1))?)?.reshape((n, c)),
        _ => f(x),
    }
}

/// `x · scale + shift` for each channel; without the shift it is its own gradient.
struct Affine {
    scale: Tensor,
    shift: Option<Tensor>,
}

impl Mapped for Affine {
    const NAME: &'static str = "batch_norm";
    fn run<T: Element>(&self, map: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let [_, c, _, w] = map.dims;
        let x = map.channels_last();
        let y = with_values(&self.scale, |scale: &[T]| {
            with_optional(self.shift.as_ref(), |shift: Option<&[T]>| {
                Ok(parts(
                    x.len(),
                    w * c,
                    w * c,
                    #[inline(always)]
                    |row, y: &mut [T]| {
                        let x = &x[row * w * c..][..y.len()];
                        for (y, x) in y.chunks_exact_mut(c).zip(x.chunks_exact(c)) {
                            match shift {
                                Some(shift) => {
                                    for (((y, &x), &a), &b) in
                                        y.iter_mut().zip(x).zip(scale).zip(shift)
                                    {
                                        *y = x * a + b;
                                    }
                                }
                                None => {
                                    for ((y, &x), &a) in y.iter_mut().zip(x).zip(scale) {
                                        *y = x * a;
                                    }
                                }
                            }
                        }
                    },
                ))
            })
        })?;
        Ok((y, map.dims))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let epilogue = Epilogue {
            scale: Some(&self.scale),
            shift: self.shift.as_ref(),
            ..Epilogue::default()
        };
        let dims = x.map(Self::NAME)?;
        Ok((epilogue.apply(x, dims[1])?, dims))
    }
}

impl CustomOp1 for Affine {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(map);
    fn bwd(&self, _x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let affine = Affine {
            scale: self.scale.clone(),
            shift: None,
        };
        map(&affine, &channels_first(grad)?).map(Some)
    }
}
