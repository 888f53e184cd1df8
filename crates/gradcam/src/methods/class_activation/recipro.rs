//! Recipro-CAM (Byun and Lee 2022).

use gradcam_map::Size;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::methods::about::{About, SCORES};
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject, Sum};
use crate::seen::head::Head;

/// Options of [`Method::ReciproCam`](crate::Method::ReciproCam).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReciproCam {
    /// Whether the score of a class is its probability, as in the paper. `false` takes the logit, as OpenVINO XAI does for a network without a
    /// softmax of its own. Outputs that are a softmax already are taken as they are.
    pub probability: bool,
    /// Side of the Gaussian kernel that keeps the activations around a position, in positions and odd. 1 keeps the position alone; 3 is the
    /// authors' Gaussian, `[1 2 1] / 4` along each side. Larger ones have the binomial coefficients too.
    pub kernel: usize,
}

impl Default for ReciproCam {
    /// The probability of one position alone.
    fn default() -> Self {
        ReciproCam {
            probability: true,
            kernel: 1,
        }
    }
}

/// The widest kernel: its Gaussian has a standard deviation of two positions.
const KERNEL: usize = 17;

impl Recipe for ReciproCam {
    fn about(&self) -> About {
        About {
            paper: "Byun and Lee 2022, Recipro-CAM: Fast gradient-free visual explanations for convolutional neural networks",
            cost: "2 forwards, and 1 of the head for each position of the layer",
            ..SCORES
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        let fits = self.kernel % 2 == 1 && self.kernel <= KERNEL;
        check.that(fits, "kernel", "an odd number from 1 to 17", self.kernel)
    }

    /// The score with the activations of one position alone, the others being 0: for each position, brought to 0…1.
    ///
    /// A wider kernel weighs the activations of the neighbours, as OpenVINO XAI does in a transformer; the authors' code puts the position's own
    /// activation in their place. The part of the kernel outside the map is cut off.
    ///
    /// In a transformer a position is a patch, and the tokens before the patches keep their values, as in ViT-ReciproCAM (Byun and Lee 2023).
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let features = subject.features;
        let positions = features.positions();
        let head = Head::new(subject.network, subject.image, subject.layer)?;
        let weights = binomial(self.kernel);
        let values = |position: usize| {
            let mut kept = vec![0.0; features.activation.len()];
            for (place, weight) in around(position, features.size, &weights) {
                for index in (place..kept.len()).step_by(positions) {
                    kept[index] = (weight * f64::from(features.activation[index])) as f32;
                }
            }
            kept
        };
        let scores = head.scores(positions, values, |logits| {
            if self.probability {
                subject.probability(logits)
            } else {
                subject.score(logits)
            }
        })?;
        Ok(features.summed(&stretched(&scores)))
    }
}

/// The binomial coefficients, as shares: a Gaussian of `count` weights.
fn binomial(count: usize) -> Vec<f64> {
    let mut weights = vec![1.0];
    while weights.len() < count {
        let shifted = std::iter::once(&0.0).chain(&weights);
        let sums = shifted.zip(weights.iter().chain([&0.0]));
        weights = sums.map(|(a, b)| (a + b) / 2.0).collect();
    }
    weights
}

/// The places of the map under a kernel that is centred at a position, each with its weight.
fn around(position: usize, size: Size, weights: &[f64]) -> impl Iterator<Item = (usize, f64)> {
    let reach = weights.len() / 2;
    let along = move |at: usize, length: usize| {
        let places = weights.iter().enumerate();
        let places =
            places.filter_map(move |(i, &weight)| Some(((at + i).checked_sub(reach)?, weight)));
        places.filter(move |&(place, _)| place < length)
    };
    let (row, column) = (position / size.width(), position % size.width());
    along(row, size.height()).flat_map(move |(y, vertical)| {
        along(column, size.width())
            .map(move |(x, horizontal)| (y * size.width() + x, vertical * horizontal))
    })
}

