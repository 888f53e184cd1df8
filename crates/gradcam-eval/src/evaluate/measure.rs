//! One image under every method and metric.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use candle_core::Tensor;
use gradcam::{Explainer, Grid, Heatmap, Target, explain_each};
use gradcam_nn::Network;
use serde::{Deserialize, Serialize};

use super::{ImageRecord, MapRecord, Outcome};
use crate::faithfulness::{Explain, Sample};
use crate::sanity::predicted;
use crate::{Error, Evidence, Metric, Need, Result, measure_all, nulls};

/// A map that does not know what a method knows, measured on the same images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Null {
    /// The pixels in a random order.
    Random,
    /// A Gaussian around the centre.
    Centre,
    /// The first method's map with its values in random places.
    Permuted,
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
        Null::Untrained,
        Null::MeanMask,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Null::Random => "random",
            Null::Centre => "centre",
            Null::Permuted => "permuted",
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
/// A metric of masks has no value for an image without one, and no entry. A null has no entry for metrics that explain other inputs.
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
    let predicted = predicted(study.network, item.image)?;
    let masked = |metric: &&Metric| metric.about().needs.contains(&Need::Mask);
    let (localising, asking): (Vec<Metric>, Vec<Metric>) =
        study.metrics.iter().partition(|m| masked(m));
    let located = item.mask.is_some() && !localising.is_empty();
    let annotated = item.annotated.filter(|_| located).unwrap_or(predicted);
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
    for (index, (name, own)) in seen.iter().enumerate() {
        let mut values = BTreeMap::new();
        let explainer = study.explainers.get(index);
        values.extend(outcomes(study, item, (own, class), &asking, explainer)?);
        if item.mask.is_some() {
            let maps = named.as_ref().map_or(own, |named| &named[index].1);
            let located = (maps, annotated);
            values.extend(outcomes(study, item, located, &localising, explainer)?);
        }
        maps.push(MapRecord {
            source: name.clone(),
            verdict: own.verdict.clone(),
            values,
        });
    }
    Ok(ImageRecord {
        index: item.index,
        id: item.id.to_string(),
        annotated: item.annotated,
        predicted,
        maps,
    })
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

/// The metrics of one source's map of `class`.
fn outcomes(
    study: &Study<'_>,
    item: &Item<'_>,
    (maps, class): (&Maps, usize),
    metrics: &[Metric],
    explainer: Option<&Explainer>,
) -> Result<Vec<(Metric, Outcome)>> {
    let explain = explainer.map(|explainer| {
        move |network: &dyn Network, image: &Tensor| -> Result<Grid> {
            let found = explainer.explain_one(network, image, Target::Index(class))?;
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
            target: class,
        }),
        other: None,
        explain: explain.as_ref().map(|f| f as &Explain<'_>),
        seed: seed(study, item),
    };
    let explains = |metric: &&Metric| metric.about().needs.contains(&Need::Explainer);
    let asked: Vec<Metric> = metrics
        .iter()
        .filter(|metric| explain.is_some() || !explains(metric))
        .copied()
        .collect();
    let found = measure_all(&asked, &evidence)?;
    let found = found.into_iter().map(Outcome::from);
    Ok(asked.into_iter().zip(found).collect())
}
