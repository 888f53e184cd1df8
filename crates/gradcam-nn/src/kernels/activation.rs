//! Activation functions of single numbers.

mod kind;
mod rare;

use super::float::Float;
pub use kind::Activation;
use rare::sigmoid_parts;

/// Compiles a block once for each function, with the variant known to the compiler: a loop in the block has no branch.
macro_rules! specialise {
    ($activation:expr, |$f:ident| $body:expr) => {
        specialise!(
            $activation, $f, $body,
            Identity Relu Silu Gelu GeluTanh QuickGelu HardSwish Sigmoid
        )
    };
    ($activation:expr, $f:ident, $body:expr, $($name:ident)*) => {
        match $activation {
            Activation::Clip { low, high } => {
                let $f = Activation::Clip { low, high };
                $body
            }
            Activation::LeakyRelu { slope } => {
                let $f = Activation::LeakyRelu { slope };
                $body
            }
            Activation::HardSigmoid { slope, offset } => {
                let $f = Activation::HardSigmoid { slope, offset };
                $body
            }
            $(Activation::$name => {
                let $f = Activation::$name;
                $body
            })*
            // A branch costs little beside these.
            $f @ (Activation::Tanh
            | Activation::Exp
            | Activation::Log
            | Activation::Erf
            | Activation::Softplus
            | Activation::Mish
            | Activation::Softsign
            | Activation::Abs
            | Activation::Sin
            | Activation::Cos
            | Activation::Elu { .. }
            | Activation::Power { .. }
            | Activation::Round { .. }) => $body,
        }
    };
}

impl Activation {
    /// Evaluates the function at `x`.
    #[inline(always)]
    pub(crate) fn apply<T: Float>(self, x: T) -> T {
        match self {
            Activation::Identity => x,
            Activation::Relu => x.maximum(T::ZERO),
            Activation::Clip { low, high } => x.maximum(T::of(low)).minimum(T::of(high)),
            Activation::LeakyRelu { slope } => {
                if x > T::ZERO {
                    x
                } else {
                    x * T::of(slope)
                }
            }
            Activation::Silu => x / (T::ONE + (-x).exp()),
            Activation::Gelu => x * x.normal_cdf(),
            // (1 + tanh u) / 2 = sigmoid(2 u).
            Activation::GeluTanh => x / (T::ONE + (-gelu_exponent(x)).exp()),
            Activation::QuickGelu => x / (T::ONE + (-T::of(QUICK_GELU) * x).exp()),
            Activation::HardSwish => x * relu6(x + T::of(3.0)) * T::of(1.0 / 6.0),
            // In this order of operations, the usual slope gives the numbers of `relu6(x + 3) / 6`.
            Activation::HardSigmoid { slope, offset } => {
                let shifted = x + T::of(offset / slope);
                shifted.maximum(T::ZERO).minimum(T::of(1.0 / slope)) * T::of(slope)
            }
            Activation::Sigmoid => T::ONE / (T::ONE + (-x).exp()),
            Activation::Tanh
            | Activation::Exp
            | Activation::Log
            | Activation::Erf
            | Activation::Softplus
            | Activation::Mish
            | Activation::Softsign
            | Activation::Abs
            | Activation::Sin
            | Activation::Cos
            | Activation::Elu { .. }
            | Activation::Power { .. }
            | Activation::Round { .. } => rare::value(self, x),
        }
    }

