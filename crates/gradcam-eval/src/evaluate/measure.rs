//! One image under every method and metric.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use candle_core::Tensor;
use gradcam::{Explainer, Grid, Heatmap, Target, explain_each, ranking};
use gradcam_nn::Network;
use serde::{Deserialize, Serialize};

use super::{ImageRecord, MapRecord, Outcome};
use crate::faithfulness::{Explain, Sample, logits, tie_fraction};
use crate::metric::{Seen, measure_all_beside};
use crate::metrics::cuts;
use crate::{Error, Evidence, Metric, Need, Result, Undefined, nulls};

/// Random orders of a map's saliency, for [`Null::Shuffled`].
pub const SHUFFLES: usize = 100;

/// A map that does not know what a method knows, measured on the same images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Null {
    /// The pixels in a random order.
    Random,
    /// A Gaussian around the centre.
    Centre,
    /// The first method's map with its values in random places, for which the network is asked anew.
    Permuted,
    /// The mean over [`SHUFFLES`] times the first method's map with its values in random places, for metrics that correlate a map with what the
    /// network said already; others do not have it.
    Shuffled,
    /// The first method on the network with random parameters.
    Untrained,
    /// The mean mask of the other images.
    MeanMask,
}

impl Null {
    /// All of them.
    pub const ALL: &[Null] = &[
        Null::Random,
        Null::Centre,
        Null::Permuted,
        Null::Shuffled,
        Null::Untrained,
        Null::MeanMask,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Null::Random => "random",
            Null::Centre => "centre",
            Null::Permuted => "permuted",
            Null::Shuffled => "shuffled",
            Null::Untrained => "untrained",
            Null::MeanMask => "mean-mask",
        }
    }
}

impl fmt::Display for Null {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Null {
    type Err = String;
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let known = Null::ALL.iter().copied();
        known
            .clone()
            .find(|null| null.name() == text)
            .ok_or_else(|| {
                let names: Vec<&str> = known.map(Null::name).collect();
                format!("unknown null `{text}`, expected {}", names.join(", "))
            })
    }
}

/// How often each pixel of the input is marked, over all images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masks {
    /// One count a pixel.
    pub counts: Vec<u32>,
    /// Images with a mask.
    pub images: u32,
}

impl Masks {
    /// The mean of the masks without one of them, so that no image is judged by its own.
    ///
    /// # Errors
    /// [`Error::Mask`] when the counts or the mask have not `height * width` pixels.
    fn without(&self, own: Option<&[bool]>, (height, width): (usize, usize)) -> Result<Grid> {
        let expected = height * width;
        let lengths = [Some(self.counts.len()), own.map(<[bool]>::len)];
        if let Some(found) = lengths.into_iter().flatten().find(|n| *n != expected) {
            return Err(Error::Mask { expected, found });
        }
        let images = self.images.saturating_sub(u32::from(own.is_some()));
        let inside = |i: usize| own.is_some_and(|mask| mask.get(i) == Some(&true));
        let mean = |(i, &count): (usize, &u32)| {
            let count = count.saturating_sub(u32::from(inside(i)));
            (f64::from(count) / f64::from(images.max(1))) as f32
        };
        Ok(Grid {
            height,
            width,
            values: self.counts.iter().enumerate().map(mean).collect(),
        })
    }
}

/// What is measured.
#[derive(Clone, Copy)]
pub struct Study<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// The same with random parameters, for [`Null::Untrained`].
    pub untrained: Option<&'a dyn Network>,
    /// The masks of all images, for [`Null::MeanMask`].
    pub masks: Option<&'a Masks>,
    /// The methods.
    pub explainers: &'a [Explainer],
    /// What they are compared with.
    pub nulls: &'a [Null],
    /// The metrics; those that compare two maps of an image are for other tests.
    pub metrics: &'a [Metric],
    /// Whether a metric is measured of a null: each time costs as much as with a method.
    pub compared: &'a (dyn Fn(Metric, Null) -> bool + Sync),
    /// Of whatever is drawn; each image has a seed of its own.
    pub seed: u64,
}

/// One image of a data set.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// Its number in the data set.
    pub index: usize,
    /// Its name there.
    pub id: &'a str,
    /// The network's input, `(1, channels, height, width)`.
    pub image: &'a Tensor,
    /// Which pixels of the input show the object.
    pub mask: Option<&'a [bool]>,
    /// The class of the object.
    pub annotated: Option<usize>,
    /// Whether the pointing game calls it difficult (Zhang et al. 2016): the object covers less than a quarter of the picture, and there is
    /// one of another class.
    pub difficult: bool,
}

/// The maps of one class at both resolutions.
struct Maps {
    map: Grid,
    upsampled: Grid,
    verdict: String,
}

impl From<Heatmap> for Maps {
    fn from(found: Heatmap) -> Self {
        Maps {
            map: found.map().clone(),
            verdict: found.verdict.to_string(),
            upsampled: found.upsampled,
        }
    }
}

