//! Gauss-Legendre quadrature.

use std::f64::consts::PI;

/// Returns points in 0…1 and their weights, which sum to 1: a polynomial of a degree below `2 count` is integrated exactly.
pub(super) fn gauss_legendre(count: usize) -> Vec<(f64, f64)> {
    let n = count.max(1);
    let point = |i: usize| {
        // Newton's method on the Legendre polynomial from a point near its root.
        let mut x = (PI * (i as f64 + 0.75) / (n as f64 + 0.5)).cos();
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut previous, mut value) = (1.0, x);
            for k in 2..=n {
                let k = k as f64;
                let next = ((2.0 * k - 1.0) * x * value - (k - 1.0) * previous) / k;
                (previous, value) = (value, next);
            }
            slope = n as f64 * (x * value - previous) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        (0.5 * (1.0 - x), 1.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n).map(point).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_integrated_exactly() {
        for n in [1, 2, 5, 50] {
            let points = gauss_legendre(n);
            for power in [0, 1, 2 * n as i32 - 1] {
                let found: f64 = points.iter().map(|(x, w)| w * x.powi(power)).sum();
                let expected = 1.0 / f64::from(power + 1);
                assert!((found - expected).abs() < 1e-13, "{n}, {power}: {found}");
            }
        }
    }
}
