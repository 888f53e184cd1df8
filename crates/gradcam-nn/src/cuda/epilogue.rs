//! What follows a convolution or a product.

use candle_core::{CudaStorage, Result, Tensor};

use super::array::Array;
use super::launch::Arg;
use crate::kernels::activation::Activation;

/// What follows a convolution or a product: `activation(x · scale + shift + residual)`, all but the activation where they are given.
#[derive(Default)]
pub(crate) struct Epilogue<'a> {
    /// One for each channel.
    pub(crate) scale: Option<&'a Tensor>,
    /// One for each channel.
    pub(crate) shift: Option<&'a Tensor>,
    /// Of the shape of the result.
    pub(crate) residual: Option<Array<'a>>,
    pub(crate) activation: Activation,
}

impl Epilogue<'_> {
    /// The result for an `x` whose `c` channels are neighbours.
    pub(crate) fn apply(&self, x: Array<'_>, c: usize) -> Result<CudaStorage> {
        let [f, a, b] = self.activation.args();
        let args = [
            Arg::Array(x),
            Arg::Vector(self.scale),
            Arg::Vector(self.shift),
            Arg::Maybe(self.residual),
            f,
            a,
            b,
            Arg::Int(c),
        ];
        x.each("epilogue", x.len(), &args)
    }

    /// The same for what a convolution or a product has made.
    pub(crate) fn finish(&self, x: CudaStorage, dims: &[usize], c: usize) -> Result<CudaStorage> {
        let changes = self.scale.is_some() || self.shift.is_some() || self.residual.is_some();
        if !changes && self.activation == Activation::Identity {
            return Ok(x);
        }
        self.apply(Array::whole(&x, dims), c)
    }
}

impl Activation {
    /// The function's number in the kernels, and its parameters.
    pub(crate) fn args(self) -> [Arg<'static>; 3] {
        let (number, [a, b]) = match self {
            Activation::Identity => (0, [0.0; 2]),
            Activation::Relu => (1, [0.0; 2]),
            Activation::Clip { low, high } => (2, [low, high]),
            Activation::LeakyRelu { slope } => (3, [slope, 0.0]),
            Activation::Silu => (4, [0.0; 2]),
            Activation::Gelu => (5, [0.0; 2]),
            Activation::GeluTanh => (6, [0.0; 2]),
            Activation::QuickGelu => (7, [0.0; 2]),
            Activation::HardSwish => (8, [0.0; 2]),
            Activation::HardSigmoid => (9, [0.0; 2]),
            Activation::Sigmoid => (10, [0.0; 2]),
        };
        [Arg::Int(number), Arg::Real(a), Arg::Real(b)]
    }
}
