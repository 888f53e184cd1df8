//! What floats and integers have in common.

use std::cmp::Ordering;

use crate::host::value::Element;

/// A number with the arithmetic of ONNX. Integers wrap around; a quotient or remainder by 0 is refused before.
pub(crate) trait Number: Element {
    const ZERO: Self;
    const ONE: Self;
    /// The least number, which is negative infinity of floats.
    const LEAST: Self;
    const GREATEST: Self;

    fn plus(self, other: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn times(self, other: Self) -> Self;

    /// Divides; integers toward zero.
    fn over(self, other: Self) -> Self;

    /// Returns the remainder with the sign of the dividend.
    fn remainder(self, other: Self) -> Self;

    /// Returns the remainder with the sign of the divisor.
    fn modulo(self, other: Self) -> Self;

    /// Says whether a quotient by the number is refused.
    fn is_no_divisor(self) -> bool;

    fn wide(self) -> f64;

    /// Rounds toward zero if the type has no fractions.
    fn narrow(wide: f64) -> Self;

    /// Says whether the number is a NaN.
    fn is_nan(self) -> bool;

    /// Orders numbers, with NaN above all and no difference between the zeros.
    fn order(self, other: Self) -> Ordering;

    /// Returns the smaller number, or a NaN if there is one.
    fn least(self, other: Self) -> Self {
        if self.is_nan() || self < other {
            self
        } else {
            other
        }
    }

    /// Returns the greater number, or a NaN if there is one.
    fn greatest(self, other: Self) -> Self {
        if self.is_nan() || self > other {
            self
        } else {
            other
        }
    }
}

impl Number for f32 {
    const ZERO: f32 = 0.0;
    const ONE: f32 = 1.0;
    const LEAST: f32 = f32::NEG_INFINITY;
    const GREATEST: f32 = f32::INFINITY;

    fn plus(self, other: f32) -> f32 {
        self + other
    }

    fn minus(self, other: f32) -> f32 {
        self - other
    }

    fn times(self, other: f32) -> f32 {
        self * other
    }

    fn over(self, other: f32) -> f32 {
        self / other
    }

    fn remainder(self, other: f32) -> f32 {
        self % other
    }

    fn modulo(self, other: f32) -> f32 {
        let rest = self % other;
        if rest != 0.0 && (rest < 0.0) != (other < 0.0) {
            rest + other
        } else {
            rest
        }
    }

    fn is_no_divisor(self) -> bool {
        false
    }

    fn wide(self) -> f64 {
        self.into()
    }

    fn narrow(wide: f64) -> f32 {
        wide as f32
    }

    fn is_nan(self) -> bool {
        f32::is_nan(self)
    }

    fn order(self, other: f32) -> Ordering {
        let compared = self.partial_cmp(&other);
        compared.unwrap_or_else(|| f32::is_nan(self).cmp(&f32::is_nan(other)))
    }
}

impl Number for i64 {
    const ZERO: i64 = 0;
    const ONE: i64 = 1;
    const LEAST: i64 = i64::MIN;
    const GREATEST: i64 = i64::MAX;

    fn plus(self, other: i64) -> i64 {
        self.wrapping_add(other)
    }

    fn minus(self, other: i64) -> i64 {
        self.wrapping_sub(other)
    }

    fn times(self, other: i64) -> i64 {
        self.wrapping_mul(other)
    }

    fn over(self, other: i64) -> i64 {
        self.wrapping_div(other)
    }

    fn remainder(self, other: i64) -> i64 {
        self.wrapping_rem(other)
    }

    fn modulo(self, other: i64) -> i64 {
        let rest = self.wrapping_rem(other);
        if rest != 0 && (rest < 0) != (other < 0) {
            rest + other
        } else {
            rest
        }
    }

    fn is_no_divisor(self) -> bool {
        self == 0
    }

    fn wide(self) -> f64 {
        self as f64
    }

    fn narrow(wide: f64) -> i64 {
        wide as i64
    }

    fn is_nan(self) -> bool {
        false
    }

    fn order(self, other: i64) -> Ordering {
        self.cmp(&other)
    }
}
