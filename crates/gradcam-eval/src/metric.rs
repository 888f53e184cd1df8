//! Measuring a metric by its name.

mod about;
mod card_test;
mod protocols;
mod range;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use gradcam_map::Grid;

pub use self::about::{About, Cost, Direction, Mean, Need, Places};
pub use self::card_test::{Against, CardTest};
pub use self::range::Range;
pub use self::table::Metric;
use crate::degenerate::check;
use crate::faithfulness::{self as asked, Explain, Sample};
use crate::metrics as of;
use crate::{Error, Result, Undefined};

/// A map with all inputs that metrics may need; a missing input is `None`.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Evidence<'a> {
    /// The map at its own resolution.
    pub map: &'a Grid,
    /// The map at the input's resolution.
    pub upsampled: &'a Grid,
    /// Marks the pixels of the input that show the object.
    pub mask: Option<&'a [bool]>,
    /// Network, input and class.
    pub sample: Option<Sample<'a>>,
    /// Another map of the same image at the input's resolution.
    pub other: Option<&'a Grid>,
    /// The method.
    pub explain: Option<&'a Explain<'a>>,
    /// The rank of the object's class among the network's classes by their scores for the image; 0 is the highest.
    pub rank: Option<usize>,
    /// The threshold that cuts the map, tuned on other images: 0 is its smallest value, 1 its largest.
    pub threshold: Option<f64>,
    /// The seed of all random numbers.
    pub seed: u64,
}

impl<'a> Evidence<'a> {
    /// Takes a map at its own resolution and at the input's. The other inputs are missing, and the seed is 0.
    pub fn new(map: &'a Grid, upsampled: &'a Grid) -> Self {
        Evidence {
            map,
            upsampled,
            mask: None,
            sample: None,
            other: None,
            explain: None,
            rank: None,
            threshold: None,
            seed: 0,
        }
    }

    /// Adds the mask of the input's pixels that show the object.
    pub fn with_mask(self, mask: &'a [bool]) -> Self {
        Evidence {
            mask: Some(mask),
            ..self
        }
    }

    /// Adds a network, its input and the class.
    pub fn with_sample(self, sample: Sample<'a>) -> Self {
        Evidence {
            sample: Some(sample),
            ..self
        }
    }

    /// Adds another map of the same image at the input's resolution.
    pub fn with_other(self, other: &'a Grid) -> Self {
        Evidence {
            other: Some(other),
            ..self
        }
    }

    /// Adds the method.
    pub fn with_explain(self, explain: &'a Explain<'a>) -> Self {
        Evidence {
            explain: Some(explain),
            ..self
        }
    }

    /// Adds the rank of the object's class; 0 is the highest.
    pub fn with_rank(self, rank: usize) -> Self {
        Evidence {
            rank: Some(rank),
            ..self
        }
    }

    /// Adds the threshold that cuts the map, 0 to 1.
    pub fn with_threshold(self, threshold: f64) -> Self {
        Evidence {
            threshold: Some(threshold),
            ..self
        }
    }

    /// Sets the seed.
    pub fn with_seed(self, seed: u64) -> Self {
        Evidence { seed, ..self }
    }
}

/// Shows sizes instead of the maps and the mask.
impl fmt::Debug for Evidence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = |map: &Grid| map.size();
        f.debug_struct("Evidence")
            .field("map", &size(self.map))
            .field("upsampled", &size(self.upsampled))
            .field("mask", &self.mask.map(<[bool]>::len))
            .field("sample", &self.sample)
            .field("other", &self.other.map(size))
            .field("explain", &self.explain.is_some())
            .field("rank", &self.rank)
            .field("threshold", &self.threshold)
            .field("seed", &self.seed)
            .finish()
    }
}

impl Metric {
    /// Measures one sample; papers report the mean over samples.
    ///
    /// A map that is constant, zero or not finite has no value ([`Error::Undefined`]). The pointing game, the hit rate and the localisation
    /// are exceptions: their protocols count a constant map as a miss. Averages over classes are left to the code that averages samples.
    ///
    /// # Errors
    /// [`Error::Missing`] if a required input is missing; the errors of the metric's function.
    ///
    /// ```
    /// use gradcam_eval::nulls::random_map;
    /// use gradcam_eval::gradcam_map::Size;
    /// use gradcam_eval::{Direction, Evidence, Metric};
    ///
    /// let metric: Metric = "gini".parse()?;
    /// assert_eq!(metric.about().direction, Direction::None);
    /// let map = random_map(Size::new(7, 7)?, 0);
    /// let evidence = Evidence::new(&map, &map);
    /// assert!((0.0..=1.0).contains(&metric.measure(&evidence)?));
    /// // It runs the network, which is missing here.
    /// assert!(Metric::Deletion.measure(&evidence).is_err());
    /// # Ok::<(), gradcam_eval::Error>(())
    /// ```
    pub fn measure(self, evidence: &Evidence<'_>) -> Result<f64> {
        self.measure_beside(evidence, &mut Seen::default())
    }