/// Scores from 0 to 1, 0 if all are alike. What is taken off is a part of each, so that scores which differ by rounding alone are seen to
/// vanish.
fn stretched(scores: &[f64]) -> Vec<Sum> {
    let low = scores.iter().copied().fold(f64::INFINITY, f64::min);
    let high = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let range = if high > low { high - low } else { 1.0 };
    let one = |score: &f64| {
        let mut sum = Sum::default();
        sum.add((score - low) / range, (score.abs() + low.abs()) / range);
        sum
    };
    scores.iter().map(one).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use candle_core::{Device, Tensor};
    use gradcam_nn::{Network, Pass};

    use super::*;
    use crate::methods::perturbation::testing::close;
    use crate::{Explainer, Method, Target, Verdict, probabilities};

    /// Two classes whose logits are products of neighbours: the head sees more than one position at a time.
    #[derive(Default)]
    struct Neighbours {
        forwards: AtomicUsize,
    }

    impl Network for Neighbours {
        fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
            self.forwards.fetch_add(1, Ordering::Relaxed);
            let x = pass.tap("maps", x.affine(0.5, 0.1)?)?;
            let (left, right) = (x.narrow(3, 0, 3)?, x.narrow(3, 1, 3)?);
            let pairs = (left * right)?.sum((2, 3))?;
            let sums = x.sum((2, 3))?;
            pairs.narrow(1, 0, 2)? + (sums.narrow(1, 1, 2)? * 0.3)?
        }
    }

    const POSITIONS: usize = 12;

    fn image() -> Tensor {
        let values: Vec<f32> = (0..3 * POSITIONS).map(|i| (i as f32 * 0.7).sin()).collect();
        Tensor::from_vec(values, (1, 3, 3, 4), &Device::Cpu).unwrap()
    }

    /// The logits with these activations, without candle.
    fn logits(maps: &[f32]) -> [f32; 2] {
        [0, 1].map(|class| {
            let map = &maps[class * POSITIONS..][..POSITIONS];
            let other = &maps[(class + 1) * POSITIONS..][..POSITIONS];
            let pairs = (0..POSITIONS).filter(|i| i % 4 < 3);
            let pairs: f32 = pairs.map(|i| map[i] * map[i + 1]).sum();
            pairs + 0.3 * other.iter().sum::<f32>()
        })
    }

    /// The method word for word.
    fn by_hand(mask: impl Fn(usize, usize) -> f32, score: impl Fn([f32; 2]) -> f32) -> Vec<f32> {
        let image = image().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let scores = (0..POSITIONS).map(|position| {
            let masked = image.iter().enumerate();
            let masked = masked.map(|(i, x)| (x * 0.5 + 0.1) * mask(position, i % POSITIONS));
            score(logits(&masked.collect::<Vec<f32>>()))
        });
        let scores: Vec<f32> = scores.collect();
        let low = scores.iter().copied().fold(f32::INFINITY, f32::min);
        let high = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        scores.iter().map(|s| (s - low) / (high - low)).collect()
    }

    fn alone(position: usize, other: usize) -> f32 {
        f32::from(u8::from(position == other))
    }

    fn shown(options: ReciproCam, target: Target, counterfactual: bool) -> Vec<f32> {
        let explainer = Explainer {
            counterfactual,
            ..Explainer::of(Method::ReciproCam(options)).at("maps")
        };
        let map = explainer.explain_one(&Neighbours::default(), &image(), target);
        map.unwrap().raw().values().to_vec()
    }

    #[test]
    fn a_position_counts_by_what_it_says_alone() {
        let plain = ReciproCam {
            probability: false,
            ..ReciproCam::default()
        };
        for class in [0, 1] {
            let probability = by_hand(alone, |logits| probabilities(&logits)[class]);
            let found = shown(ReciproCam::default(), Target::Index(class), false);
            close(&found, &probability, 1e-5);
            let found = shown(plain, Target::Index(class), false);
            close(&found, &by_hand(alone, |logits| logits[class]), 1e-5);
            // Against the class the order turns over.
            let against = shown(ReciproCam::default(), Target::Index(class), true);
            let turned: Vec<f32> = probability.iter().map(|v| 1.0 - v).collect();
            close(&against, &turned, 1e-5);
        }
        // A difference has no probability.
        let difference = shown(ReciproCam::default(), Target::Difference(0, 1), false);
        close(&difference, &by_hand(alone, |y| y[0] - y[1]), 1e-5);
    }

    /// The weights of neighbours by hand, cut off at the border.
    #[test]
    fn a_kernel_keeps_the_neighbours_by_a_gaussian() {
        let by = |kernel: usize, weights: &'static [f32]| {
            let mask = move |position: usize, other: usize| {
                let weight =
                    |a: usize, b: usize| weights.get(a.abs_diff(b)).copied().unwrap_or(0.0);
                weight(position / 4, other / 4) * weight(position % 4, other % 4)
            };
            let options = ReciproCam {
                kernel,
                ..ReciproCam::default()
            };
            let expected = by_hand(mask, |logits| probabilities(&logits)[1]);
            close(&shown(options, Target::Index(1), false), &expected, 1e-5);
        };
        by(3, &[0.5, 0.25]);
        by(5, &[0.375, 0.25, 0.0625]);
    }

    /// Those of the explanation and of the head's own, and one for each position.
    #[test]
    fn forwards_are_as_many_as_it_says() {
        let network = Neighbours::default();
        let explainer = Explainer::of(Method::ReciproCam(ReciproCam::default())).at("maps");
        explainer
            .explain_one(&network, &image(), Target::Index(0))
            .unwrap();
        assert_eq!(network.forwards.load(Ordering::Relaxed), 2 + POSITIONS);
    }

    /// The stretch would blow rounding up to a whole map.
    #[test]
    fn scores_that_hardly_differ_vanish() {
        struct Sure;
        impl Network for Sure {
            fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
                let x = pass.tap("maps", x.clone())?;
                x.sum((2, 3))?.narrow(1, 0, 2)?.affine(1e-6, 1.0)
            }
        }
        let explainer = Explainer::of(Method::ReciproCam(ReciproCam::default())).at("maps");
        let map = explainer
            .explain_one(&Sure, &image(), Target::Index(0))
            .unwrap();
        assert_eq!(map.verdict, Verdict::Vanishing);
    }
}
