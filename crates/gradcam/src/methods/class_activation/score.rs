//! Score-CAM (Wang et al. 2020, algorithm 1) and two variants that average scores.

use gradcam_map::{Grid, Size};
use gradcam_nn::ops::{ResizeMode, resize_taps};
use gradcam_random::Random;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::methods::about::{About, SCORES};
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};
use crate::seen::masks::between;
use crate::{Mask, Result, Taps, masked_logits};

/// Score-CAM (Wang et al. 2020, algorithm 1).
pub(crate) struct ScoreCam;

impl Recipe for ScoreCam {
    fn about(&self) -> About {
        About {
            paper: "Wang et al. 2020, Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks",
            cost: "1 forward, and 1 for each channel of the layer",
            ..SCORES
        }
    }

    /// Weights each channel by the softmax, over the channels, of the score under the channel's own mask.
    ///
    /// A mask is the channel's map, upsampled to the size of the image and then stretched to 0…1. It multiplies the network's input, so
    /// hidden parts take the value 0, the data set's mean. The score of the hidden image, which algorithm 1 subtracts, is the same for all
    /// channels, so it cancels in the softmax. A constant channel hides everything.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let enlarged = Enlarged::new(subject)?;
        let weights = weights(subject, (1, false), |channel, _| {
            enlarged.mask(enlarged.stretched(subject.channel(channel)))
        })?;
        Ok(subject.features.weighted(weights))
    }
}

/// Options of [`Method::SsCam`](crate::Method::SsCam).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SsCam {
    /// Number of noisy masks for each channel.
    pub samples: usize,
    /// The noise's standard deviation, in the units of the activation; torch-cam adds the noise to the stretched mask.
    pub sigma: f64,
    /// The seed of the noise (ChaCha8).
    pub seed: u64,
}

impl Default for SsCam {
    /// 10 noisy masks with a standard deviation of 2; the paper takes 35.
    fn default() -> Self {
        SsCam {
            samples: 10,
            sigma: 2.0,
            seed: 0,
        }
    }
}

impl Recipe for SsCam {
    fn about(&self) -> About {
        About {
            paper: "Wang et al. 2020, SS-CAM: Smoothed Score-CAM for Sharper Visual Feature Localization",
            cost: "1 forward, and 10 for each channel of the layer",
            ..SCORES
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.count("samples", self.samples)?;
        check.at_least_zero("sigma", self.sigma)
    }

    /// Computes SS-CAM: a channel's score is the mean over its masks with normal noise added, in the units of the activation (its equation
    /// 7). torch-cam adds the noise to the stretched mask.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let (enlarged, positions) = (Enlarged::new(subject)?, subject.features.positions());
        let channels = subject.features.channels().count();
        let samples = subject.affordable(self.samples, channels);
        let weights = weights(subject, (samples, self.sigma != 0.0), |channel, sample| {
            let mut random = Random::of_draw(self.seed, channel * samples + sample);
            let noise = random.normals(positions, self.sigma);
            let values = subject.channel(channel).iter().zip(noise);
            let noisy: Vec<f32> = values.map(|(v, noise)| v + noise as f32).collect();
            enlarged.mask(enlarged.stretched(&noisy))
        })?;
        Ok(subject.features.weighted(weights))
    }
}

/// Options of [`Method::IsCam`](crate::Method::IsCam).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IsCam {
    /// Number of steps in which a mask fades in.
    pub steps: usize,
}

impl Default for IsCam {
    /// 10 steps, as in the paper.
    fn default() -> Self {
        IsCam { steps: 10 }
    }
}

impl Recipe for IsCam {
    fn about(&self) -> About {
        About {
            paper: "Naidu et al. 2020, IS-CAM: Integrated Score-CAM for Axiomatic-based Explanations",
            cost: "1 forward, and 10 for each channel of the layer",
            ..SCORES
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.steps(self.steps)
    }

    /// Computes IS-CAM: a channel's score is the mean over the steps in which its mask fades in (its equation 6).
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let enlarged = Enlarged::new(subject)?;
        let channels: Vec<&[f32]> = subject.features.channels().collect();
        let stretched: Vec<Grid> = channels
            .into_par_iter()
            .map(|c| enlarged.stretched(c))
            .collect();
        let steps = self.steps;
        let weights = weights(subject, (steps, false), |channel, step| {
            let share = (step + 1) as f32 / steps as f32;
            enlarged.mask(stretched[channel].map(|v| v * share))
        })?;
        Ok(subject.features.weighted(weights))
    }
}

