//! Tests whether differences centre on 0, assuming only symmetry.

use gradcam_random::Random;
use rayon::prelude::*;

use crate::{Result, Undefined};

/// Up to this many differences, all patterns of signs are tried: 65,536.
const EXACT: usize = 16;
/// The number of patterns drawn for more differences.
const DRAWS: usize = 9999;

/// The evidence against the null hypothesis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A large sum.
    Greater,
    /// A small sum.
    Less,
    /// A sum far from 0: twice the smaller of the two, at most 1.
    Both,
}

/// Computes the p-value of the differences' sum among the sums with other signs (Fisher 1935): exact for up to 16 differences, otherwise
/// `(1 + as extreme) / (1 + 9999)` over patterns drawn from the seed, which holds its level (Phipson and Smyth 2010).
///
/// # Errors
/// [`Undefined::Empty`] without differences, [`Undefined::NonFinite`].
pub fn sign_flip(differences: &[f64], side: Side, seed: u64) -> Result<f64> {
    if differences.is_empty() {
        return Err(Undefined::Empty.into());
    }
    if differences.iter().any(|d| !d.is_finite()) {
        return Err(Undefined::NonFinite.into());
    }
    let observed: f64 = differences.iter().sum();
    // Sums of the same numbers with other rounding must count as equal.
    let close = 1e-12 * differences.iter().map(|d| d.abs()).sum::<f64>();
    let extreme = |sum: f64| (sum >= observed - close, sum <= observed + close);
    let exact = differences.len() <= EXACT;
    let patterns = if exact { 1 << differences.len() } else { DRAWS };
    let one = |pattern: usize| -> (usize, usize) {
        let signed = |bit: bool, d: f64| if bit { -d } else { d };
        let sum: f64 = if exact {
            let each = differences.iter().enumerate();
            each.map(|(i, &d)| signed(pattern >> i & 1 == 1, d)).sum()
        } else {
            let mut random = Random::of_draw(seed, pattern);
            let each = differences.iter();
            each.map(|&d| signed(random.word() >> 31 == 1, d)).sum()
        };
        let (greater, less) = extreme(sum);
        (usize::from(greater), usize::from(less))
    };
    let counts = (0..patterns).into_par_iter().map(one);
    let (greater, less) = counts.reduce(|| (0, 0), |a, b| (a.0 + b.0, a.1 + b.1));
    // The observed pattern is among all patterns, but not among those drawn.
    let extra = usize::from(!exact);
    let share = |count: usize| (count + extra) as f64 / (patterns + extra) as f64;
    Ok(match side {
        Side::Greater => share(greater),
        Side::Less => share(less),
        Side::Both => (2.0 * share(greater.min(less))).min(1.0),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{golden, on_any_threads, undefined, wave};

    #[test]
    fn the_exact_values_are_those_of_scipy() {
        let values = wave(1, 11, 0.731).into_values();
        let values: Vec<f64> = values.iter().map(|&v| 10.0 * f64::from(v) - 4.0).collect();
        let golden = &golden()["statistics"]["sign_flip"];
        for (name, side) in [
            ("greater", Side::Greater),
            ("less", Side::Less),
            ("two-sided", Side::Both),
        ] {
            let found = sign_flip(&values, side, 0).unwrap();
            assert!(
                (found - golden[name].as_f64().unwrap()).abs() < 1e-9,
                "{name}"
            );
        }
    }

    #[test]
    fn all_of_one_sign() {
        assert_eq!(
            sign_flip(&[1.0, 2.0, 3.0], Side::Greater, 0).unwrap(),
            0.125
        );
        assert_eq!(sign_flip(&[1.0, 2.0, 3.0], Side::Less, 0).unwrap(), 1.0);
        assert_eq!(sign_flip(&[0.0; 3], Side::Both, 0).unwrap(), 1.0);
        assert_eq!(undefined(sign_flip(&[], Side::Both, 0)), Undefined::Empty);
        // No drawn pattern is as extreme.
        assert_eq!(sign_flip(&[1.0; 40], Side::Greater, 0).unwrap(), 1e-4);
    }

    /// Patterns are drawn for 17 differences, and all tried for 16; one more difference of 0 keeps the exact value.
    #[test]
    fn draws_come_near_to_the_exact_value() {
        let values: Vec<f64> = (0..16).map(|i| (i as f64 * 0.9).sin() + 0.25).collect();
        let exact = sign_flip(&values, Side::Greater, 0).unwrap();
        let more = [values.as_slice(), &[0.0]].concat();
        let drawn = on_any_threads(|| sign_flip(&more, Side::Greater, 0).unwrap());
        assert!(
            (drawn - exact).abs() < 0.015 && drawn != exact,
            "{drawn}, {exact}"
        );
        let other = |seed: u64| sign_flip(&more, Side::Greater, seed).unwrap() != drawn;
        assert!((1..5).any(other));
    }
}
