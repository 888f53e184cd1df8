//! A convolution or a fully connected layer whose numbers can be changed.

use candle_core::{DType, Result, Tensor};
use gradcam_nn::ops::{Conv2d, Linear, pointwise};

/// `y = W x + b`.
pub(super) enum Affine {
    Conv(Conv2d),
    Linear(Linear),
}

impl Affine {
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            Affine::Conv(layer) => layer.forward(x),
            Affine::Linear(layer) => layer.forward(x),
        }
    }

    /// Computes `Wᵀ grad`, in the shape of the input `x`.
    pub(super) fn backward(&self, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
        match self {
            Affine::Conv(layer) => layer.backward(x.dims(), grad),
            Affine::Linear(layer) => layer.backward(grad),
        }
    }

    /// Applies `weight` to the layer's weights and `bias` to its bias; without `bias`, the bias is dropped.
    pub(super) fn changed(
        &self,
        weight: impl Fn(f64) -> f64 + Sync,
        bias: Option<impl Fn(f64) -> f64 + Sync>,
    ) -> Result<Self> {
        let of_bias = |old: Option<&Tensor>| match (old, &bias) {
            (Some(old), Some(f)) => pointwise([old], |[v]| f(v)).map(Some),
            _ => Ok(None),
        };
        Ok(match self {
            Affine::Conv(layer) => {
                // Flat, not as a feature map: its memory keeps the kernels' own order.
                let flat = layer.weight().flatten_all()?;
                let changed =
                    pointwise([&flat], |[v]| weight(v))?.reshape(layer.weight().dims())?;
                let bias = of_bias(layer.bias())?;
                Affine::Conv(Conv2d::new(changed, bias, layer.options()))
            }
            Affine::Linear(layer) => Affine::Linear(Linear::new(
                pointwise([layer.weight()], |[v]| weight(v))?,
                of_bias(layer.bias())?,
            )),
        })
    }

    /// Sums `s` times the bias over all outputs.
    pub(super) fn bias_share(&self, s: &Tensor) -> Result<f64> {
        let bias = match self {
            Affine::Conv(layer) => layer.bias(),
            Affine::Linear(layer) => layer.bias(),
        };
        let Some(bias) = bias else { return Ok(0.0) };
        let bias: Vec<f64> = bias.to_dtype(DType::F64)?.to_vec1()?;
        let s = match self {
            Affine::Conv(_) => s.sum((2, 3))?,
            Affine::Linear(_) => s.clone(),
        };
        let s: Vec<f64> = s.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        let rows = s.chunks_exact(bias.len());
        Ok(rows
            .flat_map(|row| row.iter().zip(&bias))
            .map(|(s, b)| s * b)
            .sum())
    }

    pub(super) fn without_bias(&self) -> Self {
        match self {
            Affine::Conv(layer) => {
                Affine::Conv(Conv2d::new(layer.weight().clone(), None, layer.options()))
            }
            Affine::Linear(layer) => Affine::Linear(Linear::new(layer.weight().clone(), None)),
        }
    }
}
