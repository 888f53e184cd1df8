//! Activation functions of numbers.

use super::float::Float;

/// A function that is applied to every element on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Activation {
    /// `x`.
    #[default]
    Identity,
    /// `max(x, 0)`; the derivative at 0 is 0.
    Relu,
    /// `min(max(x, 0), 6)`; the derivative at 0 and at 6 is 0.
    Relu6,
    /// `x · sigmoid(x)`, also named swish.
    Silu,
    /// `x · Φ(x)` with the standard normal distribution Φ (Hendrycks and Gimpel 2016).
    Gelu,
    /// The approximation `x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))` of GELU (same paper).
    GeluTanh,
    /// The approximation `x · sigmoid(1.702 x)` of GELU (same paper), which CLIP was trained with.
    QuickGelu,
    /// `x · relu6(x + 3) / 6` (MobileNetV3, Howard et al. 2019); the derivative is 0 at -3 and 1 at 3.
    HardSwish,
    /// `relu6(x + 3) / 6`; the derivative at -3 and at 3 is 0.
    HardSigmoid,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
}

/// Runs a block under a name that is the constant of the activation at hand: a loop in the block has no branch.
macro_rules! specialise {
    ($activation:expr, |$f:ident| $body:expr) => {
        specialise!(
            $activation, $f, $body,
            Identity Relu Relu6 Silu Gelu GeluTanh QuickGelu HardSwish HardSigmoid Sigmoid
        )
    };
    ($activation:expr, $f:ident, $body:expr, $($name:ident)*) => {
        match $activation {
            $(Activation::$name => {
                const $f: Activation = Activation::$name;
                $body
            })*
        }
    };
}

impl Activation {
    /// The function's value at `x`.
    #[inline(always)]
    pub(crate) fn apply<T: Float>(self, x: T) -> T {
        match self {
            Activation::Identity => x,
            Activation::Relu => x.maximum(T::ZERO),
            Activation::Relu6 => relu6(x),
            Activation::Silu => x / (T::ONE + (-x).exp()),
            Activation::Gelu => x * x.normal_cdf(),
            // (1 + tanh u) / 2 = sigmoid(2 u).
            Activation::GeluTanh => x / (T::ONE + (-gelu_exponent(x)).exp()),
            Activation::QuickGelu => x / (T::ONE + (-T::of(QUICK_GELU) * x).exp()),
            Activation::HardSwish => x * relu6(x + T::of(3.0)) * T::of(1.0 / 6.0),
            Activation::HardSigmoid => relu6(x + T::of(3.0)) * T::of(1.0 / 6.0),
            Activation::Sigmoid => T::ONE / (T::ONE + (-x).exp()),
        }
    }

    /// The function's derivative at `x`.
    #[inline(always)]
    pub(crate) fn derivative<T: Float>(self, x: T) -> T {
        let three = T::of(3.0);
        let step = |inside: bool, slope: T| if inside { slope } else { T::ZERO };
        match self {
            Activation::Identity => T::ONE,
            // Open at NaN, as PyTorch's.
            Activation::Relu => step((x > T::ZERO) | x.is_nan(), T::ONE),
            Activation::Relu6 => step((x > T::ZERO) & (x < T::of(6.0)), T::ONE),
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
            Activation::HardSigmoid => step((x > -three) & (x < three), T::of(1.0 / 6.0)),
            Activation::Sigmoid => {
                let (s, rest) = sigmoid_parts(x);
                s * rest
            }
        }
    }

    /// Whether the derivative at an input is the one at the output: where it is, nobody needs to keep the input.
    pub(crate) fn is_idempotent(self) -> bool {
        matches!(
            self,
            Activation::Identity | Activation::Relu | Activation::Relu6
        )
    }

    /// Writes the function's values at `x`.
    #[inline(always)]
    pub(crate) fn apply_all<T: Float>(self, x: &[T], y: &mut [T]) {
        specialise!(self, |F| {
            for (y, &x) in y.iter_mut().zip(x) {
                *y = F.apply(x);
            }
        });
    }

    /// Writes the gradients at the inputs `x` from those at the outputs.
    #[inline(always)]
    pub(crate) fn backpropagate<T: Float>(self, x: &[T], grad: &[T], dx: &mut [T]) {
        specialise!(self, |F| {
            for ((dx, &x), &g) in dx.iter_mut().zip(x).zip(grad) {
                *dx = F.gradient(x, g);
            }
        });
    }

    /// The gradient at the input `x` from the gradient `g` at the output.
    #[inline(always)]
    fn gradient<T: Float>(self, x: T, g: T) -> T {
        let derivative = self.derivative(x);
        let piecewise = matches!(
            self,
            Activation::Relu | Activation::Relu6 | Activation::HardSwish | Activation::HardSigmoid
        );
        // A closed gate lets nothing through, an infinite or undefined gradient neither.
        if piecewise && derivative == T::ZERO {
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

/// The sigmoid and what it lacks to 1, both without cancellation.
#[inline(always)]
fn sigmoid_parts<T: Float>(x: T) -> (T, T) {
    let e = (if x > T::ZERO { -x } else { x }).exp();
    let large = T::ONE / (T::ONE + e);
    let small = e * large;
    if x > T::ZERO {
        (large, small)
    } else {
        (small, large)
    }
}

#[inline(always)]
fn relu6<T: Float>(x: T) -> T {
    x.maximum(T::ZERO).minimum(T::of(6.0))
}
