//! The rules by which a tape propagates backwards through each operation.

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

/// A function from the quantity at an operation's output to the quantity at one of its inputs.
pub type Backward = Box<dyn Fn(&Tensor) -> Result<Tensor> + Send + Sync>;

/// How a [`Tape`](crate::Tape) propagates a quantity backwards through each operation.
///
/// The default is the gradient. Guided backpropagation, DeepLIFT, layer-wise relevance propagation and others redefine some operations
/// and keep the rest. A rule gets an operation's tensors and returns its backward function, which keeps the parts of them that it
/// needs.
pub trait Rules: Send + Sync {
    /// Returns whether a convolution, its norm, a residual and an activation may propagate back as one operation, which is faster. If
    /// not, the convolution and its norm go through [`conv_norm`](Rules::conv_norm), and the sum and the activation through their own
    /// rules.
    fn fuses(&self) -> bool {
        false
    }
    /// Makes the backward function of a convolution with its norm folded into one factor and one summand a channel.
    fn conv_norm(&self, group: &ConvNormAct, x: &Tensor, _y: &Tensor) -> Backward {
        let (conv, scale) = (group.conv().1.clone(), group.folded().0.cloned());
        let dims = x.dims().to_vec();
        match scale {
            None => Box::new(move |grad| conv.backward(&dims, grad)),
            // A channel's factor is a gate without positions.
            Some(scale) => Box::new(move |grad| {
                let channels = scale.dim(0)?;
                let gate = scale.reshape((1, channels, 1, 1))?;
                conv.backward(&dims, &multiply_backward(grad.dims(), &gate, grad)?)
            }),
        }
    }
    /// Makes the backward function of a convolution.
    fn conv2d(&self, layer: &Conv2d, x: &Tensor, _y: &Tensor) -> Backward {
        let (layer, dims) = (layer.clone(), x.dims().to_vec());
        Box::new(move |grad| layer.backward(&dims, grad))
    }
    /// Makes the backward function of a fully connected layer.
    fn linear(&self, layer: &Linear, _x: &Tensor, _y: &Tensor) -> Backward {
        let layer = layer.clone();
        Box::new(move |grad| layer.backward(grad))
    }
    /// Makes the backward function of a batch norm that follows no convolution.
    fn batch_norm(&self, layer: &BatchNorm, _x: &Tensor, _y: &Tensor) -> Backward {
        let layer = layer.clone();
        Box::new(move |grad| layer.backward(grad))
    }
    /// Makes the backward function of a layer norm.
    fn layer_norm(&self, layer: &LayerNorm, x: &Tensor, _y: &Tensor) -> Backward {
        let (layer, x) = (layer.clone(), x.clone());
        Box::new(move |grad| layer.backward(&x, grad))
    }
    /// Makes the backward function of an activation function.
    fn activation(&self, f: Activation, x: &Tensor, _y: &Tensor) -> Backward {
        let x = x.clone();
        Box::new(move |grad| f.backward(&x, grad))
    }
    /// Makes the backward function of a max pooling.
    fn max_pool(&self, pool: &MaxPool2d, x: &Tensor, _y: &Tensor) -> Backward {
        let (pool, x) = (*pool, x.clone());
        Box::new(move |grad| pool.backward(&x, grad))
    }
    /// Makes the backward function of a linear map of one input: rearranged values, averages, sums, resizes.
    fn linear_map(&self, map: &LinearMap, x: &Tensor, _y: &Tensor) -> Backward {
        let (map, dims) = (map.clone(), x.dims().to_vec());
        Box::new(move |grad| map.adjoint(&dims, grad))
    }
    /// Makes the backward function to one of the two summands of a sum.
    fn add(&self, _summand: &Tensor, _sum: &Tensor) -> Backward {
        Box::new(|grad| Ok(grad.clone()))
    }
    /// Makes the function that receives the quantity at a constant, such as a position embedding or a class token, added to or joined
    /// with recorded values. `None` if the rules do not use it.
    fn constant(&self, _value: &Tensor) -> Option<Backward> {
        None
    }
    /// Makes the backward function of a softmax over the last dimension.
    fn softmax(&self, _x: &Tensor, y: &Tensor) -> Backward {
        let y = y.clone();
        Box::new(move |grad| softmax_backward(&y, grad))
    }
    /// Makes the backward function to the left factor of a matrix product.
    fn left_factor(&self, _a: &Tensor, b: &Tensor, _y: &Tensor) -> Backward {
        let b = b.clone();
        Box::new(move |grad| left_backward(&b, grad))
    }
    /// Makes the backward function to the right factor of a matrix product.
    fn right_factor(&self, a: &Tensor, _b: &Tensor, _y: &Tensor) -> Backward {
        let a = a.clone();
        Box::new(move |grad| right_backward(&a, grad))
    }
    /// Makes the backward function to the feature map of a product with a gate.
    fn gated(&self, x: &Tensor, gate: &Tensor, _y: &Tensor) -> Backward {
        let (dims, gate) = (x.dims().to_vec(), gate.clone());
        Box::new(move |grad| multiply_backward(&dims, &gate, grad))
    }
    /// Makes the backward function to the gate of a product.
    fn gate(&self, x: &Tensor, gate: &Tensor, _y: &Tensor) -> Backward {
        let (x, gate) = (x.clone(), gate.clone());
        Box::new(move |grad| gate_backward(&x, &gate, grad))
    }
}

/// The gradient: every rule is its default.
#[derive(Debug, Clone, Copy, Default)]
pub struct Gradient;

impl Rules for Gradient {
    fn fuses(&self) -> bool {
        true
    }
}
