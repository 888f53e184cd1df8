//! One-dimensional filters of three taps with few products: F(4, 3) and F(2, 3) (Winograd 1980; Lavin and Gray, "Fast Algorithms for
//! Convolutional Neural Networks", 2016).
//!
//! Each evaluates the input and the kernel, as polynomials, at some points, multiplies, and interpolates:
//! `output(input(d) ⊙ kernel(g))`.

use std::f64::consts::{FRAC_1_SQRT_2, SQRT_2};

use crate::kernels::float::Float;

/// Taps of the kernel along one axis.
pub(super) const TAPS: usize = 3;

/// A filter with `O` outputs that reads `I = O + 2` inputs and takes `I` products.
pub(super) trait Minimal<const I: usize, const O: usize> {
    /// Evaluates the input's polynomial at the points.
    fn input<T: Float>(d: [T; I]) -> [T; I];
    /// Evaluates the kernel's polynomial at the points, each divided by the product of its distances to the other points.
    fn kernel(g: [f64; TAPS]) -> [f64; I];
    /// Combines the products into the outputs.
    fn output<T: Float>(m: [T; I]) -> [T; O];
}

/// F(4, 3) at the points 0, ±√2, ±1/√2 and infinity.
///
/// The paper's points, 0, ±1, ±2 and infinity, have twice the rounding error of these, which have twice that of a plain sum (root mean
/// square over 256 channels).
pub(super) struct Four;

impl Minimal<6, 4> for Four {
    #[inline(always)]
    fn input<T: Float>(d: [T; 6]) -> [T; 6] {
        let (a, b) = (T::of(SQRT_2), T::of(FRAC_1_SQRT_2));
        let (half, two, middle) = (T::of(0.5), T::of(2.0), T::of(2.5));
        let (even_a, odd_a) = (d[4] - d[2] * half, (d[3] - d[1] * half) * a);
        let (even_b, odd_b) = (d[4] - d[2] * two, (d[3] - d[1] * two) * b);
        [
            d[0] + d[4] - d[2] * middle,
            even_a + odd_a,
            even_a - odd_a,
            even_b + odd_b,
            even_b - odd_b,
            d[1] + d[5] - d[3] * middle,
        ]
    }

    fn kernel(g: [f64; TAPS]) -> [f64; 6] {
        let at = |x: f64, distances: f64| (g[0] + x * (g[1] + x * g[2])) / distances;
        let (a, b) = (SQRT_2, FRAC_1_SQRT_2);
        [
            g[0],
            at(a, 6.0),
            at(-a, 6.0),
            at(b, -1.5),
            at(-b, -1.5),
            g[2],
        ]
    }

    #[inline(always)]
    fn output<T: Float>(m: [T; 6]) -> [T; 4] {
        let (a, b) = (T::of(SQRT_2), T::of(FRAC_1_SQRT_2));
        let (half, two) = (T::of(0.5), T::of(2.0));
        let (even_a, odd_a) = (m[1] + m[2], (m[1] - m[2]) * a);
        let (even_b, odd_b) = (m[3] + m[4], (m[3] - m[4]) * b);
        [
            m[0] + even_a + even_b,
            odd_a + odd_b,
            even_a * two + even_b * half,
            m[5] + odd_a * two + odd_b * half,
        ]
    }
}

/// F(2, 3) at the points 0, ±1 and infinity. Its rounding error is that of a plain sum.
pub(super) struct Two;

impl Minimal<4, 2> for Two {
    #[inline(always)]
    fn input<T: Float>(d: [T; 4]) -> [T; 4] {
        [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[3] - d[1]]
    }

    fn kernel(g: [f64; TAPS]) -> [f64; 4] {
        let at = |x: f64| (g[0] + x * g[1] + g[2]) / 2.0;
        [g[0], at(1.0), at(-1.0), g[2]]
    }

    #[inline(always)]
    fn output<T: Float>(m: [T; 4]) -> [T; 2] {
        [m[0] + m[1] + m[2], m[1] - m[2] + m[3]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters<F: Minimal<I, O>, const I: usize, const O: usize>() {
        let mut d = [0.0_f64; I];
        for (i, d) in d.iter_mut().enumerate() {
            *d = (i as f64 * 1.7).sin();
        }
        let g = [0.3, -1.1, 0.7];
        let mut products = F::input(d);
        for (product, factor) in products.iter_mut().zip(F::kernel(g)) {
            *product *= factor;
        }
        for (i, found) in F::output(products).into_iter().enumerate() {
            let expected = d[i] * g[0] + d[i + 1] * g[1] + d[i + 2] * g[2];
            assert!(
                (found - expected).abs() < 1e-14,
                "{found} is not {expected}"
            );
        }
    }

    #[test]
    fn both_are_filters_of_three_taps() {
        filters::<Four, 6, 4>();
        filters::<Two, 4, 2>();
    }
}
