//! The operations of vision networks, with PyTorch's values and gradients.
//!
//! Each operation is plain data with a `forward` that candle's autograd records. At kinks and tied maxima the gradient follows
//! PyTorch's choice. Parameters are constants: only the gradient with respect to the input exists.

pub mod activation;
pub mod adaptive_pool;
pub mod avg_pool;
pub mod batch_norm;
pub(crate) mod broadcast;
pub mod combine;
pub mod conv2d;
pub mod conv_norm_act;
pub mod conv_transpose;
pub mod layer_norm;
pub mod linear;
pub mod linear_map;
pub mod matmul;
pub mod max_pool;
pub mod pointwise;
pub mod rearrange;
pub mod reduce;
pub mod resize;
pub mod softmax;
mod sum;
mod window;

pub use crate::kernels::precision::Precision;
pub use activation::Activation;
pub use adaptive_pool::{AdaptiveAvgPool2d, AdaptiveMaxPool2d};
pub use avg_pool::AvgPool2d;
pub use batch_norm::BatchNorm;
pub use combine::{add, concat, multiply};
pub use conv_norm_act::ConvNormAct;
pub use conv_transpose::ConvTranspose2d;
pub use conv2d::{Conv2d, ConvOptions, Padding};
pub use layer_norm::{Axis, LayerNorm};
pub use linear::Linear;
pub use linear_map::{LinearMap, Taps};
pub use matmul::matmul;
pub use max_pool::MaxPool2d;
pub use pointwise::pointwise;
pub use rearrange::Rearrange;
pub use reduce::Reduce;
pub use resize::{Resize, ResizeMode, resize, resize_taps};
pub use softmax::{log_softmax, softmax};
