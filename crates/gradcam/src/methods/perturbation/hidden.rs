//! An image whose parts can be hidden, and its score.

use gradcam_map::Size;

use crate::methods::baseline::Baseline;
use crate::saliency::Subject;
use crate::seen::observation::values;
use crate::{Mask, Result, masked_logits};

/// The image of a subject, and the content of its hidden parts.
pub(super) struct Hidden<'a> {
    pub(super) subject: &'a Subject<'a>,
    baseline: Vec<f32>,
}

impl<'a> Hidden<'a> {
    /// Makes the image with the baseline of its hidden parts; `seed` is for a uniform baseline.
    pub(super) fn new(subject: &'a Subject<'a>, baseline: Baseline, seed: u64) -> Result<Self> {
        let baseline = baseline.of(subject.image, subject.inputs, seed)?;
        Ok(Hidden {
            subject,
            baseline: values(&baseline)?,
        })
    }

    /// Returns the image's height and width.
    pub(super) fn size(&self) -> Size {
        self.subject.features.size
    }

    /// Returns the score of the whole image, without a forward pass.
    pub(super) fn whole(&self) -> Result<f64> {
        self.subject.score(self.subject.logits)
    }

    /// Returns the score under each of `count` masks (1 shows, 0 hides).
    pub(super) fn scores<M: Into<Mask>>(
        &self,
        count: usize,
        mask: impl Fn(usize) -> M + Sync,
    ) -> Result<Vec<f64>> {
        self.scores_by(count, mask, |logits| self.subject.score(logits))
    }

    /// Like [`scores`](Hidden::scores), with another score of the logits.
    pub(super) fn scores_by<M: Into<Mask>>(
        &self,
        count: usize,
        mask: impl Fn(usize) -> M + Sync,
        score: impl Fn(&[f32]) -> Result<f64>,
    ) -> Result<Vec<f64>> {
        let Subject { network, image, .. } = *self.subject;
        let mut scores = Vec::with_capacity(count);
        masked_logits(network, image, &self.baseline, count, mask, |_, logits| {
            scores.push(score(logits)?);
            Ok(())
        })?;
        Ok(scores)
    }
}