    /// Measures like [`measure`](Metric::measure), reusing results that other metrics of the same evidence left in `seen`.
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
        let localisation_error = |first: usize| {
            let hit = localised()?;
            Ok(flag(!hit || rank()? >= first))
        };
        let ssim = |window: of::Window| {
            let (a, b) = (
                of::brought_to_one(upsampled)?,
                of::brought_to_one(other()?)?,
            );
            of::ssim(&a, &b, window, 1.0)
        };
        let dropped = |seen: &mut Once<asked::Drop>| {
            once(seen, || asked::average_drop(&sample()?, upsampled)).copied()
        };
        match self {
            Metric::Sparsity => of::sparsity(map, of::Scale::MinMax),
            Metric::SparsityUpsampled => of::sparsity(upsampled, of::Scale::MinMax),
            Metric::Gini => of::gini(map),
            Metric::Entropy => of::entropy(map),
            Metric::Ssim => ssim(of::Window::Uniform),
            Metric::SsimGaussian => ssim(of::Window::Gaussian),
            Metric::Spearman => of::spearman(upsampled, other()?),
            Metric::SpearmanAbsolute => of::spearman_absolute(upsampled, other()?),
            Metric::Hog => of::hog_correlation(upsampled, other()?),
            Metric::TopOverlap => of::top_overlap(upsampled, other()?, 0.15),
            Metric::Displacement => of::displacement(upsampled, other()?),
            Metric::AveragePrecision => {
                let mask = mask()?;
                check(upsampled)?;
                of::average_precision(upsampled, mask)
            }
            Metric::PrecisionTrapezoid => {
                let mask = mask()?;
                check(upsampled)?;
                of::precision_trapezoid(upsampled, mask)
            }
            Metric::IouOtsu => of::segmentation_iou(upsampled, mask()?, of::Threshold::Otsu),
            Metric::IouHalf => of::segmentation_iou(upsampled, mask()?, of::Threshold::Fixed(0.5)),
            Metric::IouTuned => {
                let mask = mask()?;
                of::segmentation_iou(upsampled, mask, of::Threshold::Fixed(threshold()?))
            }
            Metric::Pointing | Metric::PointingClassMean | Metric::PointingDifficult => {
                let tolerance = of::scaled_tolerance(upsampled.size());
                of::pointing(upsampled, mask()?, tolerance).map(flag)
            }
            Metric::Hit => of::pointing(upsampled, mask()?, 0.0).map(flag),
            Metric::Energy => of::energy_inside(upsampled, mask()?),
            Metric::Localisation => localised().map(flag),
            Metric::LocalisationErrorTop1 => localisation_error(1),
            Metric::LocalisationErrorTop5 => localisation_error(5),
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
            Metric::AverageDrop => Ok(dropped(&mut seen.drop)?.drop),
            Metric::Increase => Ok(flag(dropped(&mut seen.drop)?.increase)),
            Metric::DropInDeletion => Ok(dropped(&mut seen.drop)?.drop_in_deletion),
            Metric::AverageGain => Ok(dropped(&mut seen.drop)?.gain?),
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

/// Measures several metrics of one sample, in their order; shared parts are computed once.
///
/// # Errors
/// As [`Metric::measure`], except [`Undefined`], which becomes the metric's outcome.
pub fn measure_all(metrics: &[Metric], evidence: &Evidence<'_>) -> Result<Vec<Outcome>> {
    measure_all_beside(metrics, evidence, &mut Seen::default())
}

type Outcome = std::result::Result<f64, Undefined>;

/// Measures like [`measure_all`], reusing results `seen` for the same evidence.
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

/// Results that several metrics share.
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
    /// Returns the scores along each curve whose area was measured.
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

    /// Returns a correlation's mean over `count` random orders of the map's saliency. `None` if the metric is not a correlation or was not
    /// measured.
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

/// Returns the stored result, or makes and stores it; [`Undefined`] is stored too.
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

/// Returns the area of a curve, or its correlation.
fn of_curve(area: bool, found: &asked::Calibrated) -> Result<f64> {
    if area {
        Ok(found.curve.area)
    } else {
        Ok(found.correlation?)
    }
}
