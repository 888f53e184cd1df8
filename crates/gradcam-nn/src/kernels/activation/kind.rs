//! The activation functions by their names.

/// An element-wise function.
///
/// Matches on it can be exhaustive, as for [`Op`](crate::Op): a relevance rule then decides for each function.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Activation {
    /// `x`.
    #[default]
    Identity,
    /// `max(x, 0)`; the derivative at 0 is 0.
    Relu,
    /// `min(max(x, low), high)`; the derivative at either bound is 0.
    Clip {
        /// The lower bound.
        low: f64,
        /// The upper bound.
        high: f64,
    },
    /// `x` above 0, `slope · x` elsewhere (Maas et al. 2013); the derivative at 0 is the slope.
    LeakyRelu {
        /// The derivative below 0.
        slope: f64,
    },
    /// `x · sigmoid(x)`, also called swish.
    Silu,
    /// `x · Φ(x)` with Φ the cumulative distribution function of the standard normal (Hendrycks and Gimpel 2016).
    Gelu,
    /// The approximation `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))` of GELU (same paper).
    GeluTanh,
    /// The approximation `x · sigmoid(1.702 x)` of GELU (same paper), used by CLIP.
    QuickGelu,
    /// `x · relu6(x + 3) / 6` (MobileNetV3, Howard et al. 2019); the derivative is 0 at -3 and 1 at 3.
    HardSwish,
    /// `min(max(slope · x + offset, 0), 1)`; the derivative at either bound is 0.
    HardSigmoid {
        /// The derivative between the bounds, above 0.
        slope: f64,
        /// The value at 0.
        offset: f64,
    },
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// The hyperbolic tangent.
    Tanh,
    /// `e^x`.
    Exp,
    /// The natural logarithm.
    Log,
    /// The error function.
    Erf,
    /// `ln(1 + e^x)`.
    Softplus,
    /// `x · tanh(softplus(x))` (Misra 2019).
    Mish,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `|x|`; the derivative at 0 is 0.
    Abs,
    /// The sine.
    Sin,
    /// The cosine.
    Cos,
    /// `x` above 0, `alpha · (e^(rate · x) - 1)` elsewhere: ELU (Clevert et al. 2015) with a rate of 1, CELU (Barron 2017) with a rate of
    /// `1 / alpha`.
    Elu {
        /// The distance of the lower limit from 0.
        alpha: f64,
        /// The factor of the exponent.
        rate: f64,
    },
    /// `x` to the power of `exponent`.
    Power {
        /// The exponent; 2, 3, 1/2, -1/2 and -1 are computed without logarithms.
        exponent: f64,
    },
    /// The nearest whole number, halves to the even one, between `low` and `high`: the grid of a quantised value. The gradient passes
    /// straight through between the bounds (Bengio et al. 2013), and is 0 beyond.
    Round {
        /// The least number.
        low: f64,
        /// The greatest number.
        high: f64,
    },
}

impl Activation {
    /// `min(max(x, 0), 6)`.
    pub const RELU6: Activation = Activation::Clip {
        low: 0.0,
        high: 6.0,
    };

    /// `relu6(x + 3) / 6` (MobileNetV3, Howard et al. 2019).
    pub const HARD_SIGMOID: Activation = Activation::HardSigmoid {
        slope: 1.0 / 6.0,
        offset: 0.5,
    };
}
