//! Regions ranked by integrated gradients (Kapishnikov et al. 2019).

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::integrated::integral;
use crate::Result;
use crate::methods::about::{About, PIXELS};
use crate::methods::baseline::Baseline;
use crate::methods::perturbation::superpixels::Superpixels;
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};

/// Superpixels requested at each scale, from coarse to fine.
const SCALES: [usize; 6] = [8, 16, 32, 64, 128, 256];

/// Options of [`Method::Xrai`](crate::Method::Xrai).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Xrai {
    /// Points of the Gauss-Legendre quadrature, for each of the two baselines.
    pub steps: usize,
}

impl Default for Xrai {
    /// Integrated gradients of 50 points from black and from white.
    fn default() -> Self {
        Xrai { steps: 50 }
    }
}

impl Recipe for Xrai {
    fn about(&self) -> About {
        About {
            paper: "Kapishnikov et al. 2019, XRAI: Better Attributions Through Regions",
            cost: "101 forwards, 100 backwards",
            ..PIXELS
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.steps(self.steps)
    }

    /// Gives each pixel the mean attribution of the region that covered it first. Regions are taken in the order of the mean attribution of
    /// the pixels that they add (algorithm 1).
    ///
    /// The attribution is the mean of integrated gradients from black and from white, summed over the colours; the authors' code takes the
    /// largest colour. The paper's regions are those of Felzenszwalb and Huttenlocher at six scales, each widened by a few pixels. Here
    /// they are SLIC superpixels at six counts, which do not overlap within a scale. As in the authors' code, a region that would add less
    /// than a thousandth of the picture (there 50 pixels of 224 × 224) is skipped: such slivers between the scales have the most extreme
    /// means. Pixels that no region covers in the end have their own mean.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let pixels = subject.features.positions();
        let mut attribution = vec![0.0; pixels];
        for baseline in [Baseline::Black, Baseline::White] {
            let baseline = baseline.of(subject.image, subject.inputs, 0)?;
            let found = integral(subject, subject.image, &baseline, self.steps)?.products;
            for colour in found.chunks_exact(pixels) {
                for (sum, v) in attribution.iter_mut().zip(colour) {
                    *sum += v / 2.0;
                }
            }
        }
        let scales: Vec<Superpixels> = SCALES
            .into_par_iter()
            .map(|segments| Superpixels::of(subject, segments))
            .collect::<Result<_>>()?;
        let labels: Vec<&[u32]> = scales.iter().map(Superpixels::labels).collect();
        let gains = covered(&attribution, &labels, pixels / 1000);
        Ok(subject.features.grid(gains).into())
    }
}

/// The part of a region that is not covered yet.
#[derive(Default)]
struct Region {
    pixels: Vec<usize>,
    left: usize,
    sum: f64,
}

impl Region {
    fn mean(&self) -> f64 {
        self.sum / self.left as f64
    }
}

