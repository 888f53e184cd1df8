//! The contents of a file of records.

use std::collections::BTreeMap;

use gradcam::Method;
use serde::{Deserialize, Serialize};

use super::null::Null;
use crate::metrics::Cuts;
use crate::{Metric, Resolution, Undefined};

/// The name and version of the format.
pub const FORMAT: &str = "gradcam-records/2";

/// The first line of a file of records: everything that the numbers depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// The model's name as given.
    pub model: String,
    /// The hash of its weights.
    pub model_sha256: String,
    /// The hash of the rest of the model: its preprocessing and its labels.
    pub config_sha256: String,
    /// The precision of the network's numbers.
    pub precision: String,
    /// The kind of device that runs the network: kinds add in different orders.
    pub device: String,
    /// How pictures are fitted to the network's input.
    pub fit: String,
    /// The largest picture that is read, in pixels, if it affects a null; otherwise a refused picture merely has no record.
    pub max_pixels: Option<u64>,
    /// The pixel values mapped to black and white, if requested.
    pub window: Option<String>,
    /// The frame of files that have several, if requested.
    pub frame: Option<usize>,
    /// The data set's name.
    pub data: String,
    /// The hash of the names, classes and annotations of its images, in their order.
    pub data_sha256: String,
    /// The number of images in the whole data set, across all shards.
    pub images: usize,
    /// The methods with their options.
    pub methods: Vec<Method>,
    /// The layers for methods that explain layers.
    pub layers: Vec<String>,
    /// How maps are upsampled.
    pub interpolation: String,
    /// The most forward passes that a sampling method may spend on a map.
    pub budget: Option<usize>,
    /// The standard error at which a sampling method may stop, as a share of the map's range.
    pub tolerance: Option<f64>,
    /// The hash of the pictures that methods compare with, as the network receives them.
    pub background_sha256: Option<String>,
    /// The nulls that methods are compared with.
    pub nulls: Vec<Null>,
    /// The metrics.
    pub metrics: Vec<Metric>,
    /// The seed of all random numbers.
    pub seed: u64,
}

/// One line per image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRecord {
    /// The image's index in the data set, from 0.
    pub index: usize,
    /// The image's name in the data set.
    pub id: String,
    /// The annotated class.
    pub annotated: Option<usize>,
    /// The class that the network predicts.
    pub predicted: usize,
    /// The rank of the annotated class among the network's; 0 is the highest.
    pub rank: Option<usize>,
    /// One record per method, in the order of the header.
    pub maps: Vec<MapRecord>,
    /// The nulls that methods are compared with, in the order of the header: one per method if the null is made from its map, otherwise one
    /// per resolution of a map.
    pub nulls: Vec<MapRecord>,
}

impl ImageRecord {
    /// Returns the map that a method, given by its index, is compared with in a metric; `None` if the metric was not measured on it.
    pub fn held_against(&self, null: Null, method: usize, metric: Metric) -> Option<&MapRecord> {
        let own = self.maps.get(method)?;
        let fits = |map: &MapRecord| match (null.is_of_a_method(), metric.about().resolution) {
            (true, _) => map.of == Some(method),
            (false, Resolution::Own) => map.cells == own.cells,
            // One map at the input's resolution serves all methods, and only it has the metric.
            (false, Resolution::Input) => true,
        };
        let mut nulls = self.nulls.iter();
        nulls.find(|map| fits(map) && map.source == null.name() && map.values.contains_key(&metric))
    }
}

/// The measurements of one map, or of one map per class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapRecord {
    /// The method's or the null's name.
    pub source: String,
    /// The index in the header of the method that a null is made from; `None` for methods and for nulls that no method makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<usize>,
    /// Rows and columns of the map at its own resolution.
    pub cells: [usize; 2],
    /// Whether the map of the predicted class is usable, in the method's own words. If every metric uses masks, it is the map of the
    /// annotated class.
    pub verdict: String,
    /// The share of that map's positions whose value ties with another position, 0 to 1: chance decides their order. `None` if the map is
    /// not finite, or no metric needs an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tied_cells: Option<f64>,
    /// The same at the input's resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tied_pixels: Option<f64>,
    /// The class's probability along deletion and insertion, if measured; not stored in a file of records.
    #[serde(skip)]
    pub curves: BTreeMap<Metric, Vec<f64>>,
    /// The results by metric name.
    pub values: BTreeMap<Metric, Outcome>,
}

/// A value, or the reason why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    /// The value.
    Value(f64),
    /// The values at each of the [`THRESHOLDS`](crate::metrics::THRESHOLDS); one of them is chosen by the other images.
    Cuts(Cuts),
    /// There is no value.
    Undefined {
        /// The reason.
        undefined: Undefined,
    },
}

impl From<Result<f64, Undefined>> for Outcome {
    fn from(result: Result<f64, Undefined>) -> Self {
        match result {
            Ok(value) if value.is_finite() => Outcome::Value(value),
            Ok(_) => Outcome::Undefined {
                undefined: Undefined::NonFinite,
            },
            Err(undefined) => Outcome::Undefined { undefined },
        }
    }
}
