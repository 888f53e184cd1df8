//! Ablation-CAM (Desai and Ramaswamy 2020).

use crate::Result;
use crate::methods::about::{About, SCORES};
use crate::methods::recipe::Recipe;
use crate::saliency::{Features, SignedMap, Subject};
use crate::seen::head::Head;

/// Ablation-CAM.
pub(crate) struct AblationCam;

impl Recipe for AblationCam {
    fn about(&self) -> About {
        About {
            paper: "Desai and Ramaswamy 2020, Ablation-CAM: Visual Explanations for Deep Convolutional Network via Gradient-free Localization",
            cost: "2 forwards, and 1 of the head for each channel of the layer",
            ..SCORES
        }
    }

    /// Weights each channel by the score's loss if the channel is zero everywhere.
    ///
    /// Equation 3 divides by the score `y`, one number for all channels. This division is left out: it would flip the map's sign if `y` is
    /// negative, and blow the map up near 0. Only the part of the network after the layer runs for each channel. In a transformer, the
    /// channel stays in the tokens before the patches; pytorch-grad-cam removes it there too.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let Features { activation, .. } = subject.features;
        let positions = subject.features.positions();
        let channels = activation.len() / positions;
        let head = Head::new(subject.network, subject.image, subject.layer)?;
        let whole = subject.score(subject.logits)?;
        let without = |channel: usize| {
            let mut without = activation.to_vec();
            without[channel * positions..][..positions].fill(0.0);
            without
        };
        let left = head.scores(channels, without, |logits| subject.score(logits))?;
        let weights = left.into_iter().map(|left| whole - left);
        Ok(subject.features.weighted(weights))
    }
}