    /// Evaluates the derivative at `x`.
    #[inline(always)]
    pub(crate) fn derivative<T: Float>(self, x: T) -> T {
        let three = T::of(3.0);
        let step = |inside: bool, slope: T| if inside { slope } else { T::ZERO };
        match self {
            Activation::Identity => T::ONE,
            // 1 at NaN, as in PyTorch.
            Activation::Relu => step((x > T::ZERO) | x.is_nan(), T::ONE),
            Activation::Clip { low, high } => step((x > T::of(low)) & (x < T::of(high)), T::ONE),
            Activation::LeakyRelu { slope } => {
                if x > T::ZERO {
                    T::ONE
                } else {
                    T::of(slope)
                }
            }
            Activation::Silu => {
                let (s, rest) = sigmoid_parts(x);
                s * (T::ONE + x * rest)
            }
            Activation::Gelu => x.normal_cdf() + x * x.normal_pdf(),
            Activation::GeluTanh => {
                let (s, rest) = sigmoid_parts(gelu_exponent(x));
                let slope = T::of(GELU) * (T::ONE + T::of(3.0 * GELU_CUBIC) * x * x);
                s + x * s * rest * slope
            }
            Activation::QuickGelu => {
                let x = T::of(QUICK_GELU) * x;
                let (s, rest) = sigmoid_parts(x);
                s * (T::ONE + x * rest)
            }
            Activation::HardSwish => {
                let inside = x * T::of(1.0 / 3.0) + T::of(0.5);
                let upper = if x >= three { T::ONE } else { inside };
                step((x > -three) | x.is_nan(), upper)
            }
            Activation::HardSigmoid { slope, offset } => {
                let (low, high) = (-offset / slope, (1.0 - offset) / slope);
                step((x > T::of(low)) & (x < T::of(high)), T::of(slope))
            }
            Activation::Sigmoid => {
                let (s, rest) = sigmoid_parts(x);
                s * rest
            }
            Activation::Tanh
            | Activation::Exp
            | Activation::Log
            | Activation::Erf
            | Activation::Softplus
            | Activation::Mish
            | Activation::Softsign
            | Activation::Abs
            | Activation::Sin
            | Activation::Cos
            | Activation::Elu { .. }
            | Activation::Power { .. }
            | Activation::Round { .. } => rare::derivative(self, x),
        }
    }

    /// Returns whether the derivative at the output equals that at the input, so that the input need not be kept.
    pub(crate) fn is_idempotent(self) -> bool {
        matches!(
            self,
            Activation::Identity | Activation::Relu | Activation::Clip { .. }
        )
    }

    /// Writes the function's values at `x` to `y`.
    #[inline(always)]
    pub(crate) fn apply_all<T: Float>(self, x: &[T], y: &mut [T]) {
        specialise!(self, |f| {
            for (y, &x) in y.iter_mut().zip(x) {
                *y = f.apply(x);
            }
        });
    }

    /// Writes the gradients at the inputs `x` to `dx`, given those at the outputs.
    #[inline(always)]
    pub(crate) fn backpropagate<T: Float>(self, x: &[T], grad: &[T], dx: &mut [T]) {
        specialise!(self, |f| {
            for ((dx, &x), &g) in dx.iter_mut().zip(x).zip(grad) {
                *dx = f.gradient(x, g);
            }
        });
    }

    /// Returns whether the function may be constant over a range, where its gradient is stopped.
    #[inline(always)]
    fn is_flat_somewhere(self) -> bool {
        match self {
            Activation::Relu
            | Activation::Clip { .. }
            | Activation::LeakyRelu { .. }
            | Activation::HardSwish
            | Activation::HardSigmoid { .. }
            | Activation::Round { .. } => true,
            Activation::Identity
            | Activation::Silu
            | Activation::Gelu
            | Activation::GeluTanh
            | Activation::QuickGelu
            | Activation::Sigmoid
            | Activation::Tanh
            | Activation::Exp
            | Activation::Log
            | Activation::Erf
            | Activation::Softplus
            | Activation::Mish
            | Activation::Softsign
            | Activation::Abs
            | Activation::Sin
            | Activation::Cos
            | Activation::Elu { .. }
            | Activation::Power { .. } => false,
        }
    }

    /// Returns the gradient at the input `x`, given `g`, the one at the output.
    #[inline(always)]
    fn gradient<T: Float>(self, x: T, g: T) -> T {
        let derivative = self.derivative(x);
        // Where the derivative is 0, an infinite or undefined gradient is stopped too.
        if self.is_flat_somewhere() && derivative == T::ZERO {
            T::ZERO
        } else {
            g * derivative
        }
    }
}

/// 2 √(2/π).
const GELU: f64 = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::SQRT_2;
const GELU_CUBIC: f64 = 0.044715;
const QUICK_GELU: f64 = 1.702;

/// Twice the argument of the hyperbolic tangent in GELU's approximation.
#[inline(always)]
fn gelu_exponent<T: Float>(x: T) -> T {
    T::of(GELU) * (x + T::of(GELU_CUBIC) * x * x * x)
}

#[inline(always)]
fn relu6<T: Float>(x: T) -> T {
    x.maximum(T::ZERO).minimum(T::of(6.0))
}
