//! The score along the way, and the area under it.

/// The target's score while an image is taken away or put back.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The score before the first step and after each.
    pub scores: Vec<f64>,
    /// The share of the image's pixels (or of the map's places) that are changed at each score, 0 to 1.
    pub shares: Vec<f64>,
    /// The [`area`] under the scores.
    pub area: f64,
    /// The share of the map's values that another of them ties with; where it is large, chance decides the order.
    pub tie_fraction: f64,
}

impl Curve {
    pub(super) fn new(scores: Vec<f64>, step: usize, count: usize, tie_fraction: f64) -> Self {
        let share = |i: usize| (i * step).min(count) as f64 / count as f64;
        Curve {
            shares: (0..scores.len()).map(share).collect(),
            area: area(&scores),
            scores,
            tie_fraction,
        }
    }
}

/// The area under scores that stand at equal distances from 0 to 1, by the trapezoid rule: `(Σ s - s_0 / 2 - s_n / 2) / n` (Petsiuk et al.
/// 2018). One score is its own area; none have 0.
pub fn area(scores: &[f64]) -> f64 {
    match scores {
        [] => 0.0,
        [one] => *one,
        [first, .., last] => {
            let sum: f64 = scores.iter().sum();
            (sum - first / 2.0 - last / 2.0) / (scores.len() - 1) as f64
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_area() {
        assert!((area(&[0.9, 0.7, 0.4, 0.1, 0.05]) - 0.41875).abs() < 1e-12);
        assert_eq!(
            (area(&[]), area(&[0.5]), area(&[0.0, 1.0])),
            (0.0, 0.5, 0.5)
        );
    }
}
