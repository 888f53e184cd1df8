//! Whether a map's values predict how much the score changes: Gomez et al. 2022.

use crate::{Error, Result, Undefined};

/// Returns how much the score rises at each step: `scores` has the score before the first step, then one for each step.
///
/// Cumulative steps build on each other, so step `k` has the change `p_k - p_{k-1}`. Other steps are each taken alone, and have
/// `p_k - p_0`. The [`pearson`] correlation of the rises with the steps' mean saliency is the insertion correlation; that of the falls is the
/// deletion correlation.
pub fn score_changes(scores: &[f64], cumulative: bool) -> Vec<f64> {
    let before = |k: usize| if cumulative { scores[k] } else { scores[0] };
    let steps = scores.iter().skip(1).enumerate();
    steps.map(|(k, score)| score - before(k)).collect()
}

/// Computes Pearson's correlation, -1 to 1.
///
/// # Errors
/// If the lengths differ; [`Undefined::ConstantScores`] if one side does not vary, [`Undefined::NonFinite`].
pub fn pearson(a: &[f64], b: &[f64]) -> Result<f64> {
    if a.len() != b.len() {
        return Err(Error::Length {
            expected: a.len(),
            found: b.len(),
        });
    }
    if a.iter().chain(b).any(|v| !v.is_finite()) {
        return Err(Undefined::NonFinite.into());
    }
    let constant = |v: &[f64]| v.windows(2).all(|pair| pair[0] == pair[1]);
    if constant(a) || constant(b) {
        return Err(Undefined::ConstantScores.into());
    }
    let (a, b) = (centred(a), centred(b));
    let dot = |a: &[f64], b: &[f64]| -> f64 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let length = dot(&a, &a).sqrt() * dot(&b, &b).sqrt();
    if length > 0.0 {
        Ok((dot(&a, &b) / length).clamp(-1.0, 1.0))
    } else {
        Err(Undefined::ConstantScores.into())
    }
}

fn centred(values: &[f64]) -> Vec<f64> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|v| v - mean).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::undefined;

    const SALIENCY: [f64; 4] = [1.0, 0.6, 0.3, 0.0];

    fn falls(scores: &[f64], cumulative: bool) -> Vec<f64> {
        let changes = score_changes(scores, cumulative);
        changes.iter().map(|change| -change).collect()
    }

    #[test]
    fn the_values_of_the_golden_curves() {
        let found = pearson(&falls(&[0.9, 0.7, 0.4, 0.1, 0.05], true), &SALIENCY).unwrap();
        assert!((found - 0.437_538_638_264_313_4).abs() < 1e-12);
        let found = pearson(&score_changes(&[0.05, 0.1, 0.4, 0.7, 0.9], true), &SALIENCY);
        assert!((found.unwrap() + 0.553_114_882_334_005_4).abs() < 1e-12);
        assert!(score_changes(&[], true).is_empty() && score_changes(&[0.5], false).is_empty());
    }

    /// The same scores mean another curve if each step is taken alone: the falls are 0.2, 0.5, 0.8 and 0.85.
    #[test]
    fn steps_alone_are_held_against_the_start() {
        let falls = falls(&[0.9, 0.7, 0.4, 0.1, 0.05], false);
        for (found, expected) in falls.iter().zip([0.2, 0.5, 0.8, 0.85]) {
            assert!((found - expected).abs() < 1e-12);
        }
        // The sums of the centred products: -0.37625, 0.271875 and 0.5475.
        let expected = -0.37625 / (0.271_875_f64 * 0.5475).sqrt();
        assert!((pearson(&falls, &SALIENCY).unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_vary_has_no_correlation() {
        assert_eq!(
            undefined(pearson(&[1.0, 1.0], &[0.0, 1.0])),
            Undefined::ConstantScores
        );
        assert_eq!(undefined(pearson(&[], &[])), Undefined::ConstantScores);
        assert_eq!(
            undefined(pearson(&[0.0, f64::NAN], &[0.0, 1.0])),
            Undefined::NonFinite
        );
        assert!(pearson(&[0.0], &[0.0, 1.0]).is_err());
    }
}
