//! Ablation-CAM (Desai and Ramaswamy 2020).

use rayon::prelude::*;

use crate::Result;
use crate::methods::about::{About, SCORES};
use crate::methods::recipe::Recipe;
use crate::saliency::{Features, SignedMap, Subject};
use crate::seen::head::Head;
use crate::seen::observation::values;

/// Ablation-CAM.
pub(crate) struct AblationCam;

impl Recipe for AblationCam {
    fn about(&self) -> About {
        About {
            paper: "Desai and Ramaswamy 2020, Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization",
            cost: "1 forward, and 1 of the head for each channel of the layer",
            ..SCORES
        }
    }

    /// The weight of each channel: what the score loses when the channel is zero everywhere.
    ///
    /// Equation 3 divides by the score `y`, one number for all channels. That is left out: it would turn the map over where `y` is negative,
    /// and blow it up near 0. Only the part of the network behind the layer runs for each channel. In a transformer the channel stays in the
    /// tokens before the patches; pytorch-grad-cam takes it out there too.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let Features { activation, .. } = subject.features;
        let positions = subject.features.positions();
        let channels = activation.len() / positions;
        let head = Head::new(subject.network, subject.image, subject.layer)?;
        let whole = subject.score(subject.logits)?;
        let one = |channel: usize| -> Result<f64> {
            let mut without = activation.to_vec();
            without[channel * positions..][..positions].fill(0.0);
            Ok(whole - subject.score(&values(&head.output(without)?)?)?)
        };
        let weights: Vec<Result<f64>> = match subject.image.device().is_cpu() {
            true => (0..channels)
                .into_par_iter()
                .with_max_len(1)
                .map(one)
                .collect(),
            false => (0..channels).map(one).collect(),
        };
        let weights = weights.into_iter().collect::<Result<Vec<f64>>>()?;
        Ok(subject.features.weighted(weights))
    }
}