/// A map that knows nothing, at the input's resolution.
fn blind(map: Grid) -> Maps {
    Maps {
        map: map.clone(),
        upsampled: map,
        verdict: "ok".to_string(),
    }
}

/// Measures one image.
///
/// A metric of masks has no value for an image without one, and no entry; so it is with the annotated class and with difficult images. A
/// null has no entry for metrics that explain other inputs.
///
/// # Errors
/// When a method does not suit the network, a metric compares two maps, or what a null needs is missing.
pub fn measure(study: &Study<'_>, item: &Item<'_>) -> Result<ImageRecord> {
    if let Some(metric) = study.metrics.iter().find(|m| compares(**m)) {
        return Err(Error::Missing {
            metric: metric.name(),
            need: Need::OtherMap,
        });
    }
    let classes = ranking(&logits(study.network, item.image)?);
    let predicted = *classes.first().ok_or(Undefined::Empty)?;
    let rank = |annotated: usize| classes.iter().position(|&class| class == annotated);
    let rank = item.annotated.and_then(rank);
    let possible = |metric: &Metric| {
        metric.about().needs.iter().all(|need| match need {
            Need::Mask => item.mask.is_some(),
            Need::Class => rank.is_some(),
            Need::Distractor => item.difficult,
            _ => true,
        })
    };
    let metrics: Vec<Metric> = study.metrics.iter().copied().filter(possible).collect();
    let needs = |metric: &Metric, need: Need| metric.about().needs.contains(&need);
    let orders = metrics.iter().any(|m| needs(m, Need::Network));
    let (localising, asking): (Vec<Metric>, Vec<Metric>) =
        metrics.iter().partition(|m| needs(m, Need::Mask));
    let located = item.annotated.filter(|_| !localising.is_empty());
    let annotated = located.unwrap_or(predicted);
    // No map is made that no metric looks at.
    let class = match asking.is_empty() {
        true => annotated,
        false => predicted,
    };
    let seen = sources(study, item, class)?;
    let named = match annotated == class {
        true => None,
        false => Some(sources(study, item, annotated)?),
    };
    let mut maps = Vec::with_capacity(seen.len());
    let mut first = None;
    for (index, (name, own)) in seen.iter().enumerate() {
        let null = index.checked_sub(study.explainers.len());
        let null = null.map(|null| study.nulls[null]);
        let wanted = |metrics: &[Metric]| -> Vec<Metric> {
            let compared = |m: &Metric| null.is_none_or(|null| (study.compared)(*m, null));
            metrics.iter().copied().filter(compared).collect()
        };
        let mut curves = BTreeMap::new();
        let values = if null == Some(Null::Shuffled) {
            shuffled(&wanted(&asking), first.as_ref(), seed(study, item))?
        } else {
            let asked = Asked {
                class,
                rank,
                explainer: study.explainers.get(index),
            };
            let (mut values, beside) = outcomes(study, item, own, &wanted(&asking), asked)?;
            curves = beside.curves();
            first.get_or_insert(beside);
            let maps = named.as_ref().map_or(own, |named| &named[index].1);
            let asked = Asked {
                class: annotated,
                ..asked
            };
            values.extend(outcomes(study, item, maps, &wanted(&localising), asked)?.0);
            values
        };
        let ties = |map: &Grid| orders.then(|| tie_fraction(map).ok()).flatten();
        maps.push(MapRecord {
            source: name.clone(),
            verdict: own.verdict.clone(),
            tied_cells: ties(&own.map),
            tied_pixels: ties(&own.upsampled),
            curves,
            values,
        });
    }
    Ok(ImageRecord {
        index: item.index,
        id: item.id.to_string(),
        annotated: item.annotated,
        predicted,
        rank,
        maps,
    })
}

/// What a map is asked about.
#[derive(Clone, Copy)]
struct Asked<'a> {
    /// The class that it is of.
    class: usize,
    /// Where the annotated class stands among the network's.
    rank: Option<usize>,
    /// What made it, and can make others.
    explainer: Option<&'a Explainer>,
}

/// The correlations of the first method's map with its values in random places.
fn shuffled(
    metrics: &[Metric],
    first: Option<&Seen>,
    seed: u64,
) -> Result<BTreeMap<Metric, Outcome>> {
    let mut values = BTreeMap::new();
    for &metric in metrics {
        let Some(first) = first else { continue };
        let outcome = match first.shuffled(metric, SHUFFLES, seed) {
            Ok(None) => continue,
            Ok(Some(value)) => Ok(value),
            Err(Error::Undefined(reason)) => Err(reason),
            Err(error) => return Err(error),
        };
        values.insert(metric, outcome.into());
    }
    Ok(values)
}

/// Whether a metric compares two maps of an image.
fn compares(metric: Metric) -> bool {
    metric.about().needs.contains(&Need::OtherMap)
}

