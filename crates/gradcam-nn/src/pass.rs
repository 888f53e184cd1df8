//! How the operations of a network run.

use candle_core::{Result, Tensor};

use crate::ConvNormAct;
use crate::ops::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm, Conv2d, LayerNorm, Linear, MaxPool2d,
    Rearrange, add, concat, matmul, multiply, softmax,
};

/// How the operations of a network run; `()` is plain inference.
///
/// Every method has a default, so a pass states only what it does differently. A pass that redefines an operation also redefines
/// [`conv_norm_act`](Pass::conv_norm_act) or returns `false` from [`fuses`](Pass::fuses): a fused group would otherwise go past it. A network may hand the pass to another thread.
pub trait Pass: Send {
    /// Sees the output of the module `name` (its path in the original checkpoint: `layer4.2.conv3`), and may replace it.
    ///
    /// # Errors
    /// A pass may refuse an activation, for example for its shape.
    fn tap(&mut self, _name: &str, x: Tensor) -> Result<Tensor> {
        Ok(x)
    }
    /// Whether this pass needs the output of `name`; a fused group splits up only where an inner name is wanted.
    fn wants(&self, _name: &str) -> bool {
        false
    }
    /// Brings an activation that the pass wants into the usual order in memory, before it is offered.
    ///
    /// # Errors
    /// None that plain tensors could cause.
    fn contiguous(&mut self, x: &Tensor) -> Result<Tensor> {
        x.contiguous()
    }
    /// Whether a group of operations may run as one kernel.
    fn fuses(&self) -> bool {
        true
    }
    /// A convolution.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn conv2d(&mut self, layer: &Conv2d, x: &Tensor) -> Result<Tensor> {
        layer.forward(x)
    }
    /// A fully connected layer.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn linear(&mut self, layer: &Linear, x: &Tensor) -> Result<Tensor> {
        layer.forward(x)
    }
    /// A batch norm in evaluation mode.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn batch_norm(&mut self, layer: &BatchNorm, x: &Tensor) -> Result<Tensor> {
        layer.forward(x)
    }
    /// A layer norm.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn layer_norm(&mut self, layer: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        layer.forward(x)
    }
    /// An activation function.
    ///
    /// # Errors
    /// When the element type is not supported.
    fn activation(&mut self, f: Activation, x: &Tensor) -> Result<Tensor> {
        f.forward(x)
    }
    /// A max pooling.
    ///
    /// # Errors
    /// When the window does not fit.
    fn max_pool(&mut self, pool: &MaxPool2d, x: &Tensor) -> Result<Tensor> {
        pool.forward(x)
    }
    /// An average pooling.
    ///
    /// # Errors
    /// When the window does not fit.
    fn avg_pool(&mut self, pool: &AvgPool2d, x: &Tensor) -> Result<Tensor> {
        pool.forward(x)
    }
    /// An average pooling to a given size; to 1×1 it is the global average pooling.
    ///
    /// # Errors
    /// When the input is empty.
    fn adaptive_avg_pool(&mut self, pool: &AdaptiveAvgPool2d, x: &Tensor) -> Result<Tensor> {
        pool.forward(x)
    }
    /// The sum of a branch and its shortcut.
    ///
    /// # Errors
    /// When the shapes differ.
    fn add(&mut self, branch: &Tensor, shortcut: &Tensor) -> Result<Tensor> {
        add(branch, shortcut)
    }
    /// A feature map times a gate or a scale that is broadcast over it.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn multiply(&mut self, x: &Tensor, gate: &Tensor) -> Result<Tensor> {
        multiply(x, gate)
    }
    /// Feature maps joined along the channels.
    ///
    /// # Errors
    /// When the other dimensions differ.
    fn concat(&mut self, parts: &[Tensor]) -> Result<Tensor> {
        concat(parts)
    }
    /// The softmax over the last dimension.
    ///
    /// # Errors
    /// When the tensor is empty.
    fn softmax(&mut self, x: &Tensor) -> Result<Tensor> {
        softmax(x, x.rank().saturating_sub(1))
    }
    /// The matrix products of two tensors, `(…, m, k)` and `(…, k, n)`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn matmul(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        matmul(a, b)
    }
    /// Values in other places.
    ///
    /// # Errors
    /// When the shape does not fit.
    fn rearrange(&mut self, op: &Rearrange, x: &Tensor) -> Result<Tensor> {
        op.forward(x)
    }
    /// All dimensions after the first as one.
    ///
    /// # Errors
    /// None that plain tensors could cause.
    fn flatten(&mut self, x: &Tensor) -> Result<Tensor> {
        x.flatten_from(1)
    }
    /// A convolution, its norm, an optional residual and an activation as one kernel; called only when [`fuses`](Pass::fuses) and no
    /// inner name is wanted.
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn conv_norm_act(
        &mut self,
        group: &ConvNormAct,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        group.fused(x, residual, activation)
    }
}

/// Plain inference.
impl Pass for () {}
