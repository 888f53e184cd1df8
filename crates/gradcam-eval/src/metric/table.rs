//! The metrics, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::about::{About, Direction, Need};
use crate::{Error, Result};

/// Writes the enum and its table.
macro_rules! metrics {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:literal, $title:literal, $paper:expr, $direction:ident, [$($need:ident),*], $worst:expr;)*) => {
        /// A metric with its usual options: it parses from and prints to its name. The functions of this crate have the options.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Metric {
            $($(#[doc = $doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Metric {
            /// Every metric, in the order of the documentation.
            pub const ALL: &[Metric] = &[$(Metric::$variant),*];

            /// The usual name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Metric::$variant => $name,)*
                }
            }

            /// Title, paper, direction and needs.
            pub fn about(self) -> About {
                match self {
                    $(Metric::$variant => About {
                        title: $title,
                        paper: $paper,
                        direction: Direction::$direction,
                        needs: &[$(Need::$need),*],
                        worst: $worst,
                    },)*
                }
            }
        }
    };
}

const GOMEZ: &str =
    "Gomez et al. 2022, Metrics for saliency map evaluation of deep learning explanation methods";
const RISE: &str =
    "Petsiuk et al. 2018, RISE: Randomized Input Sampling for Explanation of Black-box Models";
const ADEBAYO: &str = "Adebayo et al. 2018, Sanity Checks for Saliency Maps";
const ARUN: &str = "Arun et al. 2021, Assessing the Trustworthiness of Saliency Maps for Localizing Abnormalities in Medical Imaging";
const SAPORTA: &str =
    "Saporta et al. 2022, Benchmarking saliency methods for chest X-ray interpretation";
const YEH: &str = "Yeh et al. 2019, On the (In)fidelity and Sensitivity of Explanations";
const CHATTOPADHAY: &str = "Chattopadhay et al. 2018, Grad-CAM++: Generalized Gradient-based Visual Explanations for Deep Convolutional Networks";
const ZHANG: &str = "Zhang et al. 2016, Top-down Neural Attention by Excitation Backprop";
const SELVARAJU: &str = "Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization";
const NONE: &str = "";

