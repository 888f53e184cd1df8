//! The metrics, by name.

mod range;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use gradcam::Grid;
use serde::{Deserialize, Serialize};

pub use self::range::Range;
use crate::degenerate::check;
use crate::faithfulness::{self as asked, Explain, Sample};
use crate::metrics as of;
use crate::{Error, Result, Undefined};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Higher.
    Up,
    /// Lower.
    Down,
    /// Neither: the metric describes.
    None,
}

/// What a metric needs beside the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Where the object is.
    Mask,
    /// The network and its input.
    Network,
    /// The method, to explain other inputs.
    Explainer,
    /// Another map of the same image.
    OtherMap,
    /// The object's class, among those of the network.
    Class,
    /// A small object beside one of another class.
    Distractor,
    /// A threshold that was tuned on other images.
    Threshold,
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Need::Mask => "a mask of the object",
            Need::Network => "the network and its input",
            Need::Explainer => "the method, to explain other inputs",
            Need::OtherMap => "another map of the same image",
            Need::Class => "the object's class, among those of the network",
            Need::Distractor => "a small object beside one of another class",
            Need::Threshold => "a threshold that was tuned on other images",
        })
    }
}

/// What there is to know about a metric before it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct About {
    /// Its title, for a table.
    pub title: &'static str,
    /// Authors, year and title; empty for what is common practice.
    pub paper: &'static str,
    /// Which way is better.
    pub direction: Direction,
    /// What it needs.
    pub needs: &'static [Need],
    /// What it can at worst be, for samples without a value; none where it has no bound or no bad side.
    pub worst: Option<f64>,
}

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
    /// [`sparsity`](of::sparsity) of the map brought to 0 to 1, at the map's own resolution.
    Sparsity = "sparsity", "Sparsity", GOMEZ, None, [], None;
    /// The same at the input's resolution.
    SparsityUpsampled = "sparsity-upsampled", "Sparsity at the input's resolution", GOMEZ, None, [], None;
    /// [`gini`](of::gini) at the map's own resolution.
    Gini = "gini", "Gini index", "Chalasani et al. 2020, Concise Explanations of Neural Networks using Adversarial Training", None, [], None;
    /// [`entropy`](of::entropy) at the map's own resolution.
    Entropy = "entropy", "Entropy", "Bhatt et al. 2020, Evaluating and Aggregating Feature-based Model Explanations", None, [], None;
    /// [`ssim`](of::ssim) with another map, both brought to 0 to 1, in 7 × 7 windows with a range of 1.
    Ssim = "ssim", "Structural similarity", "Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity", Up, [OtherMap], Some(-1.0);
    /// [`ssim`](of::ssim) with another map, both brought to 0 to 1, in Gaussian windows with a range of 1.
    SsimGaussian = "ssim-gaussian", "Structural similarity in Gaussian windows", "Wang et al. 2004, Image Quality Assessment: From Error Visibility to Structural Similarity", Up, [OtherMap], Some(-1.0);
    /// [`spearman`](of::spearman) with another map.
    Spearman = "spearman", "Rank correlation", ADEBAYO, Up, [OtherMap], Some(-1.0);
    /// [`spearman_absolute`](of::spearman_absolute) with another map.
    SpearmanAbsolute = "spearman-absolute", "Rank correlation of absolute values", ADEBAYO, Up, [OtherMap], Some(-1.0);
    /// [`hog_correlation`](of::hog_correlation) with another map.
    Hog = "hog", "Rank correlation of gradient histograms", ADEBAYO, Up, [OtherMap], Some(-1.0);
    /// [`top_overlap`](of::top_overlap) with another map, of the highest 15 %.
    TopOverlap = "top-overlap", "Overlap of the highest 15 %", NONE, Up, [OtherMap], Some(0.0);
    /// [`displacement`](of::displacement) from the peak of another map, in pixels.
    Displacement = "displacement", "Displacement of the peak", NONE, Down, [OtherMap], None;
    /// [`average_precision`](of::average_precision).
    AveragePrecision = "average-precision", "Average precision", ARUN, Up, [Mask], Some(0.0);
    /// [`precision_trapezoid`](of::precision_trapezoid), for comparison with the paper.
    PrecisionTrapezoid = "precision-trapezoid", "Area under the precision-recall curve (trapezoid)", ARUN, Up, [Mask], Some(0.0);
    /// [`segmentation_iou`](of::segmentation_iou) at Otsu's threshold.
    IouOtsu = "iou-otsu", "IoU at Otsu's threshold", SAPORTA, Up, [Mask], Some(0.0);
    /// [`segmentation_iou`](of::segmentation_iou) at half the map's range.
    IouHalf = "iou-half", "IoU at half the range", SAPORTA, Up, [Mask], Some(0.0);
    /// [`segmentation_iou`](of::segmentation_iou) at the one of the [`THRESHOLDS`](of::THRESHOLDS) that fits other images best.
    IouTuned = "iou-tuned", "IoU at a tuned threshold", SAPORTA, Up, [Mask, Threshold], Some(0.0);
    /// [`pointing`](of::pointing) with a tolerance of 15 pixels at 224.
    Pointing = "pointing", "Pointing game", ZHANG, Up, [Mask], Some(0.0);
    /// The same, with the mean over classes of their images' means in place of that over images.
    PointingClassMean = "pointing-class-mean", "Pointing game, mean over classes", ZHANG, Up, [Mask, Class], Some(0.0);
    /// The same on the images whose object covers less than a quarter, with an object of another class beside it.
    PointingDifficult = "pointing-difficult", "Pointing game, difficult images", ZHANG, Up, [Mask, Distractor], Some(0.0);
    /// [`pointing`](of::pointing) without tolerance.
    Hit = "hit", "Hit rate", SAPORTA, Up, [Mask], Some(0.0);
    /// [`energy_inside`](of::energy_inside).
    Energy = "energy", "Energy inside the object", "Wang et al. 2020, Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", Up, [Mask], Some(0.0);
    /// [`localise`](of::localise) at 15 % against the box of the mask: 1 for a hit.
    Localisation = "localisation", "Localisation within IoU 0.5", SELVARAJU, Up, [Mask], Some(0.0);
    /// 0 where the class is the network's first and its map a hit of [`localise`](of::localise), else 1; maps of other classes cannot be right.
    LocalisationErrorTop1 = "localisation-error-top1", "Localisation error, top 1", SELVARAJU, Down, [Mask, Class], Some(1.0);
    /// The same where the class is among the network's first five.
    LocalisationErrorTop5 = "localisation-error-top5", "Localisation error, top 5", SELVARAJU, Down, [Mask, Class], Some(1.0);
    /// [`deletion`](asked::deletion).
    Deletion = "deletion", "Deletion", RISE, Down, [Network], Some(1.0);
    /// [`insertion`](asked::insertion).
    Insertion = "insertion", "Insertion", RISE, Up, [Network], Some(0.0);
    /// The area of [`gomez_deletion`](asked::gomez_deletion), of the map at its own resolution.
    Dauc = "dauc", "Deletion at the map's resolution (DAUC)", GOMEZ, Down, [Network], Some(1.0);
    /// The area of [`gomez_insertion`](asked::gomez_insertion), of the map at its own resolution.
    Iauc = "iauc", "Insertion at the map's resolution (IAUC)", GOMEZ, Up, [Network], Some(0.0);
    /// The correlation of [`gomez_deletion`](asked::gomez_deletion).
    DeletionCorrelation = "deletion-correlation", "Deletion correlation (DC)", GOMEZ, Up, [Network], Some(-1.0);
    /// The correlation of [`gomez_insertion`](asked::gomez_insertion).
    InsertionCorrelation = "insertion-correlation", "Insertion correlation (IC)", GOMEZ, Up, [Network], Some(-1.0);
    /// The correlation of [`gomez_deletion`](asked::gomez_deletion) with each step alone.
    DeletionCorrelationAlone = "deletion-correlation-alone", "Deletion correlation (DC), not cumulative", GOMEZ, Up, [Network], Some(-1.0);
    /// The correlation of [`gomez_insertion`](asked::gomez_insertion) with each step alone.
    InsertionCorrelationAlone = "insertion-correlation-alone", "Insertion correlation (IC), not cumulative", GOMEZ, Up, [Network], Some(-1.0);
    /// The combined value of [`road`](asked::road).
    Road = "road", "Remove and debias (ROAD)", "Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods", Up, [Network], Some(-0.5);
    /// The drop of [`average_drop`](asked::average_drop).
    AverageDrop = "average-drop", "Average drop", CHATTOPADHAY, Down, [Network], Some(1.0);
    /// The increase of [`average_drop`](asked::average_drop): 1 where there is one.
    Increase = "increase", "Increase in confidence", CHATTOPADHAY, Up, [Network], Some(0.0);
    /// The drop in deletion of [`average_drop`](asked::average_drop).
    DropInDeletion = "drop-in-deletion", "Average drop in deletion", "Jung and Oh 2021, Towards Better Explanations of Class Activation Mapping", Up, [Network], None;
    /// [`infidelity`](asked::infidelity) of squares, with scaling.
    Infidelity = "infidelity", "Infidelity", YEH, Down, [Network], None;
    /// [`sensitivity_n`](asked::sensitivity_n) of a tenth of the pixels.
    SensitivityN = "sensitivity-n", "Sensitivity-n", "Ancona et al. 2018, Towards better understanding of gradient-based attribution methods for Deep Neural Networks", Up, [Network], Some(-1.0);
    /// [`region_perturbation`](asked::region_perturbation).
    RegionPerturbation = "region-perturbation", "Region perturbation (AOPC)", "Samek et al. 2017, Evaluating the Visualization of What a Deep Neural Network Has Learned", Up, [Network], Some(-1.0);
    /// [`max_sensitivity`](asked::max_sensitivity).
    MaxSensitivity = "max-sensitivity", "Max-sensitivity", YEH, Down, [Network, Explainer], None;
    /// [`input_invariance`](asked::input_invariance) under a shift of -1 at each channel.
    InputInvariance = "input-invariance", "Input invariance", "Kindermans et al. 2019, The (Un)reliability of Saliency Methods", Down, [Network, Explainer], None;
}