/// The upsampling of a layer's map to the image.
struct Enlarged {
    size: Size,
    rows: Vec<Taps>,
    columns: Vec<Taps>,
}

impl Enlarged {
    fn new(subject: &Subject<'_>) -> Result<Self> {
        let (size, input) = (subject.features.size, subject.input_size()?);
        Ok(Enlarged {
            size,
            rows: bilinear(size.height(), input.height()),
            columns: bilinear(size.width(), input.width()),
        })
    }

    /// Stretches a map so that it ranges from 0 to 1 after the upsampling; all 0 if it is constant.
    fn stretched(&self, values: &[f32]) -> Grid {
        let cells = Grid::from_fn(self.size, |i| values[i]);
        let rows = self.rows.iter();
        let enlarged = rows.flat_map(|&row| between(&cells, row, &self.columns));
        let (low, high) = enlarged.fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), v| {
            (low.min(v), high.max(v))
        });
        let range = high - low;
        // The same as stretching after the upsampling, whose weights sum to 1.
        cells.map(|v| if range > 0.0 { (v - low) / range } else { 0.0 })
    }

    fn mask(&self, cells: Grid) -> Mask {
        Mask::Cells {
            cells,
            rows: self.rows.clone(),
            columns: self.columns.clone(),
        }
    }
}

/// Returns the taps that interpolate between the centres of `from` samples at the centres of `to` pixels.
fn bilinear(from: usize, to: usize) -> Vec<Taps> {
    let taps = resize_taps(from, to, ResizeMode::Bilinear, false);
    let pair = |taps: Vec<(usize, f64)>| (taps[0].0, taps[1].0, taps[1].1 as f32);
    taps.into_iter().map(pair).collect()
}

