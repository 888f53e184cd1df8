//! Whether a map's values say how much the score changes: Gomez et al. 2022.

use crate::{Error, Result, Undefined};

/// Deletion correlation, -1 to 1: of the score lost at each step with the mean saliency of what was deleted there. `scores` has one value
/// more than `saliency`, the score of the whole image first.
///
/// # Errors
/// When the lengths do not fit; [`Undefined::ConstantScores`], [`Undefined::NonFinite`].
pub fn deletion_correlation(scores: &[f64], saliency: &[f64]) -> Result<f64> {
    let lost: Vec<f64> = scores.windows(2).map(|pair| pair[0] - pair[1]).collect();
    pearson(&lost, saliency)
}

/// Insertion correlation, -1 to 1: of the score gained at each step with the mean saliency of what was inserted there. `scores` has one
/// value more than `saliency`, the score of the blurred image first.
///
/// # Errors
/// As [`deletion_correlation`].
pub fn insertion_correlation(scores: &[f64], saliency: &[f64]) -> Result<f64> {
    let gained: Vec<f64> = scores.windows(2).map(|pair| pair[1] - pair[0]).collect();
    pearson(&gained, saliency)
}

/// Pearson's correlation, -1 to 1.
///
/// # Errors
/// When the lengths differ; [`Undefined::ConstantScores`] where one side does not vary, [`Undefined::NonFinite`].
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
    match length > 0.0 {
        true => Ok((dot(&a, &b) / length).clamp(-1.0, 1.0)),
        false => Err(Undefined::ConstantScores.into()),
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

    #[test]
    fn the_values_of_the_golden_curves() {
        let saliency = [1.0, 0.6, 0.3, 0.0];
        let found = deletion_correlation(&[0.9, 0.7, 0.4, 0.1, 0.05], &saliency).unwrap();
        assert!((found - 0.437_538_638_264_313_4).abs() < 1e-12);
        let found = insertion_correlation(&[0.05, 0.1, 0.4, 0.7, 0.9], &saliency).unwrap();
        assert!((found + 0.553_114_882_334_005_4).abs() < 1e-12);
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
        assert!(deletion_correlation(&[0.0, 1.0], &[0.0, 1.0]).is_err());
    }
}
