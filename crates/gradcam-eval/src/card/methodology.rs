//! How the method works: the first part of a card.

use serde::{Deserialize, Serialize};

use super::Test;

/// How the method works, under the template's five headings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Methodology {
    /// Does the same input give the same map? An exact test.
    pub determinism: Test,
    /// The user's settings, and their effects.
    pub hyperparameters: Hyperparameters,
    /// The networks it applies to.
    pub agnosticism: Agnosticism,
    /// The cost.
    pub efficiency: Efficiency,
    /// The meaning of its values.
    pub directness: Directness,
}

/// The user's settings, and their effects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hyperparameters {
    /// The settings in words.
    pub note: String,
    /// Each setting compared with the default.
    pub sweep: Vec<Setting>,
}

/// One setting, and the similarity of its maps to those of the default setting. Means over images; `None` if undefined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// The layer.
    pub layer: String,
    /// The interpolation.
    pub interp: String,
    /// Spearman's rank correlation, -1 to 1.
    pub spearman: Option<f64>,
    /// The structural similarity, -1 to 1.
    pub ssim: Option<f64>,
    /// Intersection over union of the 15 % of the pixels with the highest values, 0 to 1.
    pub iou15: Option<f64>,
    /// The distance between the peaks, in pixels of the input.
    pub displacement: Option<f64>,
    /// The artifact with a picture of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// The networks that the method applies to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agnosticism {
    /// Whether it applies to this network.
    pub applicable: bool,
    /// Its requirements for a network.
    pub requires: String,
    /// The network's operations.
    pub operations: Vec<Operation>,
    /// The gradient compared with finite differences.
    pub gradient_check: Option<Test>,
}

/// An operation of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// The number of occurrences.
    pub count: usize,
    /// Whether the method supports it.
    pub supported: bool,
}

/// The cost of a map. Times differ from run to run: a card with reproducible bytes omits them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Efficiency {
    /// The median time of a map in seconds.
    pub median_s: Option<f64>,
    /// The times below which a quarter and three quarters of the maps stay, in seconds.
    pub quartiles_s: Option<[f64; 2]>,
    /// The time below which 95 % of the maps stay, in seconds.
    pub p95_s: Option<f64>,
    /// The number of timed runs.
    pub n: usize,
    /// The median time of a forward pass alone, in seconds.
    pub forward_s: Option<f64>,
    /// The power of ten at or below the median, in seconds, as printed on the published cards.
    pub decade: Option<f64>,
    /// Why there are no times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The meaning of a map's values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directness {
    /// A description in words.
    pub note: String,
    /// Rows and columns of the map before it is upsampled.
    pub resolution: [usize; 2],
    /// The receptive field of a position of the map, in rows and columns of pixels, if known.
    pub receptive_field: Option<[usize; 2]>,
    /// Whether values below 0 are shown.
    pub signed: bool,
    /// The mean share of the map's absolute sum that ReLU removes, 0 to 1.
    pub relu_removed: Option<f64>,
}