/// The seed of an image.
fn seed(study: &Study<'_>, item: &Item<'_>) -> u64 {
    study.seed.wrapping_add(item.index as u64)
}

/// The maps of one class by every method and null, by name.
fn sources(study: &Study<'_>, item: &Item<'_>, class: usize) -> Result<Vec<(String, Maps)>> {
    let target = Target::Index(class);
    let mut maps: Vec<(String, Maps)> = Vec::new();
    explain_each(
        study.explainers,
        study.network,
        item.image,
        &target,
        |index, found, _| -> Result<()> {
            let name = study.explainers[index].method.name();
            maps.push((name.to_string(), found?.into()));
            Ok(())
        },
    )?;
    let (_, _, height, width) = item.image.dims4()?;
    let seed = seed(study, item);
    let missing = |what: &'static str| Error::option("nulls", what, "nothing");
    // What is read off a map at its own resolution has the first method's.
    let first = maps.first().map(|(_, first)| &first.map);
    let (rows, columns) = first.map_or((height, width), |map| (map.height, map.width));
    for &null in study.nulls {
        let made = match null {
            Null::Random => Maps {
                map: nulls::random_map(rows, columns, seed),
                ..blind(nulls::random_map(height, width, seed))
            },
            Null::Centre => Maps {
                map: nulls::centre_map(rows, columns),
                ..blind(nulls::centre_map(height, width))
            },
            // Its values are read off the method's own curves; what stands here is for its ties.
            Null::Shuffled => {
                let (_, first) = maps.first().ok_or_else(|| missing("a method"))?;
                Maps {
                    map: first.map.clone(),
                    upsampled: first.upsampled.clone(),
                    verdict: first.verdict.clone(),
                }
            }
            Null::Permuted => {
                let (_, first) = maps.first().ok_or_else(|| missing("a method"))?;
                // The cells of the small map change places, so that the large one is as smooth as before.
                let map = nulls::permuted_map(&first.map, seed);
                let explainer = &study.explainers[0];
                let large = explainer.interpolation.resize(&map, height, width);
                Maps {
                    // A kernel's overshoot is cut off as it is for the method itself.
                    upsampled: if explainer.relu { large.relu() } else { large },
                    map,
                    verdict: first.verdict.clone(),
                }
            }
            Null::Untrained => {
                let network = study
                    .untrained
                    .ok_or_else(|| missing("an untrained network"))?;
                let first = study
                    .explainers
                    .first()
                    .ok_or_else(|| missing("a method"))?;
                first
                    .explain_one(network, item.image, target.clone())?
                    .into()
            }
            Null::MeanMask => {
                let masks = study.masks.ok_or_else(|| missing("masks"))?;
                blind(masks.without(item.mask, (height, width))?)
            }
        };
        maps.push((null.name().to_string(), made));
    }
    Ok(maps)
}

/// The metrics of one source's map, with what they were read off.
fn outcomes(
    study: &Study<'_>,
    item: &Item<'_>,
    maps: &Maps,
    metrics: &[Metric],
    asked: Asked<'_>,
) -> Result<(BTreeMap<Metric, Outcome>, Seen)> {
    let target = Target::Index(asked.class);
    let explain = asked.explainer.map(|explainer| {
        move |network: &dyn Network, image: &Tensor| -> Result<Grid> {
            let found = explainer.explain_one(network, image, target.clone())?;
            Ok(found.upsampled)
        }
    });
    let evidence = Evidence {
        map: &maps.map,
        upsampled: &maps.upsampled,
        mask: item.mask,
        sample: Some(Sample {
            network: study.network,
            image: item.image,
            target: asked.class,
        }),
        other: None,
        explain: explain.as_ref().map(|f| f as &Explain<'_>),
        rank: asked.rank,
        threshold: None,
        seed: seed(study, item),
    };
    let needs = |metric: &Metric, need: Need| metric.about().needs.contains(&need);
    let (tuned, plain): (Vec<Metric>, Vec<Metric>) = metrics
        .iter()
        .filter(|metric| explain.is_some() || !needs(metric, Need::Explainer))
        .partition(|metric| needs(metric, Need::Threshold));
    let mut seen = Seen::default();
    let found = measure_all_beside(&plain, &evidence, &mut seen)?;
    let found = found.into_iter().map(Outcome::from);
    let mut values: BTreeMap<Metric, Outcome> = plain.into_iter().zip(found).collect();
    for metric in tuned {
        let mask = item.mask.ok_or(Undefined::EmptyMask)?;
        let outcome = match cuts(&maps.upsampled, mask) {
            Ok(ious) => Outcome::Cuts(ious),
            Err(Error::Undefined(undefined)) => Outcome::Undefined { undefined },
            Err(error) => return Err(error),
        };
        values.insert(metric, outcome);
    }
    Ok((values, seen))
}
