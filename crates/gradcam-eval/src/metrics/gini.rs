//! How unevenly a map spreads its mass.

use gradcam_map::Grid;

use crate::Result;
use crate::degenerate::check;

/// Computes the Gini index of the absolute values, 0 (all equal) to 1 (all in one position): `Σ_i (2i - n - 1) |v|_i / (n Σ |v|)` over the
/// sorted values (Chalasani et al. 2020, sparseness).
///
/// # Errors
/// The errors of [`check`].
pub fn gini(map: &Grid) -> Result<f64> {
    check(map)?;
    let mut values = absolute(map);
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let weighted = values.iter().enumerate();
    let weighted: f64 = weighted
        .map(|(i, v)| (2.0 * i as f64 + 1.0 - count) * v)
        .sum();
    Ok(weighted / (count * values.iter().sum::<f64>()))
}

/// Computes the Shannon entropy, in nats, of the absolute values as shares of their sum (Bhatt et al. 2020, complexity): 0 for a single
/// position, `ln(height * width)` for a constant map.
///
/// # Errors
/// The errors of [`check`].
pub fn entropy(map: &Grid) -> Result<f64> {
    check(map)?;
    let values = absolute(map);
    let total: f64 = values.iter().sum();
    let shares = values.iter().map(|v| v / total).filter(|&p| p > 0.0);
    // `max` turns the -0 of a single position into 0.
    Ok(shares.map(|p| -p * p.ln()).sum::<f64>().max(0.0))
}

fn absolute(map: &Grid) -> Vec<f64> {
    map.values().iter().map(|&v| f64::from(v).abs()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{golden, grid, wave};

    #[test]
    fn one_place_and_two() {
        let one = grid(1, 4, &[0.0, 0.0, -5.0, 0.0]);
        assert_eq!((gini(&one).unwrap(), entropy(&one).unwrap()), (0.75, 0.0));
        let two = grid(1, 4, &[0.0, 1.0, -1.0, 0.0]);
        assert_eq!(gini(&two).unwrap(), 0.5);
        assert!((entropy(&two).unwrap() - 2.0_f64.ln()).abs() < 1e-12);
    }

    /// The golden Gini index is half the mean absolute difference over the mean; the golden entropy is SciPy's.
    #[test]
    fn the_values_are_those_of_other_formulas() {
        let map = wave(23, 31, 0.731);
        let expected = |name: &str| golden()[name].as_f64().unwrap();
        assert!((gini(&map).unwrap() - expected("gini")).abs() < 1e-9);
        assert!((entropy(&map).unwrap() - expected("entropy")).abs() < 1e-9);
    }
}
