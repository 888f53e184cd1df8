//! Functions that networks of ours do not use: one copy of each, called for every number.

use super::kind::Activation;
use crate::kernels::float::Float;

/// Evaluates one of the rare functions at `x`.
#[inline(never)]
pub(super) fn value<T: Float>(f: Activation, x: T) -> T {
    let one = T::ONE;
    match f {
        Activation::Tanh => tanh(x),
        Activation::Exp => x.exp(),
        Activation::Log => x.ln(),
        Activation::Erf => erf(x),
        Activation::Softplus => softplus(x),
        Activation::Mish => x * tanh(softplus(x)),
        Activation::Softsign => x / (one + size(x)),
        Activation::Abs => size(x),
        Activation::Sin => x.sin(),
        Activation::Cos => x.cos(),
        Activation::Elu { alpha, rate } => {
            if x > T::ZERO {
                x
            } else {
                T::of(alpha) * ((T::of(rate) * x).exp() - one)
            }
        }
        Activation::Power { exponent } => power(x, exponent),
        Activation::Round { low, high } => x.round().maximum(T::of(low)).minimum(T::of(high)),
        Activation::Identity
        | Activation::Relu
        | Activation::Clip { .. }
        | Activation::LeakyRelu { .. }
        | Activation::Silu
        | Activation::Gelu
        | Activation::GeluTanh
        | Activation::QuickGelu
        | Activation::HardSwish
        | Activation::HardSigmoid { .. }
        | Activation::Sigmoid => x,
    }
}

/// Evaluates the derivative of one of the rare functions at `x`.
#[inline(never)]
pub(super) fn derivative<T: Float>(f: Activation, x: T) -> T {
    let one = T::ONE;
    match f {
        Activation::Tanh => one - tanh(x) * tanh(x),
        Activation::Exp => x.exp(),
        Activation::Log => one / x,
        Activation::Erf => T::of(std::f64::consts::FRAC_2_SQRT_PI) * (-x * x).exp(),
        Activation::Softplus => sigmoid_parts(x).0,
        Activation::Mish => {
            let t = tanh(softplus(x));
            t + x * (one - t * t) * sigmoid_parts(x).0
        }
        Activation::Softsign => {
            let root = one + size(x);
            one / (root * root)
        }
        Activation::Abs => {
            if x > T::ZERO {
                one
            } else if x < T::ZERO {
                -one
            } else {
                x
            }
        }
        Activation::Sin => x.cos(),
        Activation::Cos => -x.sin(),
        Activation::Elu { alpha, rate } => {
            if x > T::ZERO {
                one
            } else {
                T::of(alpha * rate) * (T::of(rate) * x).exp()
            }
        }
        Activation::Power { exponent } => T::of(exponent) * power(x, exponent - 1.0),
        Activation::Round { low, high } => {
            let rounded = x.round();
            let inside = (rounded >= T::of(low)) & (rounded <= T::of(high));
            if inside { one } else { T::ZERO }
        }
        Activation::Identity
        | Activation::Relu
        | Activation::Clip { .. }
        | Activation::LeakyRelu { .. }
        | Activation::Silu
        | Activation::Gelu
        | Activation::GeluTanh
        | Activation::QuickGelu
        | Activation::HardSwish
        | Activation::HardSigmoid { .. }
        | Activation::Sigmoid => one,
    }
}

/// The absolute value; 0 of -0.
fn size<T: Float>(x: T) -> T {
    if x < T::ZERO { -x } else { x + T::ZERO }
}

/// Computes `1 - 2 / (1 + e^2|x|)` with the sign of `x`, or the first terms of the series near 0.
fn tanh<T: Float>(x: T) -> T {
    let a = size(x);
    if a < T::of(0.02) {
        let square = x * x;
        return x
            * (T::ONE
                - square
                    * T::of(1.0 / 3.0)
                    * (T::ONE - square * T::of(0.4) * (T::ONE - square * T::of(17.0 / 42.0))));
    }
    let t = T::ONE - T::of(2.0) / (T::ONE + (a + a).exp());
    if x < T::ZERO { -t } else { t }
}

/// Computes `max(x, 0) + ln(1 + e^-|x|)`, which does not overflow.
fn softplus<T: Float>(x: T) -> T {
    let small = (-size(x)).exp();
    // The logarithm loses the digits of a small summand.
    let tail = if small < T::of(1e-4) {
        small * (T::ONE - small * T::of(0.5))
    } else {
        (T::ONE + small).ln()
    };
    x.maximum(T::ZERO) + tail
}

/// Computes the error function from the normal distribution's mass.
fn erf<T: Float>(x: T) -> T {
    let two = T::of(2.0);
    two * (x * T::of(std::f64::consts::SQRT_2)).normal_cdf() - T::ONE
}

fn power<T: Float>(x: T, exponent: f64) -> T {
    let one = T::ONE;
    if exponent == 2.0 {
        x * x
    } else if exponent == 1.0 {
        x
    } else if exponent == 0.0 {
        one
    } else if exponent == 3.0 {
        x * x * x
    } else if exponent == 0.5 {
        x.sqrt()
    } else if exponent == -0.5 {
        one / x.sqrt()
    } else if exponent == -1.0 {
        one / x
    } else if exponent == -1.5 {
        one / (x * x.sqrt())
    } else if exponent == -2.0 {
        one / (x * x)
    } else {
        x.powf(T::of(exponent))
    }
}

/// Returns the sigmoid and its distance to 1, both without cancellation.
#[inline(always)]
pub(super) fn sigmoid_parts<T: Float>(x: T) -> (T, T) {
    let e = (if x > T::ZERO { -x } else { x }).exp();
    let large = T::ONE / (T::ONE + e);
    let small = e * large;
    if x > T::ZERO {
        (large, small)
    } else {
        (small, large)
    }
}
