//! The operations of a plan, with their parameters.

use std::sync::Arc;

use candle_core::{Result, Tensor};
use gradcam_nn::ops::{
    Activation, BatchNorm, Conv2d, ConvNormAct, LayerNorm, Linear, LinearMap, MaxPool2d,
};
use gradcam_nn::{Op, Pass};

/// An operation with its parameters: an owned [`Op`].
#[derive(Debug, Clone)]
pub(crate) enum Layer {
    Conv(Conv2d),
    /// A convolution with its norm and activation, and the end of a residual block if any. Takes the shortcut as the second input then.
    Group(Arc<ConvNormAct>, Option<Arc<Closing>>),
    Linear(Linear),
    BatchNorm(BatchNorm),
    LayerNorm(LayerNorm),
    Activation(Activation),
    MaxPool(MaxPool2d),
    Softmax,
    LinearMap(LinearMap),
    Add,
    Multiply,
    Matmul,
    Concat,
}

/// The end of a residual block: the sum with the shortcut, and the activation after it.
#[derive(Debug, Clone)]
pub(crate) struct Closing {
    /// The names of the sum, if it is not the output.
    pub(crate) sum: Vec<String>,
    pub(crate) activation: Activation,
}

impl Layer {
    /// Runs the operation under `pass`.
    ///
    /// # Errors
    /// When the shapes do not fit, or the pass refuses.
    pub(crate) fn run(&self, inputs: &[&Tensor], pass: &mut dyn Pass) -> Result<Tensor> {
        let op = match self {
            Layer::Group(group, closing) => {
                return match (closing, inputs) {
                    (Some(closing), [x, shortcut]) => closing.run(group, x, shortcut, pass),
                    (_, [x, ..]) => group.run(x, None, pass),
                    (_, []) => candle_core::bail!("a convolution takes an input"),
                };
            }
            Layer::Conv(conv) => Op::Conv2d(conv),
            Layer::Linear(linear) => Op::Linear(linear),
            Layer::BatchNorm(norm) => Op::BatchNorm(norm),
            Layer::LayerNorm(norm) => Op::LayerNorm(norm),
            Layer::Activation(f) => Op::Activation(*f),
            Layer::MaxPool(pool) => Op::MaxPool(pool),
            Layer::Softmax => Op::Softmax,
            Layer::LinearMap(map) => Op::LinearMap(map),
            Layer::Add => Op::Add,
            Layer::Multiply => Op::Multiply,
            Layer::Matmul => Op::Matmul,
            Layer::Concat => Op::Concat,
        };
        pass.operation(op, inputs)
    }
}

impl Closing {
    /// Runs the group, the sum and the activation: as one kernel, unless the pass wants the sum.
    fn run(
        &self,
        group: &ConvNormAct,
        x: &Tensor,
        shortcut: &Tensor,
        pass: &mut dyn Pass,
    ) -> Result<Tensor> {
        let apart = !pass.fuses() || self.sum.iter().any(|name| pass.wants(name));
        if self.sum.is_empty() || !apart {
            return group.run(x, Some((shortcut, self.activation)), pass);
        }
        let y = group.run(x, None, pass)?;
        let y = pass.add(&y, shortcut)?;
        let y = pass.tap_all(&self.sum, y)?;
        pass.activation(self.activation, &y)
    }
}
