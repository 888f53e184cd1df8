//! Deletion and insertion at the map's resolution, and whether the map's values are calibrated, after Gomez et al. 2022.

use gradcam::{Grid, Interpolation};

use super::blur::box_blurred;
use super::curve::Curve;
use super::order::{Ties, order, tie_fraction};
use super::sample::{Output, Sample};
use crate::degenerate::check;
use crate::metrics::{deletion_correlation, insertion_correlation};
use crate::nulls::permuted_map;
use crate::{Error, Result, Tally};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gomez {
    /// The most steps; a map of fewer places has one step a place. With more places than steps, a step changes `places / steps` of them,
    /// rounded down, so there may be up to twice as many.
    pub steps: usize,
    /// What decides between places of equal saliency.
    pub ties: Ties,
    /// Maps with the same values in random places that are run through the same protocol, for the correlation's null. Each costs as much
    /// as the map itself.
    pub permutations: usize,
    /// The seed of the permutations.
    pub seed: u64,
}

impl Default for Gomez {
    /// 196 steps and no null.
    fn default() -> Self {
        Gomez {
            steps: 196,
            ties: Ties::default(),
            permutations: 0,
            seed: 0,
        }
    }
}

/// A curve with the mean saliency of what each of its steps changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibrated {
    /// The target's probability; its area is DAUC or IAUC.
    pub curve: Curve,
    /// The mean saliency of the places that each step changed.
    pub saliency: Vec<f64>,
    /// The correlation of the score's changes with the saliency, DC or IC; [`Undefined`](crate::Undefined) where one does not vary.
    pub correlation: std::result::Result<f64, crate::Undefined>,
    /// The same of the permuted maps.
    pub null: Tally,
}

/// DAUC (lower is better) and deletion correlation (higher is better): places of the map are set to 0 in the image, from the most salient
/// on.
///
/// `map` is at its own resolution; a place covers the pixels that are nearest to it.
///
/// # Errors
/// When the steps are 0, the map has more rows or columns than the image, or the network fails; [`check`]'s.
pub fn gomez_deletion(sample: &Sample<'_>, map: &Grid, protocol: Gomez) -> Result<Calibrated> {
    let (channels, ..) = sample.shape()?;
    run(sample, map, protocol, &vec![0.0; channels], true)
}

/// IAUC and insertion correlation (both: higher is better): places of the image replace those of a copy after a box blur of a fifth of the
/// height, at least 9 pixels.
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
    if map.height > height || map.width > width {
        return Err(Error::Size {
            expected: (height, width),
            found: (map.height, map.width),
        });
    }
    if protocol.steps == 0 {
        return Err(Error::option("steps", "at least 1", protocol.steps));
    }
    let (curve, saliency) = one(sample, map, protocol, substrate, delete)?;
    let correlation = |curve: &Curve, saliency: &[f64]| match delete {
        true => deletion_correlation(&curve.scores, saliency),
        false => insertion_correlation(&curve.scores, saliency),
    };
    let null = (0..protocol.permutations as u64).map(|i| {
        let map = permuted_map(map, protocol.seed.wrapping_add(i));
        let (curve, saliency) = one(sample, &map, protocol, substrate, delete)?;
        correlation(&curve, &saliency)
    });
    let null = Tally::collect(null)?;
    let correlation = match correlation(&curve, &saliency) {
        Err(Error::Undefined(reason)) => Err(reason),
        other => Ok(other?),
    };
    Ok(Calibrated {
        curve,
        saliency,
        correlation,
        null,
    })
}

fn one(
    sample: &Sample<'_>,
    map: &Grid,
    protocol: Gomez,
    substrate: &[f32],
    delete: bool,
) -> Result<(Curve, Vec<f64>)> {
    let (_, height, width) = sample.shape()?;
    let count = map.values.len();
    let step = count / protocol.steps.min(count);
    let order = order(map, protocol.ties)?;
    let mask = |index: usize| {
        let (first, rest) = if delete { (0.0, 1.0) } else { (1.0, 0.0) };
        let mut mask = map.map(|_| rest);
        for &place in order.iter().take(index * step) {
            mask.values[place] = first;
        }
        Interpolation::Nearest.resize(&mask, height, width)
    };
    let scores = sample.masked(
        Output::Probability,
        substrate,
        count.div_ceil(step) + 1,
        mask,
    )?;
    let mean = |places: &[usize]| {
        let sum: f64 = places.iter().map(|&i| f64::from(map.values[i])).sum();
        sum / places.len() as f64
    };
    let saliency = order.chunks(step).map(mean).collect();
    Ok((
        Curve::new(scores, step, count, tie_fraction(map)?),
        saliency,
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{Device, Tensor};
    use gradcam_nn::{Network, Pass};

    use super::*;
    use crate::testing::{Patch, grid, on_any_threads, wave};

    /// Its first class's probability is a sum over the pixels: each place of a map adds its own part.
    struct Share(Tensor);

    impl Network for Share {
        fn forward(&self, x: &Tensor, _pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
            let p = x.broadcast_mul(&self.0)?.sum_all()?.reshape((1, 1))?;
            Tensor::cat(&[&p.log()?, &(1.0 - p)?.log()?], 1)
        }
    }

    /// A map of what each place adds is calibrated: every step's loss is its saliency.
    #[test]
    fn a_map_of_the_shares_is_calibrated() {
        let parts = wave(4, 5, 0.731).map(|v| (v + 0.1) / 20.0);
        let pixels = Interpolation::Nearest.resize(&parts.map(|v| v / 6.0), 8, 15);
        let weights = Tensor::from_vec(pixels.values, (1, 1, 8, 15), &Device::Cpu).unwrap();
        let network = Share(weights);
        let image = Tensor::ones((1, 1, 8, 15), candle_core::DType::F32, &Device::Cpu).unwrap();
        let sample = Sample {
            network: &network,
            image: &image,
            target: 0,
        };
        let protocol = Gomez {
            permutations: 5,
            ..Gomez::default()
        };
        let found = on_any_threads(|| gomez_deletion(&sample, &parts, protocol).unwrap());
        assert_eq!(found.curve.scores.len(), 21);
        for (pair, saliency) in found.curve.scores.windows(2).zip(&found.saliency) {
            assert!((pair[0] - pair[1] - saliency).abs() < 1e-5);
        }
        assert!(found.correlation.unwrap() > 0.999);
        // A permuted map is calibrated for another network.
        let null = found.null.values();
        assert_eq!(null.len(), 5);
        assert!(null.iter().all(|&c| c < 0.9), "{null:?}");
        // Several places a step: 20 / 6 rounded down are 3, which makes 7 steps, the last of 2 places.
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
        // The patch is in the upper right quarter, which is put back first.
        assert!((found.curve.scores[1] - found.curve.scores[4]).abs() < 1e-7);
        assert!(found.correlation.unwrap() > 0.9);
        let large = gomez_insertion(&sample, &wave(21, 20, 0.7), Gomez::default());
        assert!(large.is_err());
    }
}
