//! How the operations of a network run.

use candle_core::{Result, Tensor};

use crate::op::Op;
use crate::ops::activation::Activation;
use crate::ops::adaptive_pool::AdaptiveAvgPool2d;
use crate::ops::avg_pool::AvgPool2d;
use crate::ops::batch_norm::BatchNorm;
use crate::ops::conv_norm_act::ConvNormAct;
use crate::ops::conv2d::Conv2d;
use crate::ops::layer_norm::LayerNorm;
use crate::ops::linear::Linear;
use crate::ops::linear_map::LinearMap;
use crate::ops::max_pool::MaxPool2d;
use crate::ops::rearrange::Rearrange;

/// How the operations of a network run; `()` is plain inference.
///
/// Every method has a default, so a pass states only what it does differently. A network calls an operation by its name
/// (`pass.conv2d(layer, x)`, a method of `dyn Pass`). Every call arrives at [`operation`](Pass::operation), the one method to
/// redefine. A network may hand the pass to another thread.
///
/// ```
/// use gradcam_nn::candle_core::{DType, Device, Result, Tensor};
/// use gradcam_nn::ops::Activation;
/// use gradcam_nn::{Kind, Module, ModuleTree, Network, Op, Pass, Weights};
///
/// /// Counts the operations and runs them unchanged.
/// struct Count(usize);
///
/// impl Pass for Count {
///     fn operation(&mut self, op: Op<'_>, inputs: &[&Tensor]) -> Result<Tensor> {
///         self.0 += 1;
///         op.forward(inputs)
///     }
/// }
///
/// let modules = vec![
///     Module::new("act", Kind::Activation(Activation::Relu)),
///     Module::new("flatten", Kind::Flatten),
/// ];
/// let network = ModuleTree::new(modules, &Weights::skeleton());
/// let image = Tensor::ones((1, 2, 3, 3), DType::F32, &Device::Cpu)?;
/// let mut count = Count(0);
/// network.forward(&image, &mut count)?;
/// assert_eq!(count.0, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Pass: Send {
    /// Receives the output of the module `name` (its path in the original checkpoint: `layer4.2.conv3`), and may replace it.
    ///
    /// # Errors
    /// A pass may refuse an activation, for example because of its shape.
    fn tap(&mut self, _name: &str, x: Tensor) -> Result<Tensor> {
        Ok(x)
    }
    /// Returns whether this pass needs the output of `name`; a fused group splits only if an inner name is wanted.
    fn wants(&self, _name: &str) -> bool {
        false
    }
    /// Returns whether a convolution, its norm, a residual and an activation may arrive as one [`Op::ConvNormAct`] rather than one by
    /// one.
    fn fuses(&self) -> bool {
        true
    }
    /// Runs an operation. A pass that treats a convolution, norm, sum or activation differently also handles [`Op::ConvNormAct`], or
    /// returns `false` from [`fuses`](Pass::fuses).
    ///
    /// # Errors
    /// When the shapes do not fit.
    fn operation(&mut self, op: Op<'_>, inputs: &[&Tensor]) -> Result<Tensor> {
        op.forward(inputs)
    }
}

/// Plain inference.
impl Pass for () {}

