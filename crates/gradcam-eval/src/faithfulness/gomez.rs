//! Deletion and insertion at the map's resolution, and whether the map's values are calibrated, after Gomez et al. 2022.

use gradcam_map::{Grid, Size};
use gradcam_random::Random;

use super::blur::box_blurred;
use super::curve::{Curve, Steps};
use super::order::{Ties, order};
use super::sample::Sample;
use crate::degenerate::check;
use crate::metrics::{pearson, score_changes};
use crate::{Error, Result, Undefined};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gomez {
    /// The maximum number of steps; a map with fewer positions has one step per position. With more positions than steps, a step changes
    /// `positions / steps` of them, rounded down, so there may be up to twice as many steps.
    pub steps: usize,
    /// How ties between positions of equal saliency are broken.
    pub ties: Ties,
    /// Whether each step keeps the changes of the steps before it. If not, each changes its own positions alone, and its score is compared
    /// with the score before the first step. The area under the scores is then meaningless.
    pub cumulative: bool,
}

impl Default for Gomez {
    /// 196 cumulative steps.
    fn default() -> Self {
        Gomez {
            steps: 196,
            ties: Ties::default(),
            cumulative: true,
        }
    }
}

/// A curve with the mean saliency that each of its steps changed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Calibrated {
    /// The target's probability; its area is DAUC or IAUC.
    pub curve: Curve,
    /// The mean saliency of the positions that each step changed.
    pub saliency: Vec<f64>,
    /// How much the score falls at each deletion, or rises at each insertion.
    pub changes: Vec<f64>,
    /// The correlation of the changes with the saliency, DC or IC; [`Undefined`] if one of them does not vary.
    pub correlation: std::result::Result<f64, Undefined>,
}

impl Calibrated {
    /// Returns the mean correlation over `count` random orders of the steps' saliency: the correlation that the same score changes give a
    /// map with the same values in other positions. The network is not run again, so the order of the steps is still the map's own.
    /// [`permuted_map`](crate::nulls::permuted_map), measured like any other map, has its own order.
    ///
    /// # Errors
    /// [`Undefined`] if the correlation is undefined, and [`Undefined::Empty`] for a count of 0.
    pub fn shuffled(&self, count: usize, seed: u64) -> Result<f64> {
        let steps = self.saliency.len();
        let one = |draw: usize| {
            let order = Random::of_draw(seed, draw).draws(steps, steps);
            let saliency: Vec<f64> = order.into_iter().map(|i| self.saliency[i]).collect();
            pearson(&self.changes, &saliency)
        };
        let sum: f64 = (0..count).map(one).sum::<Result<f64>>()?;
        match count {
            0 => Err(Undefined::Empty.into()),
            count => Ok(sum / count as f64),
        }
    }
}

/// Computes DAUC (lower is better) and the deletion correlation (higher is better): positions of the map are set to 0 in the image,
/// starting with the most salient.
///
/// `map` is at its own resolution; a position covers the pixels nearest to it.
///
/// # Errors
/// If `steps` is 0, the map has more rows or columns than the image, or the network fails; the errors of [`check`].
pub fn gomez_deletion(sample: &Sample<'_>, map: &Grid, protocol: Gomez) -> Result<Calibrated> {
    let (channels, ..) = sample.shape()?;
    run(sample, map, protocol, &vec![0.0; channels], true)
}

/// Computes IAUC and the insertion correlation (higher is better for both): positions of the image replace those of a copy after a box blur
/// of a fifth of the height, at least 9 pixels.
///
/// # Errors
/// As [`gomez_deletion`].
pub fn gomez_insertion(sample: &Sample<'_>, map: &Grid, protocol: Gomez) -> Result<Calibrated> {
    let (_, height, _) = sample.shape()?;
    let blurred = box_blurred(sample.image, (height / 5).max(9) | 1)?;
    run(sample, map, protocol, &blurred, false)
}

