//! The operations that follow a convolution or a product.

use candle_core::{CudaStorage, Result, Tensor};

use super::array::Array;
use super::launch::Arg;
use crate::kernels::activation::Activation;

/// Operations that follow a convolution or a product: `activation(x · scale + shift + residual)`, where all but the activation are
/// optional.
#[derive(Default)]
pub(crate) struct Epilogue<'a> {
    /// One factor a channel.
    pub(crate) scale: Option<&'a Tensor>,
    /// One summand a channel.
    pub(crate) shift: Option<&'a Tensor>,
    /// A tensor of the result's shape.
    pub(crate) residual: Option<Array<'a>>,
    pub(crate) activation: Activation,
}

impl Epilogue<'_> {
    /// Applies the epilogue to an `x` whose `c` channels are contiguous in memory.
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

    /// Applies the epilogue to the result of a convolution or a product, unless it changes nothing.
    pub(crate) fn finish(&self, x: CudaStorage, dims: &[usize], c: usize) -> Result<CudaStorage> {
        let changes = self.scale.is_some() || self.shift.is_some() || self.residual.is_some();
        if !changes && self.activation == Activation::Identity {
            return Ok(x);
        }
        self.apply(Array::whole(&x, dims), c)
    }
}

impl Activation {
    /// Returns the function's number in the kernels, and its parameters.
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
            Activation::HardSigmoid { slope, offset } => (9, [slope, offset]),
            Activation::Sigmoid => (10, [0.0; 2]),
            Activation::Tanh => (11, [0.0; 2]),
            Activation::Exp => (12, [0.0; 2]),
            Activation::Log => (13, [0.0; 2]),
            Activation::Erf => (14, [0.0; 2]),
            Activation::Softplus => (15, [0.0; 2]),
            Activation::Mish => (16, [0.0; 2]),
            Activation::Softsign => (17, [0.0; 2]),
            Activation::Abs => (18, [0.0; 2]),
            Activation::Sin => (19, [0.0; 2]),
            Activation::Cos => (20, [0.0; 2]),
            Activation::Elu { alpha, rate } => (21, [alpha, rate]),
            Activation::Power { exponent } => (22, [exponent, 0.0]),
            Activation::Round { low, high } => (23, [low, high]),
        };
        [Arg::Int(number), Arg::Real(a), Arg::Real(b)]
    }
}
