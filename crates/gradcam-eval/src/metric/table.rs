//! The metrics, by name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::about::{About, Cost, Direction, Mean, Need, Places};
use super::card_test::{Against, CardTest};
use super::protocols;
use super::range::{from_zero, range, share, signed};
use crate::card::Section::{self, InputSensitivity, Minimality, PerceptualCorrespondence};
use crate::evaluate::Null;
use crate::{Error, Resolution, Result};

/// Generates the enum and its table. A row has everything about a metric except how it is measured: name, title, paper; direction, range,
/// worst value, needs, resolution, places, cost, mean; and its test on a card.
macro_rules! metrics {
    ($(
        $(#[doc = $doc:literal])*
        $variant:ident = $name:literal, $title:literal, $paper:expr;
            $direction:ident, $range:expr, $worst:expr, [$($need:ident),*], $resolution:ident, $places:ident, $cost:ident, $mean:ident;
            $test:expr;
    )*) => {
        /// A metric with its usual options, parsed from and printed as its name. The functions of this crate take other options.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum Metric {
            $($(#[doc = $doc])* #[serde(rename = $name)] $variant,)*
        }

        impl Metric {
            /// Every metric, in the order of the documentation.
            pub const ALL: &[Metric] = &[$(Metric::$variant),*];

            /// Returns the usual name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Metric::$variant => $name,)*
                }
            }

            /// Returns its properties, known before it is measured.
            pub fn about(self) -> About {
                match self {
                    $(Metric::$variant => About {
                        title: $title,
                        paper: $paper,
                        direction: Direction::$direction,
                        range: $range,
                        worst: $worst,
                        needs: &[$(Need::$need),*],
                        resolution: Resolution::$resolution,
                        places: Places::$places,
                        cost: Cost::$cost,
                        mean: Mean::$mean,
                        test: $test,
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

/// Pixels in a random order, and the centre.
const BLIND: Against = Against::Nulls(&[Null::Random, Null::Centre]);
/// The map's own values in other positions.
const CELLS: Against = Against::Nulls(&[Null::Permuted]);
const ORDERS: Against = Against::Nulls(&[Null::Permuted, Null::Shuffled]);
const OBJECTS: Against = Against::Nulls(&[Null::Random, Null::Untrained, Null::MeanMask]);
const PLACES: Against = Against::Nulls(&[Null::Random, Null::Centre, Null::Untrained]);
/// Not graded, because neither direction is better.
const DESCRIBED: Against = Against::Nulls(&[]);

fn test(
    id: &'static str,
    section: Section,
    group: u8,
    against: Against,
    protocol: &'static str,
) -> CardTest {
    CardTest {
        id,
        section,
        group,
        against,
        protocol,
        curve: None,
        first: None,
    }
}

metrics! {
    /// [`sparsity`](crate::metrics::sparsity) of the map rescaled to 0 to 1, at the map's own resolution.
    Sparsity = "sparsity", "Sparsity", GOMEZ;
        None, range(Some(1.0), None, "largest value over the mean"), None, [], Own, Values, Quick, Images;
        Some(test("sparsity", Minimality, 1, DESCRIBED, protocols::READ));
    /// The same at the input's resolution.
    SparsityUpsampled = "sparsity-upsampled", "Sparsity at the input's resolution", GOMEZ;
        None, range(Some(1.0), None, "largest value over the mean"), None, [], Input, Values, Quick, Images;
        Some(test("sparsity.input", Minimality, 1, DESCRIBED, protocols::READ));
    /// [`gini`](crate::metrics::gini) at the map's own resolution.
    Gini = "gini", "Gini index", "Chalasani et al. 2020, Concise Explanations of Neural Networks using Adversarial Training";
        None, share("inequality"), None, [], Own, Values, Quick, Images;
        Some(test("gini", Minimality, 1, DESCRIBED, protocols::READ));
    /// [`entropy`](crate::metrics::entropy) at the map's own resolution.
    Entropy = "entropy", "Entropy", "Bhatt et al. 2020, Evaluating and Aggregating Feature-based Model Explanations";
        None, from_zero("nats"), None, [], Own, Values, Quick, Images;
        Some(test("entropy", Minimality, 1, DESCRIBED, protocols::READ));
    /// [`ssim`](crate::metrics::ssim) with another map, both rescaled to 0 to 1, in 7 × 7 windows with a range of 1.
    Ssim = "ssim", "Structural similarity", "Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity";
        Up, signed("similarity"), Some(-1.0), [OtherMap], Input, Values, Quick, Images;
        None;
    /// [`ssim`](crate::metrics::ssim) with another map, both rescaled to 0 to 1, in Gaussian windows with a range of 1.
    SsimGaussian = "ssim-gaussian", "Structural similarity in Gaussian windows", "Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity";
        Up, signed("similarity"), Some(-1.0), [OtherMap], Input, Values, Quick, Images;
        None;
    /// [`spearman`](crate::metrics::spearman) with another map.
    Spearman = "spearman", "Rank correlation", ADEBAYO;
        Up, signed("correlation"), Some(-1.0), [OtherMap], Input, Values, Quick, Images;
        None;
    /// [`spearman_absolute`](crate::metrics::spearman_absolute) with another map.
    SpearmanAbsolute = "spearman-absolute", "Rank correlation of absolute values", ADEBAYO;
        Up, signed("correlation"), Some(-1.0), [OtherMap], Input, Values, Quick, Images;
        None;
    /// [`hog_correlation`](crate::metrics::hog_correlation) with another map.
    Hog = "hog", "Rank correlation of gradient histograms", ADEBAYO;
        Up, signed("correlation"), Some(-1.0), [OtherMap], Input, Values, Quick, Images;
        None;
    /// [`top_overlap`](crate::metrics::top_overlap) with another map, of the highest 15 %.
    TopOverlap = "top-overlap", "Overlap of the highest 15 %", NONE;
        Up, share("share of the pixels"), Some(0.0), [OtherMap], Input, Values, Quick, Images;
        None;
    /// [`displacement`](crate::metrics::displacement) from the peak of another map, in pixels.
    Displacement = "displacement", "Displacement of the peak", NONE;
        Down, from_zero("pixels"), None, [OtherMap], Input, Peak, Quick, Images;
        None;
    /// [`average_precision`](crate::metrics::average_precision).
    AveragePrecision = "average-precision", "Average precision", ARUN;
        Up, share("precision"), Some(0.0), [Mask], Input, Values, Quick, Images;
        Some(test("localization_utility.ap", PerceptualCorrespondence, 1, OBJECTS, protocols::MASK));
    /// [`precision_trapezoid`](crate::metrics::precision_trapezoid), for comparison with the paper.
    PrecisionTrapezoid = "precision-trapezoid", "Area under the precision-recall curve (trapezoid)", ARUN;
        Up, share("precision"), Some(0.0), [Mask], Input, Values, Quick, Images;
        Some(test("localization_utility.trapezoid", PerceptualCorrespondence, 1, OBJECTS, protocols::MASK));
    /// [`segmentation_iou`](crate::metrics::segmentation_iou) at Otsu's threshold.
    IouOtsu = "iou-otsu", "IoU at Otsu's threshold", SAPORTA;
        Up, share("intersection over union"), Some(0.0), [Mask], Input, Values, Quick, Images;
        Some(test("mean_iou.otsu", PerceptualCorrespondence, 3, PLACES, protocols::MASK));
    /// [`segmentation_iou`](crate::metrics::segmentation_iou) at half the map's range.
    IouHalf = "iou-half", "IoU at half the range", SAPORTA;
        Up, share("intersection over union"), Some(0.0), [Mask], Input, Values, Quick, Images;
        Some(test("mean_iou.half", PerceptualCorrespondence, 3, PLACES, protocols::MASK));
    /// [`segmentation_iou`](crate::metrics::segmentation_iou) at the one of the [`THRESHOLDS`](crate::metrics::THRESHOLDS) that fits other images best.
    IouTuned = "iou-tuned", "IoU at a tuned threshold", SAPORTA;
        Up, share("intersection over union"), Some(0.0), [Mask, Threshold], Input, Values, Quick, Images;
        Some(test("mean_iou.tuned", PerceptualCorrespondence, 3, PLACES, protocols::TUNED));
    /// [`pointing`](crate::metrics::pointing) with a tolerance of 15 pixels at 224.
    Pointing = "pointing", "Pointing game", ZHANG;
        Up, share("share of the images"), Some(0.0), [Mask], Input, Peak, Quick, Images;
        Some(test("pointing_game", PerceptualCorrespondence, 3, PLACES, protocols::MASK));
    /// The same, but the mean over images is taken within each class first, then over the classes.
    PointingClassMean = "pointing-class-mean", "Pointing game, mean over classes", ZHANG;
        Up, share("share of the images"), Some(0.0), [Mask, Class], Input, Peak, Quick, Classes;
        Some(test("pointing_game.class_mean", PerceptualCorrespondence, 3, PLACES, protocols::CLASS_MEAN));
    /// The same on images whose object covers less than a quarter of the picture, beside an object of another class.
    PointingDifficult = "pointing-difficult", "Pointing game, difficult images", ZHANG;
        Up, share("share of the images"), Some(0.0), [Mask, Distractor], Input, Peak, Quick, Images;
        Some(test("pointing_game.difficult", PerceptualCorrespondence, 3, PLACES, protocols::DIFFICULT));
    /// [`pointing`](crate::metrics::pointing) without tolerance.
    Hit = "hit", "Hit rate", SAPORTA;
        Up, share("share of the images"), Some(0.0), [Mask], Input, Peak, Quick, Images;
        Some(test("hit_rate", PerceptualCorrespondence, 3, PLACES, protocols::MASK));
    /// [`energy_inside`](crate::metrics::energy_inside).
    Energy = "energy", "Energy inside the object", "Wang et al. 2020, Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks";
        Up, share("share of the map"), Some(0.0), [Mask], Input, Values, Quick, Images;
        Some(test("energy", PerceptualCorrespondence, 3, PLACES, protocols::MASK));
    /// [`localise`](crate::metrics::localise) at 15 % against the box of the mask: 1 for a hit.
    Localisation = "localisation", "Localisation within IoU 0.5", SELVARAJU;
        Up, share("share of the images"), Some(0.0), [Mask], Input, Values, Quick, Images;
        Some(test("weak_localization.annotated", PerceptualCorrespondence, 3, PLACES, protocols::MASK));
    /// 0 if the class is the network's first and its map a hit of [`localise`](crate::metrics::localise), otherwise 1: a map of another
    /// class cannot be correct.
    LocalisationErrorTop1 = "localisation-error-top1", "Localisation error, top 1", SELVARAJU;
        Down, share("share of the images"), Some(1.0), [Mask, Class], Input, Values, Quick, Images;
        Some(test("weak_localization.top1", PerceptualCorrespondence, 3, PLACES, protocols::LOCALISATION_ERROR).with_first(1));
    /// The same if the class is among the network's first five.
    LocalisationErrorTop5 = "localisation-error-top5", "Localisation error, top 5", SELVARAJU;
        Down, share("share of the images"), Some(1.0), [Mask, Class], Input, Values, Quick, Images;
        Some(test("weak_localization.top5", PerceptualCorrespondence, 3, PLACES, protocols::LOCALISATION_ERROR).with_first(5));
    /// [`deletion`](crate::faithfulness::deletion).
    Deletion = "deletion", "Deletion", RISE;
        Down, share("probability"), Some(1.0), [Network], Input, Order, Quick, Images;
        Some(test("deletion.rise", InputSensitivity, 1, BLIND, protocols::NETWORK).with_curve("share of pixels taken away"));
    /// [`insertion`](crate::faithfulness::insertion).
    Insertion = "insertion", "Insertion", RISE;
        Up, share("probability"), Some(0.0), [Network], Input, Order, Quick, Images;
        Some(test("insertion.rise", InputSensitivity, 2, BLIND, protocols::NETWORK).with_curve("share of pixels given back"));
    /// The area of [`gomez_deletion`](crate::faithfulness::gomez_deletion), of the map at its own resolution.
    Dauc = "dauc", "Deletion at the map's resolution (DAUC)", GOMEZ;
        Down, share("probability"), Some(1.0), [Network], Own, Order, Quick, Images;
        Some(test("deletion.gomez", InputSensitivity, 1, CELLS, protocols::NETWORK));
    /// The area of [`gomez_insertion`](crate::faithfulness::gomez_insertion), of the map at its own resolution.
    Iauc = "iauc", "Insertion at the map's resolution (IAUC)", GOMEZ;
        Up, share("probability"), Some(0.0), [Network], Own, Order, Quick, Images;
        Some(test("insertion.gomez", InputSensitivity, 2, CELLS, protocols::NETWORK));
    /// The correlation of [`gomez_deletion`](crate::faithfulness::gomez_deletion).
    DeletionCorrelation = "deletion-correlation", "Deletion correlation (DC)", GOMEZ;
        Up, signed("correlation"), Some(-1.0), [Network], Own, Order, Quick, Images;
        Some(test("luminosity_calibration.dc", PerceptualCorrespondence, 2, ORDERS, protocols::CORRELATION));
    /// The correlation of [`gomez_insertion`](crate::faithfulness::gomez_insertion).
    InsertionCorrelation = "insertion-correlation", "Insertion correlation (IC)", GOMEZ;
        Up, signed("correlation"), Some(-1.0), [Network], Own, Order, Quick, Images;
        Some(test("luminosity_calibration.ic", PerceptualCorrespondence, 2, ORDERS, protocols::CORRELATION));
    /// The correlation of [`gomez_deletion`](crate::faithfulness::gomez_deletion) with each step alone.
    DeletionCorrelationAlone = "deletion-correlation-alone", "Deletion correlation (DC), not cumulative", GOMEZ;
        Up, signed("correlation"), Some(-1.0), [Network], Own, Order, Quick, Images;
        Some(test("luminosity_calibration.dc_alone", PerceptualCorrespondence, 2, ORDERS, protocols::CORRELATION_ALONE));
    /// The correlation of [`gomez_insertion`](crate::faithfulness::gomez_insertion) with each step alone.
    InsertionCorrelationAlone = "insertion-correlation-alone", "Insertion correlation (IC), not cumulative", GOMEZ;
        Up, signed("correlation"), Some(-1.0), [Network], Own, Order, Quick, Images;
        Some(test("luminosity_calibration.ic_alone", PerceptualCorrespondence, 2, ORDERS, protocols::CORRELATION_ALONE));
    /// The combined value of [`road`](crate::faithfulness::road).
    Road = "road", "Remove and debias (ROAD)", "Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods";
        Up, range(Some(-0.5), Some(0.5), "probability"), Some(-0.5), [Network], Input, Order, Slow, Images;
        Some(test("road", InputSensitivity, 3, BLIND, protocols::NETWORK));
    /// The drop of [`average_drop`](crate::faithfulness::average_drop).
    AverageDrop = "average-drop", "Average drop", CHATTOPADHAY;
        Down, share("share of the probability"), Some(1.0), [Network], Input, Values, Quick, Images;
        Some(test("average_drop", InputSensitivity, 5, BLIND, protocols::NETWORK));
    /// The increase of [`average_drop`](crate::faithfulness::average_drop): 1 if there is one.
    Increase = "increase", "Increase in confidence", CHATTOPADHAY;
        Up, share("share of the images"), Some(0.0), [Network], Input, Values, Quick, Images;
        Some(test("increase_in_confidence", InputSensitivity, 5, BLIND, protocols::NETWORK));
    /// The drop in deletion of [`average_drop`](crate::faithfulness::average_drop).
    DropInDeletion = "drop-in-deletion", "Average drop in deletion", "Jung and Oh 2021, Towards Better Explanations of Class Activation Mapping";
        Up, range(None, Some(1.0), "share of the probability"), None, [Network], Input, Values, Quick, Images;
        Some(test("average_drop_in_deletion", InputSensitivity, 5, BLIND, protocols::NETWORK));
    /// The gain of [`average_drop`](crate::faithfulness::average_drop).
    AverageGain = "average-gain", "Average gain", "Zhang et al. 2024, Opti-CAM: Optimizing saliency maps for interpretability";
        Up, share("share of what the probability lacks"), Some(0.0), [Network], Input, Values, Quick, Images;
        None;
    /// [`infidelity`](crate::faithfulness::infidelity) of squares, with scaling.
    Infidelity = "infidelity", "Infidelity", YEH;
        Down, from_zero("squared logits"), None, [Network], Input, Values, Slow, Images;
        Some(test("infidelity", InputSensitivity, 5, BLIND, protocols::NETWORK));
    /// [`sensitivity_n`](crate::faithfulness::sensitivity_n) of a tenth of the pixels.
    SensitivityN = "sensitivity-n", "Sensitivity-n", "Ancona et al. 2018, Towards better understanding of gradient-based attribution methods for Deep Neural Networks";
        Up, signed("correlation"), Some(-1.0), [Network], Input, Values, Slow, Images;
        Some(test("sensitivity_n", InputSensitivity, 5, BLIND, protocols::NETWORK));
    /// [`region_perturbation`](crate::faithfulness::region_perturbation).
    RegionPerturbation = "region-perturbation", "Region perturbation (AOPC)", "Samek et al. 2017, Evaluating the Visualization of What a Deep Neural Network Has Learned";
        Up, signed("probability"), Some(-1.0), [Network], Input, Values, Slow, Images;
        Some(test("region_perturbation", InputSensitivity, 4, BLIND, protocols::NETWORK));
    /// [`max_sensitivity`](crate::faithfulness::max_sensitivity).
    MaxSensitivity = "max-sensitivity", "Max-sensitivity", YEH;
        Down, from_zero("share of the map's norm"), None, [Network, Explainer], Input, Values, Quick, Images;
        Some(test("max_sensitivity", InputSensitivity, 5, Against::Nothing("there is no null for the stability of a map; the value is for comparison"), protocols::METHOD));
    /// [`input_invariance`](crate::faithfulness::input_invariance) under a shift of -1 at each channel.
    InputInvariance = "input-invariance", "Input invariance", "Kindermans et al. 2019, The (Un)reliability of Saliency Methods";
        Down, from_zero("share of the map's largest value"), None, [Network, Explainer], Input, Values, Quick, Images;
        Some(test("input_invariance", InputSensitivity, 5, Against::Bound(1e-4), protocols::METHOD));
}

impl Metric {
    /// Returns the metrics that are tests of a card, in its order: by section, by group, and then as in [`ALL`](Metric::ALL).
    pub fn of_card() -> Vec<(Metric, CardTest)> {
        let test = |&metric: &Metric| Some((metric, metric.about().test?));
        let mut tests: Vec<_> = Metric::ALL.iter().filter_map(test).collect();
        tests.sort_by_key(|(_, test)| (test.section, test.group));
        tests
    }
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
