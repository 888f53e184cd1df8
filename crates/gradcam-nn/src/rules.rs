//! How what a tape takes back passes each operation.

use candle_core::{Result, Tensor};

use crate::ops::activation::Activation;
use crate::ops::batch_norm::BatchNorm;
use crate::ops::combine::{gate_backward, multiply_backward};
use crate::ops::conv_norm_act::ConvNormAct;
use crate::ops::conv2d::Conv2d;
use crate::ops::layer_norm::LayerNorm;
use crate::ops::linear::Linear;
use crate::ops::linear_map::LinearMap;
use crate::ops::matmul::{left_backward, right_backward};
use crate::ops::max_pool::MaxPool2d;
use crate::ops::softmax::softmax_backward;

/// From what arrives at an operation's output to what goes on to one of its inputs.
pub type Backward = Box<dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync>;

/// How what a [`Tape`](crate::Tape) takes back passes each operation.
///
/// The default is the gradient. Guided backpropagation, DeepLIFT, layer-wise relevance propagation and others redefine some operations
/// and leave the rest. A rule gets an operation's input and returns what goes back through it; it keeps of the input what it needs.
pub trait Rules: Send + Sync {
    /// Whether a convolution, its norm, a residual and an activation may go back as one operation, which is faster. Where not, the
    /// convolution with its norm goes through [`conv_norm`](Rules::conv_norm), and the sum and the activation through their own rules.
    fn fuses(&self) -> bool {
        false
    }
    /// A convolution with its norm folded into one factor and one summand a channel.
    fn conv_norm(&self, group: &ConvNormAct, x: &Tensor, _y: &Tensor) -> Backward {
        let (conv, scale) = (group.conv().1.clone(), group.folded().0.cloned());
        let dims = x.dims().to_vec();
        match scale {
            None => Box::new(move |grad| conv.backward(&dims, grad)),
            // The factor of a channel is a gate without positions.
            Some(scale) => Box::new(move |grad| {
                let channels = scale.dim(0)?;
                let gate = scale.reshape((1, channels, 1, 1))?;
                conv.backward(&dims, &multiply_backward(grad.dims(), &gate, grad)?)
            }),
        }
    }
    /// A convolution.
    fn conv2d(&self, layer: &Conv2d, x: &Tensor, _y: &Tensor) -> Backward {
        let (layer, dims) = (layer.clone(), x.dims().to_vec());
        Box::new(move |grad| layer.backward(&dims, grad))
    }
    /// A fully connected layer.
    fn linear(&self, layer: &Linear, _x: &Tensor, _y: &Tensor) -> Backward {
        let layer = layer.clone();
        Box::new(move |grad| layer.backward(grad))
    }
    /// A batch norm that follows no convolution.
    fn batch_norm(&self, layer: &BatchNorm, _x: &Tensor, _y: &Tensor) -> Backward {
        let layer = layer.clone();
        Box::new(move |grad| layer.backward(grad))
    }
    /// A layer norm.
    fn layer_norm(&self, layer: &LayerNorm, x: &Tensor, _y: &Tensor) -> Backward {
        let (layer, x) = (layer.clone(), x.clone());
        Box::new(move |grad| layer.backward(&x, grad))
    }
    /// An activation function.
    fn activation(&self, f: Activation, x: &Tensor, _y: &Tensor) -> Backward {
        let x = x.clone();
        Box::new(move |grad| f.backward(&x, grad))
    }
    /// A max pooling.
    fn max_pool(&self, pool: &MaxPool2d, x: &Tensor, _y: &Tensor) -> Backward {
        let (pool, x) = (*pool, x.clone());
        Box::new(move |grad| pool.backward(&x, grad))
    }
    /// A linear map of one input: values in other places, averages, sums, resizes.
    fn linear_map(&self, map: &LinearMap, x: &Tensor, _y: &Tensor) -> Backward {
        let (map, dims) = (map.clone(), x.dims().to_vec());
        Box::new(move |grad| map.adjoint(&dims, grad))
    }
    /// To one of the two summands of a sum.
    fn add(&self, _summand: &Tensor, _sum: &Tensor) -> Backward {
        Box::new(|grad| Ok(grad.clone()))
    }
    /// What becomes of what comes back to a constant that is added to, or joined with, what follows from a source: a position embedding, a
    /// class token. `None` if nobody asks.
    fn constant(&self, _value: &Tensor) -> Option<Backward> {
        None
    }
    /// A softmax over the last dimension.
    fn softmax(&self, _x: &Tensor, y: &Tensor) -> Backward {
        let y = y.clone();
        Box::new(move |grad| softmax_backward(&y, grad))
    }
    /// To the left factor of a matrix product.
    fn left_factor(&self, _a: &Tensor, b: &Tensor, _y: &Tensor) -> Backward {
        let b = b.clone();
        Box::new(move |grad| left_backward(&b, grad))
    }
    /// To the right factor of a matrix product.
    fn right_factor(&self, a: &Tensor, _b: &Tensor, _y: &Tensor) -> Backward {
        let a = a.clone();
        Box::new(move |grad| right_backward(&a, grad))
    }
    /// To the feature map of a product with a gate.
    fn gated(&self, x: &Tensor, gate: &Tensor, _y: &Tensor) -> Backward {
        let (dims, gate) = (x.dims().to_vec(), gate.clone());
        Box::new(move |grad| multiply_backward(&dims, &gate, grad))
    }
    /// To the gate of a product.
    fn gate(&self, x: &Tensor, gate: &Tensor, _y: &Tensor) -> Backward {
        let (x, gate) = (x.clone(), gate.clone());
        Box::new(move |grad| gate_backward(&x, &gate, grad))
    }
}

/// The gradient.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gradient;

impl Rules for Gradient {
    fn fuses(&self) -> bool {
        true
    }
}