metrics! {
    /// [`sparsity`](crate::metrics::sparsity) of the map brought to 0 to 1, at the map's own resolution.
    Sparsity = "sparsity", "Sparsity", GOMEZ, None, [], None;
    /// The same at the input's resolution.
    SparsityUpsampled = "sparsity-upsampled", "Sparsity at the input's resolution", GOMEZ, None, [], None;
    /// [`gini`](crate::metrics::gini) at the map's own resolution.
    Gini = "gini", "Gini index", "Chalasani et al. 2020, Concise Explanations of Neural Networks using Adversarial Training", None, [], None;
    /// [`entropy`](crate::metrics::entropy) at the map's own resolution.
    Entropy = "entropy", "Entropy", "Bhatt et al. 2020, Evaluating and Aggregating Feature-based Model Explanations", None, [], None;
    /// [`ssim`](crate::metrics::ssim) with another map, both brought to 0 to 1, in 7 × 7 windows with a range of 1.
    Ssim = "ssim", "Structural similarity", "Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity", Up, [OtherMap], Some(-1.0);
    /// [`ssim`](crate::metrics::ssim) with another map, both brought to 0 to 1, in Gaussian windows with a range of 1.
    SsimGaussian = "ssim-gaussian", "Structural similarity in Gaussian windows", "Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity", Up, [OtherMap], Some(-1.0);
    /// [`spearman`](crate::metrics::spearman) with another map.
    Spearman = "spearman", "Rank correlation", ADEBAYO, Up, [OtherMap], Some(-1.0);
    /// [`spearman_absolute`](crate::metrics::spearman_absolute) with another map.
    SpearmanAbsolute = "spearman-absolute", "Rank correlation of absolute values", ADEBAYO, Up, [OtherMap], Some(-1.0);
    /// [`hog_correlation`](crate::metrics::hog_correlation) with another map.
    Hog = "hog", "Rank correlation of gradient histograms", ADEBAYO, Up, [OtherMap], Some(-1.0);
    /// [`top_overlap`](crate::metrics::top_overlap) with another map, of the highest 15 %.
    TopOverlap = "top-overlap", "Overlap of the highest 15 %", NONE, Up, [OtherMap], Some(0.0);
    /// [`displacement`](crate::metrics::displacement) from the peak of another map, in pixels.
    Displacement = "displacement", "Displacement of the peak", NONE, Down, [OtherMap], None;
    /// [`average_precision`](crate::metrics::average_precision).
    AveragePrecision = "average-precision", "Average precision", ARUN, Up, [Mask], Some(0.0);
    /// [`precision_trapezoid`](crate::metrics::precision_trapezoid), for comparison with the paper.
    PrecisionTrapezoid = "precision-trapezoid", "Area under the precision-recall curve (trapezoid)", ARUN, Up, [Mask], Some(0.0);
    /// [`segmentation_iou`](crate::metrics::segmentation_iou) at Otsu's threshold.
    IouOtsu = "iou-otsu", "IoU at Otsu's threshold", SAPORTA, Up, [Mask], Some(0.0);
    /// [`segmentation_iou`](crate::metrics::segmentation_iou) at half the map's range.
    IouHalf = "iou-half", "IoU at half the range", SAPORTA, Up, [Mask], Some(0.0);
    /// [`segmentation_iou`](crate::metrics::segmentation_iou) at the one of the [`THRESHOLDS`](crate::metrics::THRESHOLDS) that fits other images best.
    IouTuned = "iou-tuned", "IoU at a tuned threshold", SAPORTA, Up, [Mask, Threshold], Some(0.0);
    /// [`pointing`](crate::metrics::pointing) with a tolerance of 15 pixels at 224.
    Pointing = "pointing", "Pointing game", ZHANG, Up, [Mask], Some(0.0);
    /// The same, with the mean over classes of their images' means in place of that over images.
    PointingClassMean = "pointing-class-mean", "Pointing game, mean over classes", ZHANG, Up, [Mask, Class], Some(0.0);
    /// The same on the images whose object covers less than a quarter, with an object of another class beside it.
    PointingDifficult = "pointing-difficult", "Pointing game, difficult images", ZHANG, Up, [Mask, Distractor], Some(0.0);
    /// [`pointing`](crate::metrics::pointing) without tolerance.
    Hit = "hit", "Hit rate", SAPORTA, Up, [Mask], Some(0.0);
    /// [`energy_inside`](crate::metrics::energy_inside).
    Energy = "energy", "Energy inside the object", "Wang et al. 2020, Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", Up, [Mask], Some(0.0);
    /// [`localise`](crate::metrics::localise) at 15 % against the box of the mask: 1 for a hit.
    Localisation = "localisation", "Localisation within IoU 0.5", SELVARAJU, Up, [Mask], Some(0.0);
    /// 0 where the class is the network's first and its map a hit of [`localise`](crate::metrics::localise), else 1; maps of other classes cannot be right.
    LocalisationErrorTop1 = "localisation-error-top1", "Localisation error, top 1", SELVARAJU, Down, [Mask, Class], Some(1.0);
    /// The same where the class is among the network's first five.
    LocalisationErrorTop5 = "localisation-error-top5", "Localisation error, top 5", SELVARAJU, Down, [Mask, Class], Some(1.0);
    /// [`deletion`](crate::faithfulness::deletion).
    Deletion = "deletion", "Deletion", RISE, Down, [Network], Some(1.0);
    /// [`insertion`](crate::faithfulness::insertion).
    Insertion = "insertion", "Insertion", RISE, Up, [Network], Some(0.0);
    /// The area of [`gomez_deletion`](crate::faithfulness::gomez_deletion), of the map at its own resolution.
    Dauc = "dauc", "Deletion at the map's resolution (DAUC)", GOMEZ, Down, [Network], Some(1.0);
    /// The area of [`gomez_insertion`](crate::faithfulness::gomez_insertion), of the map at its own resolution.
    Iauc = "iauc", "Insertion at the map's resolution (IAUC)", GOMEZ, Up, [Network], Some(0.0);
    /// The correlation of [`gomez_deletion`](crate::faithfulness::gomez_deletion).
    DeletionCorrelation = "deletion-correlation", "Deletion correlation (DC)", GOMEZ, Up, [Network], Some(-1.0);
    /// The correlation of [`gomez_insertion`](crate::faithfulness::gomez_insertion).
    InsertionCorrelation = "insertion-correlation", "Insertion correlation (IC)", GOMEZ, Up, [Network], Some(-1.0);
    /// The correlation of [`gomez_deletion`](crate::faithfulness::gomez_deletion) with each step alone.
    DeletionCorrelationAlone = "deletion-correlation-alone", "Deletion correlation (DC), not cumulative", GOMEZ, Up, [Network], Some(-1.0);
    /// The correlation of [`gomez_insertion`](crate::faithfulness::gomez_insertion) with each step alone.
    InsertionCorrelationAlone = "insertion-correlation-alone", "Insertion correlation (IC), not cumulative", GOMEZ, Up, [Network], Some(-1.0);
    /// The combined value of [`road`](crate::faithfulness::road).
    Road = "road", "Remove and debias (ROAD)", "Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods", Up, [Network], Some(-0.5);
    /// The drop of [`average_drop`](crate::faithfulness::average_drop).
    AverageDrop = "average-drop", "Average drop", CHATTOPADHAY, Down, [Network], Some(1.0);
    /// The increase of [`average_drop`](crate::faithfulness::average_drop): 1 where there is one.
    Increase = "increase", "Increase in confidence", CHATTOPADHAY, Up, [Network], Some(0.0);
    /// The drop in deletion of [`average_drop`](crate::faithfulness::average_drop).
    DropInDeletion = "drop-in-deletion", "Average drop in deletion", "Jung and Oh 2021, Towards Better Explanations of Class Activation Mapping", Up, [Network], None;
    /// [`infidelity`](crate::faithfulness::infidelity) of squares, with scaling.
    Infidelity = "infidelity", "Infidelity", YEH, Down, [Network], None;
    /// [`sensitivity_n`](crate::faithfulness::sensitivity_n) of a tenth of the pixels.
    SensitivityN = "sensitivity-n", "Sensitivity-n", "Ancona et al. 2018, Towards better understanding of gradient-based attribution methods for Deep Neural Networks", Up, [Network], Some(-1.0);
    /// [`region_perturbation`](crate::faithfulness::region_perturbation).
    RegionPerturbation = "region-perturbation", "Region perturbation (AOPC)", "Samek et al. 2017, Evaluating the Visualization of What a Deep Neural Network Has Learned", Up, [Network], Some(-1.0);
    /// [`max_sensitivity`](crate::faithfulness::max_sensitivity).
    MaxSensitivity = "max-sensitivity", "Max-sensitivity", YEH, Down, [Network, Explainer], None;
    /// [`input_invariance`](crate::faithfulness::input_invariance) under a shift of -1 at each channel.
    InputInvariance = "input-invariance", "Input invariance", "Kindermans et al. 2019, The (Un)reliability of Saliency Methods", Down, [Network, Explainer], None;
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = Error;
    fn from_str(name: &str) -> Result<Self> {
        let found = Metric::ALL.iter().find(|metric| metric.name() == name);
        found.copied().ok_or_else(|| Error::UnknownMetric {
            name: name.to_string(),
            nearest: gradcam_names::nearest(name, Metric::ALL.iter().map(|m| m.name())),
        })
    }
}
