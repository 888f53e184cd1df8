//! The arithmetic of the numbers that kernels work on.

use candle_core::WithDType;

/// A floating-point type for kernels and gradient checks.
///
/// The `f32` functions use only additions, multiplications and bit operations, so that loops over them vectorise and give the same
/// bits on every machine. `f64` uses the mathematical library.
pub(crate) trait Float:
    WithDType
    + std::ops::Neg<Output = Self>
    + std::ops::AddAssign
    + std::ops::SubAssign
    + std::ops::MulAssign
    + std::iter::Sum
    + Default
{
    /// Zero.
    const ZERO: Self;
    /// One.
    const ONE: Self;
    /// Less than every finite number.
    const NEG_INFINITY: Self;
    /// Rounds an `f64` to this type.
    fn of(value: f64) -> Self;
    /// Returns whether this is NaN.
    fn is_nan(self) -> bool;
    /// Returns e to the power of `self`.
    fn exp(self) -> Self;
    /// Returns the natural logarithm.
    fn ln(self) -> Self;
    /// Returns the square root.
    fn sqrt(self) -> Self;
    /// Returns the sine.
    fn sin(self) -> Self;
    /// Returns the cosine.
    fn cos(self) -> Self;
    /// Returns `self` to the power of `exponent`.
    fn powf(self, exponent: Self) -> Self;
    /// Returns the nearest whole number, halves to the even one.
    fn round(self) -> Self;
    /// Returns the standard normal distribution's mass below `self`.
    fn normal_cdf(self) -> Self;
    /// Returns the standard normal distribution's density at `self`.
    #[inline(always)]
    fn normal_pdf(self) -> Self {
        (self * self * Self::of(-0.5)).exp() * Self::of(1.0 / (2.0 * std::f64::consts::PI).sqrt())
    }
    /// Returns the larger of two numbers; NaN if either is, as in PyTorch.
    #[inline(always)]
    fn maximum(self, other: Self) -> Self {
        if (self > other) | self.is_nan() {
            self
        } else {
            other
        }
    }
    /// Returns the smaller of two numbers; NaN if either is, as in PyTorch.
    #[inline(always)]
    fn minimum(self, other: Self) -> Self {
        if (self < other) | self.is_nan() {
            self
        } else {
            other
        }
    }
}

macro_rules! float {
    ($type:ident, $exp:path, $normal_cdf:path) => {
        impl Float for $type {
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const NEG_INFINITY: Self = <$type>::NEG_INFINITY;
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $type
            }
            #[inline(always)]
            fn is_nan(self) -> bool {
                self.is_nan()
            }
            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
            }
            #[inline(always)]
            fn ln(self) -> Self {
                self.ln()
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                self.sqrt()
            }
            fn sin(self) -> Self {
                self.sin()
            }
            fn cos(self) -> Self {
                self.cos()
            }
            fn powf(self, exponent: Self) -> Self {
                self.powf(exponent)
            }
            fn round(self) -> Self {
                self.round_ties_even()
            }
            #[inline(always)]
            fn normal_cdf(self) -> Self {
                $normal_cdf(self)
            }
        }
    };
}
float!(f32, exp_f32, normal_cdf_f32);
float!(f64, f64::exp, normal_cdf_f64);

fn normal_cdf_f64(x: f64) -> f64 {
    0.5 * candle_core::cpu::erf::erfc_f64(-x * std::f64::consts::FRAC_1_SQRT_2)
}

/// Computes e^x = 2^k · e^r with |r| <= ln 2 / 2 and a minimax polynomial for e^r; the relative error is below 1e-7.
#[inline(always)]
fn exp_f32(x: f32) -> f32 {
    /// Adding and subtracting this rounds to a whole number, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    /// ln 2 in two parts; the product of the first with a small whole number is exact.
    const LN_2: (f32, f32) = (0.693_359_4, -0.000_212_194_44);
    /// Coefficients of (e^r - 1 - r) / r², from r⁰ up.
    const P: [f32; 5] = [
        0.499_999_94,
        0.166_665_21,
        0.041_668_39,
        0.008_368_717,
        0.001_381_46,
    ];

    // Beyond these the result is 0 or infinity; NaN passes through.
    let x = x.clamp(-104.0, 89.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN_2.0) - k * LN_2.1;
    let p = P.iter().rev().fold(0.0, |p, &c| p * r + c);
    let y = 1.0 + (r + r * r * p);
    // In two factors, since 2^128 and the subnormal powers are not normal numbers.
    let k = (shifted.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let power = |k: i32| f32::from_bits((k.wrapping_add(127) as u32) << 23);
    y * power(k >> 1) * power(k - (k >> 1))
}

/// Computes the tail beyond |x| as e^(-x²/2) · t · p(t), with t = 1 / (1 + 0.33 |x|) and a minimax polynomial p. The error is below
/// 2e-7, and below 5e-6 of the value as long as the tail is a normal number.
#[inline(always)]
fn normal_cdf_f32(x: f32) -> f32 {
    const P: [f32; 10] = [
        0.131_650_24,
        0.131_676_42,
        0.116_964_884,
        0.091_014_25,
        0.041_959_763,
        0.024_160_378,
        -0.006_546_945,
        -0.086_336_45,
        0.073_858_69,
        -0.018_401_261,
    ];
    let t = 1.0 / (1.0 + 0.33 * x.abs());
    let p = P.iter().rev().fold(0.0, |p, &c| p * t + c);
    let tail = exp_f32(-0.5 * x * x) * (t * p);
    if x < 0.0 { tail } else { 1.0 - tail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_accurate_over_its_range() {
        for i in -87_000..88_700 {
            let x = i as f32 / 1000.0;
            let (found, exact) = (f64::from(exp_f32(x)), f64::from(x).exp());
            assert!(
                (found / exact - 1.0).abs() < 1.2e-7,
                "exp({x}) = {found}, not {exact}"
            );
        }
        assert_eq!(exp_f32(0.0), 1.0);
        assert_eq!(exp_f32(89.0), f32::INFINITY);
        assert_eq!(exp_f32(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp_f32(-104.0), 0.0);
        assert_eq!(exp_f32(f32::NEG_INFINITY), 0.0);
        assert!(exp_f32(f32::NAN).is_nan());
        let subnormal = f64::from(exp_f32(-95.0));
        assert!((subnormal / (-95f64).exp() - 1.0).abs() < 1e-3);
    }

    #[test]
    fn normal_cdf_is_accurate_over_its_range() {
        for i in -13_000..13_000 {
            let x = i as f32 / 1000.0;
            let (found, exact) = (f64::from(normal_cdf_f32(x)), normal_cdf_f64(f64::from(x)));
            let error = (found - exact).abs();
            assert!(
                error < 2e-7 && error < 5e-6 * exact,
                "Φ({x}) = {found}, not {exact}"
            );
        }
        assert_eq!(normal_cdf_f32(f32::NEG_INFINITY), 0.0);
        assert_eq!(normal_cdf_f32(f32::INFINITY), 1.0);
        assert!(normal_cdf_f32(f32::NAN).is_nan());
    }
}