/// The operations by name.
impl dyn Pass + '_ {
    /// Runs a convolution.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn conv2d(&mut self, layer: &Conv2d, x: &Tensor) -> Result<Tensor> {
        self.operation(Op::Conv2d(layer), &[x])
    }
    /// Runs a convolution, its norm, an optional residual and an activation as one kernel, for a pass that [`fuses`](Pass::fuses).
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn conv_norm_act(
        &mut self,
        group: &ConvNormAct,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let op = Op::ConvNormAct(group, activation);
        match residual {
            None => self.operation(op, &[x]),
            Some(residual) => self.operation(op, &[x, residual]),
        }
    }
    /// Runs a fully connected layer.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn linear(&mut self, layer: &Linear, x: &Tensor) -> Result<Tensor> {
        self.operation(Op::Linear(layer), &[x])
    }
    /// Runs a batch norm in evaluation mode.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn batch_norm(&mut self, layer: &BatchNorm, x: &Tensor) -> Result<Tensor> {
        self.operation(Op::BatchNorm(layer), &[x])
    }
    /// Runs a layer norm.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn layer_norm(&mut self, layer: &LayerNorm, x: &Tensor) -> Result<Tensor> {
        self.operation(Op::LayerNorm(layer), &[x])
    }
    /// Runs an activation function.
    ///
    /// # Errors
    /// When the element type is not supported.
    pub fn activation(&mut self, f: Activation, x: &Tensor) -> Result<Tensor> {
        self.operation(Op::Activation(f), &[x])
    }
    /// Runs a max pooling.
    ///
    /// # Errors
    /// When the window does not fit.
    pub fn max_pool(&mut self, pool: &MaxPool2d, x: &Tensor) -> Result<Tensor> {
        self.operation(Op::MaxPool(pool), &[x])
    }
    /// Computes the softmax over the last dimension.
    ///
    /// # Errors
    /// When the tensor is empty.
    pub fn softmax(&mut self, x: &Tensor) -> Result<Tensor> {
        self.operation(Op::Softmax, &[x])
    }
    /// Adds a branch and its shortcut.
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn add(&mut self, branch: &Tensor, shortcut: &Tensor) -> Result<Tensor> {
        self.operation(Op::Add, &[branch, shortcut])
    }
    /// Multiplies a feature map by a gate or a scale that is broadcast over it.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn multiply(&mut self, x: &Tensor, gate: &Tensor) -> Result<Tensor> {
        self.operation(Op::Multiply, &[x, gate])
    }
    /// Computes the matrix products of two tensors, `(…, m, k)` and `(…, k, n)`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn matmul(&mut self, a: &Tensor, b: &Tensor) -> Result<Tensor> {
        self.operation(Op::Matmul, &[a, b])
    }
    /// Joins feature maps along the channels.
    ///
    /// # Errors
    /// When the other dimensions differ.
    pub fn concat(&mut self, parts: &[Tensor]) -> Result<Tensor> {
        self.operation(Op::Concat, &parts.iter().collect::<Vec<_>>())
    }
    /// Runs a linear map of one input.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn linear_map(&mut self, map: &LinearMap, x: &Tensor) -> Result<Tensor> {
        self.operation(Op::LinearMap(map), &[x])
    }
    /// Runs an average pooling.
    ///
    /// # Errors
    /// When the window does not fit.
    pub fn avg_pool(&mut self, pool: &AvgPool2d, x: &Tensor) -> Result<Tensor> {
        self.linear_map(&LinearMap::AvgPool(*pool), x)
    }
    /// Runs an average pooling to a given size; 1×1 is the global average pooling.
    ///
    /// # Errors
    /// When the input is empty.
    pub fn adaptive_avg_pool(&mut self, pool: &AdaptiveAvgPool2d, x: &Tensor) -> Result<Tensor> {
        self.linear_map(&LinearMap::AdaptiveAvgPool(*pool), x)
    }
    /// Rearranges values.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn rearrange(&mut self, op: &Rearrange, x: &Tensor) -> Result<Tensor> {
        self.linear_map(&LinearMap::Rearrange(*op), x)
    }
    /// Flattens all dimensions after the first.
    ///
    /// # Errors
    /// Never for plain tensors.
    pub fn flatten(&mut self, x: &Tensor) -> Result<Tensor> {
        self.linear_map(&LinearMap::Flatten, x)
    }
    /// Offers `x` under each of its names in turn, made contiguous if the pass wants it.
    ///
    /// # Errors
    /// When the pass refuses.
    pub fn tap_all(&mut self, names: &[String], x: Tensor) -> Result<Tensor> {
        names.iter().try_fold(x, |x, name| {
            let x = if self.wants(name) {
                self.linear_map(&LinearMap::Contiguous, &x)?
            } else {
                x
            };
            self.tap(name, x)
        })
    }
}