/// A map with all that metrics may need; what is missing is None.
#[derive(Clone, Copy)]
pub struct Evidence<'a> {
    /// The map at its own resolution.
    pub map: &'a Grid,
    /// The map at the input's resolution.
    pub upsampled: &'a Grid,
    /// Which pixels of the input show the object.
    pub mask: Option<&'a [bool]>,
    /// Network, input and class.
    pub sample: Option<Sample<'a>>,
    /// Another map of the same image at the input's resolution.
    pub other: Option<&'a Grid>,
    /// The method.
    pub explain: Option<&'a Explain<'a>>,
    /// Where the object's class stands among the network's by their scores for the image, from 0 on.
    pub rank: Option<usize>,
    /// Where to cut the map, from 0 for its smallest value to 1 for its largest, by what was found on other images.
    pub threshold: Option<f64>,
    /// The seed of whatever is drawn.
    pub seed: u64,
}

impl Metric {
    /// The metric of one sample; its mean over samples is what papers report.
    ///
    /// A map that is constant, zero or not finite has no value ([`Error::Undefined`]); only the pointing game, the hit rate and the
    /// localisation count a constant one as a miss, as their protocols do. A mean over classes is made where means are.
    ///
    /// # Errors
    /// [`Error::Missing`] when something that it needs is not given; those of the metric's function.
    pub fn measure(self, evidence: &Evidence<'_>) -> Result<f64> {
        self.measure_beside(evidence, &mut Seen::default())
    }

