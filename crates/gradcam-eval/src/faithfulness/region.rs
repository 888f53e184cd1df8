//! Region perturbation, after Samek et al. 2017.

use std::sync::Arc;

use gradcam::Mask;
use gradcam_map::{Grid, Size};
use gradcam_random::Random;

use super::order::{Ties, order};
use super::sample::{Output, Sample};
use crate::{Error, Result};

/// The protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Regions {
    /// The side of a region in pixels; regions at the right and lower border may be smaller.
    pub side: usize,
    /// The maximum number of perturbed regions.
    pub steps: usize,
    /// The seed of the noise.
    pub seed: u64,
    /// How ties between regions of equal saliency are broken.
    pub ties: Ties,
}

impl Default for Regions {
    /// 100 regions of 9 × 9.
    fn default() -> Self {
        Regions {
            side: 9,
            steps: 100,
            seed: 0,
            ties: Ties::default(),
        }
    }
}

/// Computes the area over the perturbation curve, `1 / (L + 1) Σ_{k=0}^{L} (p(x) - p(x_k))`, of the target's probability (Samek et al.
/// 2017). The regions with the most saliency are replaced, one after another, by uniform noise over each channel's range in the image. At
/// most 1, higher is better.
///
/// `map` is at the image's resolution. Each region costs one forward pass, plus one for the whole image.
///
/// # Errors
/// If the map does not fit, `side` or `steps` is 0, or the network fails; the errors of [`check`](crate::check).
pub fn region_perturbation(sample: &Sample<'_>, map: &Grid, protocol: Regions) -> Result<f64> {
    sample.check(map)?;
    let (_, height, width) = sample.shape()?;
    for (option, value) in [("side", protocol.side), ("steps", protocol.steps)] {
        if value == 0 {
            return Err(Error::option(option, "at least 1", value));
        }
    }
    let columns = width.div_ceil(protocol.side);
    let region =
        |pixel: usize| pixel / width / protocol.side * columns + pixel % width / protocol.side;
    let mut sums = vec![0.0_f64; columns * height.div_ceil(protocol.side)];
    for (pixel, &value) in map.values().iter().enumerate() {
        sums[region(pixel)] += f64::from(value);
    }
    let regions = Grid::from_fn(Size::new(1, sums.len())?, |i| sums[i] as f32);
    let mut rank = vec![0_u32; regions.width()];
    let order = order(&regions, protocol.ties)?;
    order
        .iter()
        .enumerate()
        .for_each(|(place, &region)| rank[region] = place as u32);
    let noise = noise(&sample.pixels()?, height * width, protocol.seed);
    let steps = protocol.steps.min(regions.width());
    let ranks: Arc<[u32]> = (0..height * width)
        .map(|pixel| rank[region(pixel)])
        .collect();
    let scores = sample.masked(Output::Probability, &noise, steps + 1, |index| {
        Mask::Ranked {
            size: map.size(),
            ranks: ranks.clone(),
            changed: 0..index as u32,
            values: (0.0, 1.0),
        }
    })?;
    let lost: f64 = scores.iter().map(|score| scores[0] - score).sum();
    Ok(lost / scores.len() as f64)
}

/// Draws uniform numbers between the smallest and the largest value of each channel.
fn noise(pixels: &[f32], plane: usize, seed: u64) -> Vec<f32> {
    let mut random = Random::of_name(seed, "region noise");
    let mut noise = Vec::with_capacity(pixels.len());
    for channel in pixels.chunks_exact(plane) {
        let low = channel.iter().copied().fold(f32::INFINITY, f32::min);
        let high = channel.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let one = |_| low + random.unit() as f32 * (high - low);
        noise.extend(channel.iter().map(one));
    }
    noise
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{Patch, grid, on_any_threads};

    /// The patch is two regions of 5 × 5; the curve follows from the logits of the half-replaced patch.
    #[test]
    fn the_curve_of_two_regions() {
        let network = Patch {
            rows: 5..10,
            columns: 10..20,
            sharpness: 4.0,
        };
        let image = network.image();
        let sample = network.sample(&image);
        let map = network.mask().into_iter().enumerate();
        // The left region comes first.
        let map = map.map(|(i, m)| if m { 2.0 - (i % 20) as f32 / 20.0 } else { 0.0 });
        let map = grid(20, 20, &map.collect::<Vec<_>>());
        let protocol = Regions {
            side: 5,
            steps: 3,
            ..Regions::default()
        };
        let found = on_any_threads(|| region_perturbation(&sample, &map, protocol).unwrap());
        let noise = noise(&sample.pixels().unwrap(), 400, 0);
        let p = |columns: usize| {
            let sum: f64 = (5..10)
                .flat_map(|y| (10..20).map(move |x| (x, y * 20 + x)))
                .map(|(x, i)| {
                    if x < columns {
                        f64::from(noise[i])
                    } else {
                        1.0
                    }
                })
                .sum();
            1.0 / (1.0 + (-4.0 * sum / 50.0).exp())
        };
        let expected = (2.0 * (p(10) - p(20)) + p(10) - p(15)) / 4.0;
        assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
        let none = Regions {
            side: 0,
            ..protocol
        };
        assert!(region_perturbation(&sample, &map, none).is_err());
    }
}
