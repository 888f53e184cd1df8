//! How the method works: the first part of a card.

use serde::{Deserialize, Serialize};

use super::Test;

/// How the method works, under the template's five headings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Methodology {
    /// Does the same input give the same map? An exact test.
    pub determinism: Test,
    /// What a user may set, and what it changes.
    pub hyperparameters: Hyperparameters,
    /// Which networks it works for.
    pub agnosticism: Agnosticism,
    /// What it costs.
    pub efficiency: Efficiency,
    /// What its values mean.
    pub directness: Directness,
}

/// What a user may set, and what it changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hyperparameters {
    /// In words: what there is to set.
    pub note: String,
    /// Each setting beside the default one.
    pub sweep: Vec<Setting>,
}

/// One setting, and how like its maps are to those of the default setting. Means over images; `None` where they are undefined.
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
    /// The distance between the highest values, in pixels of the input.
    pub displacement: Option<f64>,
    /// The artifact with a picture of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// Which networks the method works for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agnosticism {
    /// Whether it applies to this network.
    pub applicable: bool,
    /// What it asks of a network.
    pub requires: String,
    /// The network's operations.
    pub operations: Vec<Operation>,
    /// The gradient held against finite differences.
    pub gradient_check: Option<Test>,
}

/// An operation of the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// How many of them there are.
    pub count: usize,
    /// Whether the method can do with it.
    pub supported: bool,
}

/// What a map costs. Times differ from run to run: a card whose bytes must not differ leaves them out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Efficiency {
    /// The median time of a map in seconds.
    pub median_s: Option<f64>,
    /// The times that a quarter and three quarters of the maps stay below, in seconds.
    pub quartiles_s: Option<[f64; 2]>,
    /// The time that 95 % of the maps stay below, in seconds.
    pub p95_s: Option<f64>,
    /// Runs that were timed.
    pub n: usize,
    /// The median time of a forward pass alone, in seconds.
    pub forward_s: Option<f64>,
    /// The power of ten below the median, in seconds: what the published cards print.
    pub decade: Option<f64>,
    /// Why there are no times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What the values of a map mean.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directness {
    /// In words.
    pub note: String,
    /// Rows and columns of the map before it is enlarged.
    pub resolution: [usize; 2],
    /// Rows and columns of pixels that a position of the map sees, where known.
    pub receptive_field: Option<[usize; 2]>,
    /// Whether values below 0 are shown.
    pub signed: bool,
    /// The mean share of the map's absolute sum that ReLU takes away, 0 to 1.
    pub relu_removed: Option<f64>,
}