    /// As [`measure`](Metric::measure), with what other metrics of the same evidence have `seen`.
    fn measure_beside(self, evidence: &Evidence<'_>, seen: &mut Seen) -> Result<f64> {
        let Evidence {
            map,
            upsampled,
            seed,
            ..
        } = *evidence;
        let missing = |need: Need| Error::Missing {
            metric: self.name(),
            need,
        };
        let mask = || evidence.mask.ok_or_else(|| missing(Need::Mask));
        let sample = || evidence.sample.ok_or_else(|| missing(Need::Network));
        let other = || evidence.other.ok_or_else(|| missing(Need::OtherMap));
        let explain = || evidence.explain.ok_or_else(|| missing(Need::Explainer));
        let rank = || evidence.rank.ok_or_else(|| missing(Need::Class));
        let threshold = || evidence.threshold.ok_or_else(|| missing(Need::Threshold));
        let ties = asked::Ties::Random(seed);
        let petsiuk = asked::Petsiuk { step: None, ties };
        let gomez = |cumulative: bool| asked::Gomez {
            ties,
            cumulative,
            ..asked::Gomez::default()
        };
        let localised = || {
            let object = of::box_of_mask(upsampled, mask()?)?;
            Ok::<_, Error>(of::localise(upsampled, &[object], 0.15)?.hit)
        };
        let flag = |value: bool| f64::from(u8::from(value));
        match self {
            Metric::Sparsity => of::sparsity(map, of::Scale::MinMax),
            Metric::SparsityUpsampled => of::sparsity(upsampled, of::Scale::MinMax),
            Metric::Gini => of::gini(map),
            Metric::Entropy => of::entropy(map),
            Metric::Ssim | Metric::SsimGaussian => {
                let (a, b) = (
                    of::brought_to_one(upsampled)?,
                    of::brought_to_one(other()?)?,
                );
                let window = match self {
                    Metric::Ssim => of::Window::Uniform,
                    _ => of::Window::Gaussian,
                };
                of::ssim(&a, &b, window, 1.0)
            }
            Metric::Spearman => of::spearman(upsampled, other()?),
            Metric::SpearmanAbsolute => of::spearman_absolute(upsampled, other()?),
            Metric::Hog => of::hog_correlation(upsampled, other()?),
            Metric::TopOverlap => of::top_overlap(upsampled, other()?, 0.15),
            Metric::Displacement => of::displacement(upsampled, other()?),
            Metric::AveragePrecision | Metric::PrecisionTrapezoid => {
                let mask = mask()?;
                check(upsampled)?;
                match self {
                    Metric::AveragePrecision => of::average_precision(upsampled, mask),
                    _ => of::precision_trapezoid(upsampled, mask),
                }
            }
            Metric::IouOtsu => of::segmentation_iou(upsampled, mask()?, of::Threshold::Otsu),
            Metric::IouHalf => of::segmentation_iou(upsampled, mask()?, of::Threshold::Fixed(0.5)),
            Metric::IouTuned => {
                let mask = mask()?;
                of::segmentation_iou(upsampled, mask, of::Threshold::Fixed(threshold()?))
            }
            Metric::Pointing | Metric::PointingClassMean | Metric::PointingDifficult => {
                let tolerance = of::scaled_tolerance(upsampled.height, upsampled.width);
                of::pointing(upsampled, mask()?, tolerance).map(flag)
            }
            Metric::Hit => of::pointing(upsampled, mask()?, 0.0).map(flag),
            Metric::Energy => of::energy_inside(upsampled, mask()?),
            Metric::Localisation => localised().map(flag),
            Metric::LocalisationErrorTop1 | Metric::LocalisationErrorTop5 => {
                let first = match self {
                    Metric::LocalisationErrorTop1 => 1,
                    _ => 5,
                };
                let hit = localised()?;
                Ok(flag(!hit || rank()? >= first))
            }
            Metric::Deletion => {
                let made = || asked::deletion(&sample()?, upsampled, petsiuk);
                Ok(once(&mut seen.deleted, made)?.area)
            }
            Metric::Insertion => {
                let made = || asked::insertion(&sample()?, upsampled, petsiuk);
                Ok(once(&mut seen.inserted, made)?.area)
            }
            Metric::Dauc | Metric::DeletionCorrelation => {
                let made = || asked::gomez_deletion(&sample()?, map, gomez(true));
                of_curve(self == Metric::Dauc, once(&mut seen.deletion, made)?)
            }
            Metric::Iauc | Metric::InsertionCorrelation => {
                let made = || asked::gomez_insertion(&sample()?, map, gomez(true));
                of_curve(self == Metric::Iauc, once(&mut seen.insertion, made)?)
            }
            Metric::DeletionCorrelationAlone => {
                let made = || asked::gomez_deletion(&sample()?, map, gomez(false));
                of_curve(false, once(&mut seen.deletion_alone, made)?)
            }
            Metric::InsertionCorrelationAlone => {
                let made = || asked::gomez_insertion(&sample()?, map, gomez(false));
                of_curve(false, once(&mut seen.insertion_alone, made)?)
            }
            Metric::Road => {
                let protocol = asked::Road {
                    seed,
                    ties,
                    ..asked::Road::default()
                };
                Ok(asked::road(&sample()?, upsampled, &protocol)?.combined)
            }
            Metric::AverageDrop | Metric::Increase | Metric::DropInDeletion => {
                let found = once(&mut seen.drop, || {
                    asked::average_drop(&sample()?, upsampled)
                })?;
                Ok(match self {
                    Metric::AverageDrop => found.drop,
                    Metric::Increase => flag(found.increase),
                    _ => found.drop_in_deletion,
                })
            }
            Metric::Infidelity => {
                let squares = asked::Squares {
                    seed,
                    ..asked::Squares::default()
                };
                asked::infidelity(&sample()?, upsampled, squares)
            }
            Metric::SensitivityN => {
                let subsets = asked::Subsets {
                    seed,
                    ..asked::Subsets::default()
                };
                asked::sensitivity_n(&sample()?, upsampled, subsets)
            }
            Metric::RegionPerturbation => {
                let regions = asked::Regions {
                    seed,
                    ties,
                    ..asked::Regions::default()
                };
                asked::region_perturbation(&sample()?, upsampled, regions)
            }
            Metric::MaxSensitivity => {
                let ball = asked::Ball {
                    seed,
                    ..asked::Ball::default()
                };
                asked::max_sensitivity(&sample()?, explain()?, ball)
            }
            Metric::InputInvariance => {
                let sample = sample()?;
                let channels = sample.image.dim(1)?;
                asked::input_invariance(&sample, explain()?, &vec![-1.0; channels])
            }
        }
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
            nearest: gradcam::nearest_names(name, Metric::ALL.iter().map(|m| m.name())),
        })
    }
}

