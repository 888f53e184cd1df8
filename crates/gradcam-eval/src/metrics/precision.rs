//! The area under the precision-recall curve of a map against a mask.

use gradcam_map::Grid;

use crate::Result;
use crate::degenerate::{check_finite, check_mask};

/// Computes the average precision, 0 to 1: `Σ (R_n - R_{n-1}) P_n` over the map's distinct values in descending order, as in scikit-learn.
/// The mask's pixels are the positives, and the map is the score.
///
/// A constant map has the mask's share of the pixels, which is also near the value of a random map.
///
/// # Errors
/// If the map is not finite, or the mask does not fit it or is empty.
pub fn average_precision(map: &Grid, mask: &[bool]) -> Result<f64> {
    let mut last = 0.0;
    let mut sum = 0.0;
    for (recall, precision) in curve(map, mask)? {
        sum += (recall - last) * precision;
        last = recall;
    }
    Ok(sum)
}

/// Computes the area under the same curve by the trapezoid rule, from precision 1 at recall 0, as reported by Arun et al. 2021.
///
/// Use it only for comparison with that paper. The rule draws a line from (0, 1), so a constant map, which has no information, gets
/// `(1 + p) / 2` if a share `p` is marked.
///
/// # Errors
/// As [`average_precision`].
pub fn precision_trapezoid(map: &Grid, mask: &[bool]) -> Result<f64> {
    let mut last = (0.0, 1.0);
    let mut sum = 0.0;
    for (recall, precision) in curve(map, mask)? {
        sum += (recall - last.0) * (precision + last.1) / 2.0;
        last = (recall, precision);
    }
    Ok(sum)
}

/// Returns recall and precision for the pixels at or above each distinct value, in descending order.
fn curve(map: &Grid, mask: &[bool]) -> Result<Vec<(f64, f64)>> {
    check_finite(map)?;
    check_mask(map, mask)?;
    let mut pixels: Vec<(f32, bool)> = map
        .values()
        .iter()
        .copied()
        .zip(mask.iter().copied())
        .collect();
    pixels.sort_by(|a, b| b.0.total_cmp(&a.0));
    let marked = mask.iter().filter(|&&inside| inside).count() as f64;
    let (mut taken, mut right) = (0, 0);
    let points = pixels.chunk_by(|a, b| a.0 == b.0).map(|tied| {
        taken += tied.len();
        right += tied.iter().filter(|(_, inside)| *inside).count();
        (right as f64 / marked, right as f64 / taken as f64)
    });
    Ok(points.collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Undefined;
    use crate::testing::{golden, grid, undefined, wave};

    #[test]
    fn ties_are_taken_together() {
        let mask = [0, 0, 1, 1, 0, 1, 0, 0].map(|v| v == 1);
        let map = grid(2, 4, &[0.1, 0.4, 0.35, 0.8, 0.2, 0.8, 0.0, 0.4]);
        assert!((precision_trapezoid(&map, &mask).unwrap() - 0.85).abs() < 1e-12);
        assert!((average_precision(&map, &mask).unwrap() - 0.866_666_666_667).abs() < 1e-9);
    }

    #[test]
    fn a_constant_map() {
        let mut mask = [false; 20];
        mask[7] = true;
        let map = grid(4, 5, &[0.0; 20]);
        assert!((precision_trapezoid(&map, &mask).unwrap() - 0.525).abs() < 1e-12);
        assert!((average_precision(&map, &mask).unwrap() - 0.05).abs() < 1e-12);
        assert_eq!(
            undefined(average_precision(&map, &[false; 20])),
            Undefined::EmptyMask
        );
        assert!(average_precision(&map, &[true; 19]).is_err());
    }

    #[test]
    fn the_values_are_those_of_scikit_learn() {
        let mask: Vec<bool> = wave(23, 31, 0.117)
            .values()
            .iter()
            .map(|&v| v > 0.8)
            .collect();
        for (golden, step) in golden()["precision"]
            .as_array()
            .unwrap()
            .iter()
            .zip([0.0413, 0.731])
        {
            let map = wave(23, 31, step).map(|v| (v * 10.0).round_ties_even());
            let found = average_precision(&map, &mask).unwrap();
            assert!((found - golden["average"].as_f64().unwrap()).abs() < 1e-11);
            let found = precision_trapezoid(&map, &mask).unwrap();
            assert!((found - golden["trapezoid"].as_f64().unwrap()).abs() < 1e-11);
        }
    }
}
