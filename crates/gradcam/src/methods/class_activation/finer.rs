//! Finer-CAM (Zhang et al. 2025).

use serde::{Deserialize, Serialize};

use super::grad_cam;
use crate::methods::about::{About, LAYER};
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};
use crate::target::{Target, ranking};
use crate::{Error, Result};

/// Options of [`Method::FinerCam`](crate::Method::FinerCam).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FinerCam {
    /// Number of classes to compare the target with: those with the nearest logits.
    pub references: usize,
    /// The fraction of their mean score that is subtracted.
    pub gamma: f64,
}

impl Default for FinerCam {
    /// The three nearest classes, at 0.6.
    fn default() -> Self {
        FinerCam {
            references: 3,
            gamma: 0.6,
        }
    }
}

impl Recipe for FinerCam {
    fn about(&self) -> About {
        About {
            paper: "Zhang et al. 2025, Finer-CAM: Spotting the Difference Reveals Finer Details for Visual Explanation",
            ..LAYER
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.count("references", self.references)?;
        check.finite("gamma", self.gamma)
    }

    /// Returns the class's logit minus `gamma` times the mean logit of the classes that the network confuses it with (section 3.2).
    ///
    /// The paper finds these classes by the similarity of the classifier's weights, or by the logits. Here they are those with the logits
    /// nearest to the target's, which any head has. torch-cam also takes one weight for all references; pytorch-grad-cam weights them by
    /// their probabilities, which is another method.
    fn objective(&self, target: &Target, logits: &[f32]) -> Result<Option<Target>> {
        let &Target::Index(class) = target else {
            return Err(Error::NeedsClass("finer-cam"));
        };
        let count = self.references.min(logits.len().saturating_sub(1));
        let mut others = ranking(logits);
        others.retain(|&other| other != class);
        // A stable sort: ties go to the larger logit, then to the smaller index.
        others.sort_by(|&a, &b| {
            let far = |i: usize| (logits[i] - logits[class]).abs();
            far(a).total_cmp(&far(b))
        });
        let share = -(self.gamma / count.max(1) as f64) as f32;
        let references = others.into_iter().take(count).map(|other| (other, share));
        Ok(Some(Target::Weighted(
            std::iter::once((class, 1.0)).chain(references).collect(),
        )))
    }

    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        // Grad-CAM for another score.
        Ok(grad_cam::signed_map(subject.features))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_logits_are_the_references() {
        let options = FinerCam {
            references: 2,
            gamma: 0.6,
        };
        let logits = [1.0, 5.0, 4.5, -3.0, 6.0];
        let found = options.objective(&Target::Index(1), &logits).unwrap();
        let Some(Target::Weighted(parts)) = found else {
            panic!("{found:?}")
        };
        assert_eq!(parts, [(1, 1.0), (2, -0.3), (4, -0.3)]);
        let other = options.objective(&Target::Difference(0, 1), &logits);
        assert!(matches!(other, Err(Error::NeedsClass("finer-cam"))));
    }
}