/// Several metrics of one sample, in their order; what they have in common is computed once.
///
/// # Errors
/// As [`Metric::measure`], but for [`Undefined`], which stands in a metric's place.
pub fn measure_all(metrics: &[Metric], evidence: &Evidence<'_>) -> Result<Vec<Outcome>> {
    measure_all_beside(metrics, evidence, &mut Seen::default())
}

type Outcome = std::result::Result<f64, Undefined>;

/// As [`measure_all`], with what was `seen` of the same evidence.
pub(crate) fn measure_all_beside(
    metrics: &[Metric],
    evidence: &Evidence<'_>,
    seen: &mut Seen,
) -> Result<Vec<Outcome>> {
    let one = |metric: &Metric| match metric.measure_beside(evidence, seen) {
        Ok(value) => Ok(Ok(value)),
        Err(Error::Undefined(reason)) => Ok(Err(reason)),
        Err(error) => Err(error),
    };
    metrics.iter().map(one).collect()
}

/// What several metrics are read off.
#[derive(Default)]
pub(crate) struct Seen {
    deleted: Once<asked::Curve>,
    inserted: Once<asked::Curve>,
    deletion: Once<asked::Calibrated>,
    insertion: Once<asked::Calibrated>,
    deletion_alone: Once<asked::Calibrated>,
    insertion_alone: Once<asked::Calibrated>,
    drop: Once<asked::Drop>,
}

