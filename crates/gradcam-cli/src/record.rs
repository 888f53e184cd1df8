//! The output of `--json`: one object per line for each image and target.

use std::collections::BTreeMap;
use std::fmt;

use gradcam::{Explained, Heatmap, probabilities, ranking};
use gradcam_models::sha256;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::digest::little_endian;

/// One explained image and target.
#[derive(Debug, Serialize)]
pub(crate) struct Record {
    /// The picture as named by the user.
    pub(crate) image: String,
    /// The model as named by the user.
    pub(crate) model: String,
    pub(crate) method: &'static str,
    /// The method's options with their values.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) options: Map<String, Value>,
    /// The layer, or several joined by `+`.
    pub(crate) layer: String,
    pub(crate) target: TargetRecord,
    /// The classes with the highest probabilities.
    pub(crate) predictions: Vec<Prediction>,
    pub(crate) map: MapRecord,
    pub(crate) outputs: Outputs,
    /// Milliseconds of forward, backward and map, divided evenly over the maps of a batch.
    pub(crate) millis: f64,
}

/// The explained target.
#[derive(Debug, Serialize)]
pub(crate) struct TargetRecord {
    /// As written by the user.
    pub(crate) asked: String,
    /// The explained number.
    pub(crate) score: f32,
    /// The class, if it is one; the first one of a difference.
    pub(crate) index: Option<usize>,
    pub(crate) label: Option<String>,
    /// The class that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) against: Option<usize>,
    /// Its label.
    #[serde(skip)]
    other: Option<String>,
    pub(crate) logit: Option<f32>,
    pub(crate) probability: Option<f32>,
}

impl TargetRecord {
    pub(crate) fn of(target: &Explained, asked: &str, labels: &[String]) -> Self {
        let label = |class: Option<usize>| class.and_then(|i| labels.get(i)).cloned();
        TargetRecord {
            asked: asked.to_string(),
            score: target.score,
            index: target.index,
            label: label(target.index),
            against: target.against,
            other: label(target.against),
            logit: target.logit,
            probability: target.probability,
        }
    }

    /// Returns the class with its probability; for a difference or similarity, the text alone.
    pub(crate) fn with_probability(&self) -> String {
        match self.probability {
            Some(p) if self.against.is_none() => format!("{self} {:.1} %", p * 100.0),
            _ => self.to_string(),
        }
    }

    /// Returns the target with its probability, or else its score.
    pub(crate) fn scored(&self) -> String {
        match (self.probability, &self.label) {
            // Without a label the text already has the score.
            (Some(_), _) if self.against.is_none() => self.with_probability(),
            (_, Some(_)) => format!("{self} {:.3}", self.score),
            (_, None) => self.to_string(),
        }
    }
}

impl fmt::Display for TargetRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.label, &self.other) {
            (Some(class), Some(other)) => write!(f, "{class} rather than {other}"),
            (Some(class), None) => f.write_str(class),
            _ => write!(f, "{} {:.3}", self.asked, self.score),
        }
    }
}

/// One class of a picture.
#[derive(Debug, Serialize)]
pub(crate) struct Prediction {
    pub(crate) index: usize,
    pub(crate) label: String,
    pub(crate) logit: f32,
    pub(crate) probability: f32,
}

/// The signed map at the layer's resolution; of the first layer if several were fused.
#[derive(Debug, Serialize)]
pub(crate) struct MapRecord {
    pub(crate) height: usize,
    pub(crate) width: usize,
    /// `null` if the map has no finite number.
    pub(crate) raw_min: f32,
    pub(crate) raw_max: f32,
    /// The share of the map's absolute mass that is negative.
    pub(crate) negative_mass: f32,
    pub(crate) verdict: String,
    /// Further measurements by the method.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) measures: BTreeMap<&'static str, f64>,
    /// The digest of the values as little-endian `f32`, row after row.
    pub(crate) sha256: String,
}

/// The written files.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Outputs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) picture: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) maps: Option<String>,
}

/// Returns the `count` classes with the highest probabilities; none for an embedding, which has no labels.
pub(crate) fn predictions(logits: &[f32], labels: &[String], count: usize) -> Vec<Prediction> {
    if labels.is_empty() {
        return Vec::new();
    }
    let probabilities = probabilities(logits);
    ranking(logits)
        .into_iter()
        .take(count)
        .map(|index| Prediction {
            index,
            label: labels.get(index).cloned().unwrap_or_default(),
            logit: logits[index],
            probability: probabilities[index],
        })
        .collect()
}

/// Describes a heat map's raw map.
pub(crate) fn map(heatmap: &Heatmap) -> MapRecord {
    let raw = heatmap.raw();
    MapRecord {
        height: raw.height(),
        width: raw.width(),
        raw_min: raw.min(),
        raw_max: raw.max(),
        negative_mass: raw.negative_mass(),
        verdict: heatmap.verdict.to_string(),
        measures: heatmap.layers[0].measures.iter().copied().collect(),
        sha256: sha256(&little_endian(raw.values())),
    }
}
