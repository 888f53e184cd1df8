//! What values the metrics can have.

use serde::Serialize;

use super::table::Metric;

/// What values a metric can have.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Range {
    /// The least; `None` where there is none.
    pub least: Option<f64>,
    /// The largest; `None` where there is none.
    pub most: Option<f64>,
    /// What a value counts.
    pub unit: &'static str,
}

impl Metric {
    /// What values it can have: those of one image, and so their mean.
    pub fn range(self) -> Range {
        let range =
            |least: Option<f64>, most: Option<f64>, unit: &'static str| Range { least, most, unit };
        let share = |unit: &'static str| range(Some(0.0), Some(1.0), unit);
        let from_zero = |unit: &'static str| range(Some(0.0), None, unit);
        let signed = |unit: &'static str| range(Some(-1.0), Some(1.0), unit);
        match self {
            Metric::Sparsity | Metric::SparsityUpsampled => {
                range(Some(1.0), None, "largest value over the mean")
            }
            Metric::Gini => share("inequality"),
            Metric::Entropy => from_zero("nats"),
            Metric::Ssim | Metric::SsimGaussian => signed("similarity"),
            Metric::Spearman
            | Metric::SpearmanAbsolute
            | Metric::Hog
            | Metric::DeletionCorrelation
            | Metric::InsertionCorrelation
            | Metric::DeletionCorrelationAlone
            | Metric::InsertionCorrelationAlone
            | Metric::SensitivityN => signed("correlation"),
            Metric::TopOverlap => share("share of the pixels"),
            Metric::Displacement => from_zero("pixels"),
            Metric::AveragePrecision | Metric::PrecisionTrapezoid => share("precision"),
            Metric::IouOtsu | Metric::IouHalf | Metric::IouTuned => {
                share("intersection over union")
            }
            Metric::Pointing
            | Metric::PointingClassMean
            | Metric::PointingDifficult
            | Metric::Hit
            | Metric::Localisation
            | Metric::LocalisationErrorTop1
            | Metric::LocalisationErrorTop5
            | Metric::Increase => share("share of the images"),
            Metric::Energy => share("share of the map"),
            Metric::Deletion | Metric::Insertion | Metric::Dauc | Metric::Iauc => {
                share("probability")
            }
            Metric::Road => range(Some(-0.5), Some(0.5), "probability"),
            Metric::AverageDrop => share("share of the probability"),
            Metric::DropInDeletion => range(None, Some(1.0), "share of the probability"),
            Metric::Infidelity => from_zero("squared logits"),
            Metric::RegionPerturbation => signed("probability"),
            Metric::MaxSensitivity => from_zero("share of the map's norm"),
            Metric::InputInvariance => from_zero("share of the map's largest value"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What stands for a missing value is a value.
    #[test]
    fn the_worst_is_within_the_range() {
        for metric in Metric::ALL {
            let Some(worst) = metric.about().worst else {
                continue;
            };
            let range = metric.range();
            assert!(range.least.is_none_or(|least| least <= worst), "{metric}");
            assert!(range.most.is_none_or(|most| worst <= most), "{metric}");
        }
    }
}