impl Seen {
    /// The scores along each curve whose area was measured.
    pub(crate) fn curves(&self) -> BTreeMap<Metric, Vec<f64>> {
        let curves = [
            (Metric::Deletion, &self.deleted),
            (Metric::Insertion, &self.inserted),
        ];
        let scores =
            |curve: &Once<asked::Curve>| Some(curve.as_ref()?.as_ref().ok()?.scores.clone());
        let known = curves.into_iter();
        known
            .filter_map(|(metric, curve)| Some((metric, scores(curve)?)))
            .collect()
    }

    /// A correlation's mean over `count` random orders of the map's saliency; none for what is no correlation or was not measured.
    pub(crate) fn shuffled(&self, metric: Metric, count: usize, seed: u64) -> Result<Option<f64>> {
        let found = match metric {
            Metric::DeletionCorrelation => &self.deletion,
            Metric::InsertionCorrelation => &self.insertion,
            Metric::DeletionCorrelationAlone => &self.deletion_alone,
            Metric::InsertionCorrelationAlone => &self.insertion_alone,
            _ => return Ok(None),
        };
        match found {
            Some(Ok(found)) => found.shuffled(count, seed).map(Some),
            Some(Err(reason)) => Err((*reason).into()),
            None => Ok(None),
        }
    }
}

type Once<T> = Option<std::result::Result<T, Undefined>>;

/// What is there already, or is made now; that it is undefined is kept too.
fn once<T>(seen: &mut Once<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if seen.is_none() {
        *seen = Some(match make() {
            Ok(made) => Ok(made),
            Err(Error::Undefined(reason)) => Err(reason),
            Err(error) => return Err(error),
        });
    }
    match seen {
        Some(Ok(made)) => Ok(made),
        Some(Err(reason)) => Err((*reason).into()),
        None => Err(Undefined::Empty.into()),
    }
}

/// The area of a curve, or its correlation.
fn of_curve(area: bool, found: &asked::Calibrated) -> Result<f64> {
    match area {
        true => Ok(found.curve.area),
        false => Ok(found.correlation?),
    }
}
