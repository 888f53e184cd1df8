//! The score over the steps, and the area under it.

use std::sync::Arc;

use gradcam::Mask;
use gradcam_map::{Grid, Size};

use super::order::tie_fraction;
use super::sample::{Output, Sample};
use crate::Result;

/// The target's score while an image is removed or restored.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Curve {
    /// The score before the first step and after each.
    pub scores: Vec<f64>,
    /// The share of the image's pixels (or of the map's positions) changed at each score, 0 to 1.
    pub shares: Vec<f64>,
    /// The [`area`] under the scores.
    pub area: f64,
    /// The share of the map's values that tie with another; if it is large, chance decides the order.
    pub tie_fraction: f64,
}

/// How an image is removed or restored, some positions of a map at a time.
#[derive(Clone, Copy)]
pub(super) struct Steps<'a> {
    /// Positions per step; the last step may have fewer.
    pub(super) size: usize,
    /// The values that replace the image.
    pub(super) substrate: &'a [f32],
    /// Whether the image is removed.
    pub(super) delete: bool,
    /// Whether the positions of earlier steps stay changed.
    pub(super) cumulative: bool,
}

impl Steps<'_> {
    /// Computes the target's probability before the first step and after each. Positions of the map are taken in the given order; each
    /// covers the pixels nearest to it.
    pub(super) fn curve(self, sample: &Sample<'_>, map: &Grid, order: &[usize]) -> Result<Curve> {
        let (_, height, width) = sample.shape()?;
        let whole = Size::new(height, width)?;
        let (count, size) = (order.len(), self.size);
        let (changed, rest) = if self.delete { (0.0, 1.0) } else { (1.0, 0.0) };
        let ranks = ranks(map, order, whole);
        let mask = |index: usize| {
            let end = (index * size).min(count);
            let start = if self.cumulative {
                0
            } else {
                index.saturating_sub(1) * size
            };
            Mask::Ranked {
                size: whole,
                ranks: ranks.clone(),
                changed: start as u32..end as u32,
                values: (changed, rest),
            }
        };
        let steps = count.div_ceil(size) + 1;
        let scores = sample.masked(Output::Probability, self.substrate, steps, mask)?;
        let share = |i: usize| (i * size).min(count) as f64 / count as f64;
        Ok(Curve {
            shares: (0..scores.len()).map(share).collect(),
            area: area(&scores),
            scores,
            tie_fraction: tie_fraction(map)?,
        })
    }
}

/// Returns, for each pixel of an image of this size, the rank of the map's nearest position.
fn ranks(map: &Grid, order: &[usize], whole: Size) -> Arc<[u32]> {
    let mut ranks = vec![0; order.len()];
    for (rank, &place) in order.iter().enumerate() {
        ranks[place] = rank as u32;
    }
    let nearest = |i: usize, from: usize, to: usize| {
        let at = (i as f64 + 0.5) * (from as f64 / to as f64);
        (at as usize).min(from - 1)
    };
    let (height, width) = whole.height_width();
    let columns: Vec<usize> = (0..width).map(|x| nearest(x, map.width(), width)).collect();
    (0..height)
        .flat_map(|y| {
            let row = nearest(y, map.height(), height) * map.width();
            columns.iter().map(move |column| row + column)
        })
        .map(|place| ranks[place])
        .collect()
}

/// Computes the area under scores at equal distances from 0 to 1, by the trapezoid rule: `(Σ s - s_0 / 2 - s_n / 2) / n` (Petsiuk et al.
/// 2018). A single score is its own area; without scores the area is 0.
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
