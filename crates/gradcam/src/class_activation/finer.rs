//! Finer-CAM (Zhang et al. 2025).

use crate::method::FinerCam;
use crate::target::{Target, ranking};
use crate::{Error, Result};

/// The class's logit less `gamma` times the mean logit of the classes that the network confuses it with (section 3.2).
///
/// The paper finds those by the similarity of the classifier's weights, or by the logits; here it is the logits nearest to the target's,
/// which any head has. torch-cam takes one weight for all references too; pytorch-grad-cam weighs them by their probabilities, which is
/// another method.
pub(super) fn objective(options: &FinerCam, target: &Target, logits: &[f32]) -> Result<Target> {
    let &Target::Index(class) = target else {
        return Err(Error::NeedsClass("finer-cam"));
    };
    let count = options.references.min(logits.len().saturating_sub(1));
    let mut others = ranking(logits);
    others.retain(|&other| other != class);
    // A stable sort: ties go to the larger logit, then to the smaller index.
    others.sort_by(|&a, &b| {
        let far = |i: usize| (logits[i] - logits[class]).abs();
        far(a).total_cmp(&far(b))
    });
    let share = -(options.gamma / count.max(1) as f64) as f32;
    let references = others.into_iter().take(count).map(|other| (other, share));
    Ok(Target::Weighted(
        std::iter::once((class, 1.0)).chain(references).collect(),
    ))
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
        let found = objective(&options, &Target::Index(1), &logits).unwrap();
        let Target::Weighted(parts) = found else {
            panic!("{found:?}")
        };
        assert_eq!(parts, [(1, 1.0), (2, -0.3), (4, -0.3)]);
        let other = objective(&options, &Target::Difference(0, 1), &logits);
        assert!(matches!(other, Err(Error::NeedsClass("finer-cam"))));
    }
}
