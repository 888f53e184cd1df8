//! Recipro-CAM (Byun and Lee 2022).

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::methods::about::{About, SCORES};
use crate::methods::recipe::Recipe;
use crate::saliency::{SignedMap, Subject, Sum};
use crate::seen::head::Head;

/// Options of [`Method::ReciproCam`](crate::Method::ReciproCam).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReciproCam {
    /// Whether the score of a class is its probability, as in the paper. `false` takes the logit, as OpenVINO XAI does for a network without a
    /// softmax of its own. Outputs that are a softmax already are taken as they are.
    pub probability: bool,
}

impl Default for ReciproCam {
    /// By the probability.
    fn default() -> Self {
        ReciproCam { probability: true }
    }
}

impl Recipe for ReciproCam {
    fn about(&self) -> About {
        About {
            paper: "Byun and Lee 2022, Recipro-CAM: Fast gradient-free visual explanations for convolutional neural networks",
            cost: "2 forwards, and 1 of the head for each position of the layer",
            ..SCORES
        }
    }

    /// The score with the activations of one position alone, the others being 0: for each position, brought to 0…1.
    ///
    /// In a transformer a position is a patch, and the tokens before the patches keep their values, as in ViT-ReciproCAM (Byun and Lee 2023).
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let features = subject.features;
        let positions = features.positions();
        let head = Head::new(subject.network, subject.image, subject.layer)?;
        let alone = |position: usize| {
            let mut alone = vec![0.0; features.activation.len()];
            for index in (position..alone.len()).step_by(positions) {
                alone[index] = features.activation[index];
            }
            alone
        };
        let scores = head.scores(positions, alone, |logits| match self.probability {
            true => subject.probability(logits),
            false => subject.score(logits),
        })?;
        Ok(features.summed(&stretched(&scores)))
    }
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
