//! The operations of networks as one type.

use candle_core::{Result, Tensor, bail};

use crate::ops::activation::Activation;
use crate::ops::batch_norm::BatchNorm;
use crate::ops::combine::{add, concat, multiply};
use crate::ops::conv_norm_act::ConvNormAct;
use crate::ops::conv2d::Conv2d;
use crate::ops::layer_norm::LayerNorm;
use crate::ops::linear::Linear;
use crate::ops::linear_map::LinearMap;
use crate::ops::matmul::matmul;
use crate::ops::max_pool::MaxPool2d;
use crate::ops::softmax::softmax;

/// An operation of a network, without its inputs: the unit that a [`Pass`](crate::Pass) runs.
///
/// Matches on it should be exhaustive, in other crates too. A pass that treats operations differently (which are linear, what shapes
/// they give) decides for each one; a wildcard arm would decide wrongly for a new one. A new operation therefore breaks those matches,
/// and the compiler names them. A new linear map of one input is a case of [`LinearMap`] and breaks fewer.
///
/// ```
/// use gradcam_nn::Op;
/// use gradcam_nn::candle_core::{Device, Tensor};
///
/// let a = Tensor::new(&[1.0_f32, 2.0], &Device::Cpu)?;
/// let b = Tensor::new(&[3.0_f32, 4.0], &Device::Cpu)?;
/// assert_eq!(Op::Add.forward(&[&a, &b])?.to_vec1::<f32>()?, [4.0, 6.0]);
/// assert!(Op::Add.forward(&[&a]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub enum Op<'a> {
    /// A convolution.
    Conv2d(&'a Conv2d),
    /// A convolution, its norm, an optional residual and this activation as one kernel. Takes the group's input, and the residual if
    /// any.
    ConvNormAct(&'a ConvNormAct, Activation),
    /// A fully connected layer.
    Linear(&'a Linear),
    /// A batch norm in evaluation mode.
    BatchNorm(&'a BatchNorm),
    /// A layer norm.
    LayerNorm(&'a LayerNorm),
    /// An activation function.
    Activation(Activation),
    /// A max pooling.
    MaxPool(&'a MaxPool2d),
    /// The softmax over the last dimension.
    Softmax,
    /// A linear map of one input.
    LinearMap(&'a LinearMap),
    /// The sum of a branch and its shortcut, or of a tensor and a summand that is broadcast over it.
    Add,
    /// The product of a tensor and a gate or a scale that is broadcast over it.
    Multiply,
    /// The matrix products of two tensors, `(…, m, k)` and `(…, k, n)`.
    Matmul,
    /// Any number of tensors joined along dimension 1.
    Concat,
}

impl Op<'_> {
    /// Computes the result for `inputs`. Differentiable.
    ///
    /// # Errors
    /// When the number of inputs or their shapes do not fit.
    pub fn forward(self, inputs: &[&Tensor]) -> Result<Tensor> {
        match self {
            Op::Conv2d(layer) => layer.forward(self.input(inputs)?),
            Op::ConvNormAct(group, activation) => {
                let (x, residual) = self.with_residual(inputs)?;
                group.fused(x, residual, activation)
            }
            Op::Linear(layer) => layer.forward(self.input(inputs)?),
            Op::BatchNorm(norm) => norm.forward(self.input(inputs)?),
            Op::LayerNorm(norm) => norm.forward(self.input(inputs)?),
            Op::Activation(f) => f.forward(self.input(inputs)?),
            Op::MaxPool(pool) => pool.forward(self.input(inputs)?),
            Op::Softmax => {
                let x = self.input(inputs)?;
                softmax(x, x.rank().saturating_sub(1))
            }
            Op::LinearMap(map) => map.forward(self.input(inputs)?),
            Op::Add => {
                let [a, b] = self.inputs(inputs)?;
                add(a, b)
            }
            Op::Multiply => {
                let [x, gate] = self.inputs(inputs)?;
                multiply(x, gate)
            }
            Op::Matmul => {
                let [a, b] = self.inputs(inputs)?;
                matmul(a, b)
            }
            Op::Concat => concat(inputs),
        }
    }

    /// Returns the input of an operation that takes one.
    ///
    /// # Errors
    /// When there are more or fewer.
    pub fn input<'t>(self, inputs: &[&'t Tensor]) -> Result<&'t Tensor> {
        let [x] = self.inputs(inputs)?;
        Ok(x)
    }

    /// Returns the inputs of an operation that takes `N`.
    ///
    /// # Errors
    /// When there are more or fewer.
    pub fn inputs<'t, const N: usize>(self, inputs: &[&'t Tensor]) -> Result<[&'t Tensor; N]> {
        match inputs.try_into() {
            Ok(inputs) => Ok(inputs),
            Err(_) => {
                let s = if N == 1 { "" } else { "s" };
                bail!("{self:?} takes {N} input{s}, found {}", inputs.len())
            }
        }
    }

    /// Returns the inputs of a [`ConvNormAct`](Op::ConvNormAct): the group's own, and the residual if any.
    ///
    /// # Errors
    /// When there are neither 1 nor 2.
    pub fn with_residual<'t>(
        self,
        inputs: &[&'t Tensor],
    ) -> Result<(&'t Tensor, Option<&'t Tensor>)> {
        match *inputs {
            [x] => Ok((x, None)),
            [x, residual] => Ok((x, Some(residual))),
            _ => bail!("{self:?} takes 1 or 2 inputs, found {}", inputs.len()),
        }
    }
}
