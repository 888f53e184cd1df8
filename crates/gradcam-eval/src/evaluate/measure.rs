//! One image under every method and metric.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use candle_core::Tensor;
use gradcam::{Explainer, Grid, ranking};
use gradcam_nn::Network;
use serde::{Deserialize, Serialize};

use super::look::{Look, localises};
use super::{ImageRecord, MapRecord};
use crate::faithfulness::logits;
use crate::{Error, Metric, Need, Result, Undefined};

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
    /// The method's own map with its values in random places, for which the network is asked anew.
    Permuted,
    /// The mean over [`SHUFFLES`] times the method's own map with its values in random places, for metrics that correlate a map with what the
    /// network said already; others do not have it.
    Shuffled,
    /// The method itself on the network with random parameters.
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

    /// Whether each method has one of its own, rather than all methods of one resolution the same.
    pub fn is_of_a_method(self) -> bool {
        match self {
            Null::Permuted | Null::Shuffled | Null::Untrained => true,
            Null::Random | Null::Centre | Null::MeanMask => false,
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
    pub(super) fn without(
        &self,
        own: Option<&[bool]>,
        (height, width): (usize, usize),
    ) -> Result<Grid> {
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
    /// Whether a method, by its number, is held against a null in a metric: each null that is measured costs as much as a method.
    pub compared: &'a (dyn Fn(usize, Metric, Null) -> bool + Sync),
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

/// Measures one image.
///
/// A metric of masks has no value for an image without one, and no entry; so it is with the annotated class and with difficult images. A
/// null has no entry for metrics that explain other inputs.
///
/// **What a method is held against** follows from the method alone, so that its company in the study changes nothing. Maps that no method
/// has made are of the resolution that the metric looks at: the input's, or the method's own; methods of one resolution share them. The
/// mean mask is averaged over the pixels of each place. The others are made from the method's own map, or by the method.
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
    let annotated = item.annotated.filter(|_| metrics.iter().any(localises));
    let annotated = annotated.unwrap_or(predicted);
    let (_, _, height, width) = item.image.dims4()?;
    let look = Look {
        study,
        item,
        // No map is made that no metric looks at.
        seen: match metrics.iter().all(localises) {
            true => annotated,
            false => predicted,
        },
        named: annotated,
        rank,
        metrics,
        input: [height, width],
    };
    let explained = look.explained(study.network, study.explainers)?;
    let untrained = look.untrained()?;
    let cells: Vec<[usize; 2]> = explained.iter().map(|pair| pair.cells()).collect();
    let sizes: BTreeSet<[usize; 2]> = cells.iter().copied().chain([look.input]).collect();
    let mut maps = Vec::with_capacity(explained.len());
    let mut nulls: Vec<Vec<MapRecord>> = vec![Vec::new(); study.nulls.len()];
    for (method, (pair, explainer)) in explained.iter().zip(study.explainers).enumerate() {
        let (record, beside) = look.method(explainer, pair)?;
        for (&null, found) in study.nulls.iter().zip(&mut nulls) {
            let untrained = untrained.get(&method);
            found.extend(look.own_null(null, method, (pair, &beside), untrained)?);
        }
        maps.push(record);
    }
    for (&null, found) in study.nulls.iter().zip(&mut nulls) {
        for &size in &sizes {
            found.extend(look.shared_null(null, size, &cells)?);
        }
    }
    Ok(ImageRecord {
        index: item.index,
        id: item.id.to_string(),
        annotated: item.annotated,
        predicted,
        rank,
        maps,
        nulls: nulls.concat(),
    })
}

/// Whether a metric compares two maps of an image.
fn compares(metric: Metric) -> bool {
    metric.about().needs.contains(&Need::OtherMap)
}