/// Returns the softmax over the channels of their mean scores under `samples` masks each.
///
/// A constant channel hides everything, so all constant channels have the score of one hidden image; `noisy` masks are never constant.
fn weights(
    subject: &Subject<'_>,
    (samples, noisy): (usize, bool),
    mask: impl Fn(usize, usize) -> Mask + Sync,
) -> Result<Vec<f64>> {
    let constant = |channel: &[f32]| !noisy && channel.iter().all(|&v| v == channel[0]);
    let constant: Vec<bool> = subject.features.channels().map(constant).collect();
    let varied: Vec<usize> = (0..constant.len()).filter(|&c| !constant[c]).collect();
    let first_constant = constant.iter().position(|&constant| constant);
    // The masks of the varied channels, and one mask that hides everything.
    let masks = varied.len() * samples;
    let baseline = vec![0.0; subject.image.dim(1)?];
    let mut scores = vec![0.0; constant.len()];
    let mut hidden = 0.0;
    masked_logits(
        subject.network,
        subject.image,
        &baseline,
        masks + usize::from(first_constant.is_some()),
        |index| match varied.get(index / samples) {
            Some(&channel) => mask(channel, index % samples),
            None => mask(first_constant.unwrap_or(0), 0),
        },
        |index, logits| {
            let score = subject.score(logits)?;
            match varied.get(index / samples) {
                Some(&channel) => scores[channel] += score / samples as f64,
                None => hidden = score,
            }
            Ok(())
        },
    )?;
    for (score, constant) in scores.iter_mut().zip(constant) {
        if constant {
            *score = hidden;
        }
    }
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exps: Vec<f64> = scores
        .iter()
        .map(|&score| (score - largest).exp())
        .collect();
    let total: f64 = exps.iter().sum();
    Ok(exps.into_iter().map(|e| e / total).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{Device, Tensor};
    use gradcam_map::Interpolation;
    use gradcam_nn::{Network, Pass};

    use super::*;
    use crate::{Explainer, Method, Target};

    /// Three colours of 6 × 8 pixels. The layer has their means over 2 × 2 pixels and a constant; the logit is the sum of squared pixels.
    struct Squares;

    impl Network for Squares {
        fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
            let means = x.reshape((1, 3, 3, 2, 4, 2))?.mean((3, 5))?;
            let one = means.narrow(1, 0, 1)?.ones_like()?;
            pass.tap("maps", Tensor::cat(&[&means, &one], 1)?)?;
            x.sqr()?.sum((2, 3))?.sum(1)?.reshape((1, 1))
        }
    }

    fn pixels() -> Vec<f32> {
        (0..144).map(|i| (i as f32 * 0.7).sin()).collect()
    }

    fn found(method: Method) -> Vec<f32> {
        let image = Tensor::from_vec(pixels(), (1, 3, 6, 8), &Device::Cpu).unwrap();
        let explainer = Explainer {
            method,
            ..Explainer::default().at("maps")
        };
        let map = explainer.explain_one(&Squares, &image, Target::Index(0));
        map.unwrap().raw().values().to_vec()
    }

    /// Computes the methods literally: each mask is upsampled, then stretched, then multiplied by its share.
    fn by_hand(
        samples: usize,
        noise: impl Fn(usize, usize) -> Vec<f64>,
        share: impl Fn(usize) -> f32,
    ) -> Vec<f32> {
        let pixels = pixels();
        let mut maps = vec![vec![0.0_f32; 12]; 3];
        for (i, pixel) in pixels.iter().enumerate() {
            let (colour, row, column) = (i / 48, i % 48 / 8, i % 8);
            maps[colour][row / 2 * 4 + column / 2] += pixel / 4.0;
        }
        maps.push(vec![1.0; 12]);
        let mut scores = Vec::new();
        for (channel, map) in maps.iter().enumerate() {
            let mut mean = 0.0;
            for sample in 0..samples {
                let noise = noise(channel, sample);
                let values = map.iter().zip(noise).map(|(v, n)| v + n as f32).collect();
                let grid = Grid::new(Size::new(3, 4).unwrap(), values).unwrap();
                let mask = Interpolation::Bilinear.resize(&grid, Size::new(6, 8).unwrap());
                let (low, high) = (mask.min(), mask.max());
                let score: f64 = (0..144)
                    .map(|i| {
                        let mask = if high > low {
                            (mask.values()[i % 48] - low) / (high - low) * share(sample)
                        } else {
                            0.0
                        };
                        f64::from(mask * pixels[i]).powi(2)
                    })
                    .sum();
                mean += score / samples as f64;
            }
            scores.push(mean);
        }
        let total: f64 = scores.iter().map(|s| s.exp()).sum();
        let sum = |i: usize| {
            let products = maps
                .iter()
                .zip(&scores)
                .map(|(map, s)| f64::from(map[i]) * s.exp() / total);
            products.sum::<f64>() as f32
        };
        (0..12).map(sum).collect()
    }

    fn close(found: &[f32], expected: &[f32]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found}, {expected}");
        }
    }

    #[test]
    fn scores_are_those_of_masked_images() {
        let silent = |_, _| vec![0.0; 12];
        close(&found(Method::ScoreCam), &by_hand(1, silent, |_| 1.0));
        let steps = IsCam { steps: 4 };
        let share = |step| (step + 1) as f32 / 4.0;
        close(&found(Method::IsCam(steps)), &by_hand(4, silent, share));
        let noisy = |seed, sigma| SsCam {
            samples: 5,
            seed,
            sigma,
        };
        let noise = |channel: usize, sample: usize| {
            Random::of_draw(3, channel * 5 + sample).normals(12, 0.8)
        };
        let ss_cam = found(Method::SsCam(noisy(3, 0.8)));
        close(&ss_cam, &by_hand(5, noise, |_| 1.0));
        assert_ne!(ss_cam, found(Method::SsCam(noisy(4, 0.8))));
        // Without noise, all samples are the same.
        close(
            &found(Method::SsCam(noisy(3, 0.0))),
            &found(Method::ScoreCam),
        );
    }

    #[test]
    fn a_budget_buys_fewer_noisy_masks() {
        let image = Tensor::from_vec(pixels(), (1, 3, 6, 8), &Device::Cpu).unwrap();
        let with = |samples, budget| {
            let options = SsCam {
                samples,
                ..SsCam::default()
            };
            let explainer = Explainer {
                budget,
                method: Method::SsCam(options),
                ..Explainer::default().at("maps")
            };
            explainer
                .explain_one(&Squares, &image, Target::Index(0))
                .unwrap()
        };
        // Each sample takes a forward pass for each of the four channels.
        assert_eq!(with(10, Some(11)).raw(), with(2, None).raw());
        assert_eq!(with(10, Some(3)).raw(), with(1, None).raw());
    }
}