/// Returns the gain of each pixel's region, for several segmentations of the same pixels; a region has to add at least `least` pixels.
///
/// A pixel is covered once, and then leaves its region at each scale: all rounds together visit a pixel as often as there are scales.
fn covered(attribution: &[f64], scales: &[&[u32]], least: usize) -> Vec<f64> {
    let mut regions: Vec<Region> = Vec::new();
    // The regions of each pixel, scale by scale.
    let mut homes = Vec::with_capacity(scales.len());
    for labels in scales {
        let first = regions.len();
        for (pixel, (&label, value)) in labels.iter().zip(attribution).enumerate() {
            let label = label as usize;
            if regions.len() <= first + label {
                regions.resize_with(first + label + 1, Region::default);
            }
            let region = &mut regions[first + label];
            region.pixels.push(pixel);
            region.left += 1;
            region.sum += value;
        }
        homes.push((first, *labels));
    }
    let mut gains: Vec<Option<f64>> = vec![None; attribution.len()];
    // For equal means, the coarser region, which comes first.
    while let Some(best) = (0..regions.len())
        .rev()
        .filter(|&i| regions[i].left >= least.max(1))
        .max_by(|&a, &b| regions[a].mean().total_cmp(&regions[b].mean()))
    {
        let mut new = std::mem::take(&mut regions[best].pixels);
        new.retain(|&pixel| gains[pixel].is_none());
        // The running sum has the rounding errors of all subtractions.
        let gain = mean(new.iter().map(|&i| attribution[i]));
        for pixel in new {
            gains[pixel] = Some(gain);
            for (first, labels) in &homes {
                let region = &mut regions[first + labels[pixel] as usize];
                region.left -= 1;
                region.sum -= attribution[pixel];
            }
        }
    }
    let open = gains.iter().zip(attribution);
    let rest = mean(open.filter(|(gain, _)| gain.is_none()).map(|(_, &v)| v));
    gains.into_iter().map(|gain| gain.unwrap_or(rest)).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v, count + 1.0));
    sum / count
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::Method;
    use crate::methods::perturbation::testing::{Linear, explain, picture, with_subject};

    #[test]
    fn regions_are_taken_by_what_they_add() {
        // Coarse: the two halves; fine: quarters. The means of the quarters are 2, 10, 5 and 5.
        let attribution = [1.0, 3.0, 10.0, 10.0, 4.0, 6.0, 5.0, 5.0];
        let halves = [0, 0, 0, 0, 1, 1, 1, 1];
        let quarters = [0, 0, 1, 1, 2, 2, 3, 3];
        // The second quarter, then the right half before its equal quarters, then the rest of the left half.
        let found = covered(&attribution, &[&halves, &quarters], 0);
        assert_eq!(found, [2.0, 2.0, 10.0, 10.0, 5.0, 5.0, 5.0, 5.0]);
        // A region may cross the borders of another scale.
        let found = covered(&[8.0, 0.0, 6.0, 1.0], &[&[0, 0, 1, 1], &[0, 1, 1, 1]], 0);
        assert_eq!(found, [8.0, 0.0, 3.5, 3.5]);
        // Neither the first pixel alone, nor the rest after the half.
        let found = covered(&[9.0, 2.0, 6.0, 4.0], &[&[0, 1, 1, 2], &[0, 1, 2, 2]], 2);
        assert_eq!(found, [5.5, 5.5, 5.0, 5.0]);
    }

    /// Runs the definition, with every region examined again in each round.
    #[test]
    fn it_is_the_plain_algorithm() {
        let pixels = 300;
        let attribution: Vec<f64> = (0..pixels).map(|i| (i as f64 * 1.7).sin()).collect();
        let scales: Vec<Vec<u32>> = [50, 20, 7]
            .map(|size| (0..pixels as u32).map(|i| i / size).collect())
            .to_vec();
        let mut expected = vec![None; pixels];
        loop {
            let mut best: Option<(f64, Vec<usize>)> = None;
            for labels in &scales {
                for label in 0..=labels[pixels - 1] {
                    let free: Vec<usize> = (0..pixels)
                        .filter(|&i| labels[i] == label && expected[i].is_none())
                        .collect();
                    let sum: f64 = free.iter().map(|&i| attribution[i]).sum();
                    let mean = sum / free.len() as f64;
                    if !free.is_empty() && best.as_ref().is_none_or(|(b, _)| mean > *b + 1e-12) {
                        best = Some((mean, free));
                    }
                }
            }
            let Some((gain, new)) = best else { break };
            new.into_iter().for_each(|i| expected[i] = Some(gain));
        }
        let scales: Vec<&[u32]> = scales.iter().map(Vec::as_slice).collect();
        let found = covered(&attribution, &scales, 0);
        let expected: Vec<f64> = expected.into_iter().flatten().collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_region_with_the_largest_mean_comes_first() {
        let (image, network) = (picture(24, 20), Linear::new(24, 20));
        let found = explain(&network, &image, Method::Xrai(Xrai { steps: 3 })).unwrap();
        // For a linear network, integrated gradients are the weights times the path, whatever the steps.
        let (black, white) = (network.parts(&image, 0.0), network.parts(&image, 1.0));
        let mut best = f64::NEG_INFINITY;
        for segments in SCALES {
            let parts = with_subject(&network, &image, |subject| {
                Superpixels::of(subject, segments).unwrap()
            });
            for part in 0..parts.count() {
                let of_part = || (0..24 * 20).filter(|&i| parts.labels()[i] as usize == part);
                let sum: f64 = of_part().map(|i| (black[i] + white[i]) / 2.0).sum();
                best = best.max(sum / of_part().count() as f64);
            }
        }
        assert!((f64::from(found.map.max()) - best).abs() < 1e-5, "{best}");
        let error = explain(&network, &image, Method::Xrai(Xrai { steps: 0 }));
        assert!(matches!(
            error,
            Err(Error::Option {
                option: "steps",
                ..
            })
        ));
    }
}