fn run(
    sample: &Sample<'_>,
    map: &Grid,
    protocol: Gomez,
    substrate: &[f32],
    delete: bool,
) -> Result<Calibrated> {
    let (_, height, width) = sample.shape()?;
    check(map)?;
    if map.height() > height || map.width() > width {
        return Err(Error::Size {
            expected: Size::new(height, width)?,
            found: map.size(),
        });
    }
    if protocol.steps == 0 {
        return Err(Error::option("steps", "at least 1", protocol.steps));
    }
    let order = order(map, protocol.ties)?;
    let steps = Steps {
        size: order.len() / protocol.steps.min(order.len()),
        substrate,
        delete,
        cumulative: protocol.cumulative,
    };
    let curve = steps.curve(sample, map, &order)?;
    let mean = |places: &[usize]| {
        let sum: f64 = places.iter().map(|&i| f64::from(map.values()[i])).sum();
        sum / places.len() as f64
    };
    let saliency: Vec<f64> = order.chunks(steps.size).map(mean).collect();
    let sign = if delete { -1.0 } else { 1.0 };
    let changes = score_changes(&curve.scores, protocol.cumulative);
    let changes: Vec<f64> = changes.into_iter().map(|change| sign * change).collect();
    let correlation = match pearson(&changes, &saliency) {
        Err(Error::Undefined(reason)) => Err(reason),
        other => Ok(other?),
    };
    Ok(Calibrated {
        curve,
        saliency,
        changes,
        correlation,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{Device, Tensor};
    use gradcam_map::Interpolation;
    use gradcam_nn::{Network, Pass};

    use super::*;
    use crate::faithfulness::Output;
    use crate::nulls::permuted_map;
    use crate::testing::{Patch, grid, on_any_threads, size, undefined, wave};

    /// The first class's probability is a weighted sum over the pixels: each position of a map adds its own share.
    struct Share(Tensor);

    impl Network for Share {
        fn forward(&self, x: &Tensor, _pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
            let p = x.broadcast_mul(&self.0)?.sum_all()?.reshape((1, 1))?;
            Tensor::cat(&[&p.log()?, &(1.0 - p)?.log()?], 1)
        }
    }

    /// A map of each position's contribution is calibrated: every step's loss is its saliency.
    #[test]
    fn a_map_of_the_shares_is_calibrated() {
        let parts = wave(4, 5, 0.731).map(|v| (v + 0.1) / 20.0);
        let pixels = Interpolation::Nearest.resize(&parts.map(|v| v / 6.0), size(8, 15));
        let weights = Tensor::from_vec(pixels.into_values(), (1, 1, 8, 15), &Device::Cpu).unwrap();
        let network = Share(weights);
        let image = Tensor::ones((1, 1, 8, 15), candle_core::DType::F32, &Device::Cpu).unwrap();
        let sample = Sample {
            network: &network,
            image: &image,
            target: 0,
        };
        let found = on_any_threads(|| gomez_deletion(&sample, &parts, Gomez::default()).unwrap());
        assert_eq!(found.curve.scores.len(), 21);
        for (change, saliency) in found.changes.iter().zip(&found.saliency) {
            assert!((change - saliency).abs() < 1e-5);
        }
        assert!(found.correlation.unwrap() > 0.999);
        // In another order the saliency is unrelated: over 20 steps a correlation deviates from 0 by 1 / √19, the mean of 100 by a tenth of
        // that.
        let shuffled = |seed: u64| found.shuffled(100, seed).unwrap();
        assert!((0..20).all(|seed| shuffled(seed).abs() < 4.0 * 0.023));
        assert_ne!(shuffled(0), shuffled(1));
        assert!(found.shuffled(1, 0).unwrap().abs() < 0.9);
        assert_eq!(undefined(found.shuffled(0, 0)), Undefined::Empty);
        // A permuted map is calibrated for another network.
        let permuted = gomez_deletion(&sample, &permuted_map(&parts, 0), Gomez::default());
        assert!(permuted.unwrap().correlation.unwrap() < 0.9);
        // Here positions are independent, so each takes away as much alone as after the others.
        let alone = Gomez {
            cumulative: false,
            ..Gomez::default()
        };
        let alone = gomez_deletion(&sample, &parts, alone).unwrap();
        for (one, other) in found.changes.iter().zip(&alone.changes) {
            assert!((one - other).abs() < 1e-5);
        }
        // Alone, all but the first step leave more of the image.
        assert!(alone.curve.scores[20] > 0.9 * alone.curve.scores[0]);
        assert!(found.curve.scores[20] < 1e-6);
        // Several positions per step: 20 / 6, rounded down, is 3, which makes 7 steps, the last of 2 positions.
        let few = gomez_deletion(
            &sample,
            &parts,
            Gomez {
                steps: 6,
                ..Gomez::default()
            },
        )
        .unwrap();
        assert_eq!(few.saliency.len(), 7);
        assert!(few.curve.scores[7] < 1e-6);
        assert_eq!(few.curve.shares[6], 0.9);
    }

    #[test]
    fn insertion_begins_with_a_box_blur() {
        let network = Patch::new();
        let image = network.image();
        let sample = network.sample(&image);
        let map = grid(2, 2, &[0.0, 1.0, 0.2, 0.1]);
        let found = gomez_insertion(&sample, &map, Gomez::default()).unwrap();
        let blurred = box_blurred(&image, 9).unwrap();
        let blurred = Tensor::from_vec(blurred, image.shape(), &Device::Cpu).unwrap();
        let start = network.sample(&blurred).whole(Output::Probability).unwrap();
        assert!((found.curve.scores[0] - start).abs() < 1e-7);
        assert_eq!(
            found.curve.scores[4],
            sample.whole(Output::Probability).unwrap()
        );
        // The patch is in the upper right quarter, which is restored first.
        assert!((found.curve.scores[1] - found.curve.scores[4]).abs() < 1e-7);
        assert!(found.correlation.unwrap() > 0.9);
        // Alone, the quarters without the patch restore nothing.
        let alone = Gomez {
            cumulative: false,
            ..Gomez::default()
        };
        let alone = gomez_insertion(&sample, &map, alone).unwrap();
        assert_eq!(alone.curve.scores[..2], found.curve.scores[..2]);
        assert!(alone.changes[0] > 0.1 && alone.changes[1..].iter().all(|c| c.abs() < 1e-7));
        assert_eq!(
            found.curve.scores[4] - found.curve.scores[3],
            found.changes[3]
        );
        let large = gomez_insertion(&sample, &wave(21, 20, 0.7), Gomez::default());
        assert!(large.is_err());
    }
}
