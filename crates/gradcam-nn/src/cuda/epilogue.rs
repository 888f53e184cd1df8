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
        let args = [
            Arg::Array(x),
            Arg::Vector(self.scale),
            Arg::Vector(self.shift),
            Arg::Maybe(self.residual),
            self.activation.number(),
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
    /// The function's number in the kernels.
    pub(crate) fn number(self) -> Arg<'static> {
        Arg::Int(match self {
            Activation::Identity => 0,
            Activation::Relu => 1,
            Activation::Relu6 => 2,
            Activation::Silu => 3,
            Activation::Gelu => 4,
            Activation::GeluTanh => 5,
            Activation::QuickGelu => 6,
            Activation::HardSwish => 7,
            Activation::HardSigmoid => 8,
            Activation::Sigmoid => 9,
        })
    }
}
