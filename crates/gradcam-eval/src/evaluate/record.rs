//! What is written down.

use std::collections::BTreeMap;

use gradcam::Method;
use serde::{Deserialize, Serialize};

use super::null::Null;
use crate::metrics::Cuts;
use crate::{Metric, Resolution, Undefined};

/// The name and version of the format.
pub const FORMAT: &str = "gradcam-records/2";

/// The first line of a file of records: all that the numbers depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// The model as it was named.
    pub model: String,
    /// Of its weights.
    pub model_sha256: String,
    /// Of what else belongs to the model: its preprocessing and its labels.
    pub config_sha256: String,
    /// How exactly the network's numbers are kept.
    pub precision: String,
    /// The kind of device that it runs on: no two kinds add in the same order.
    pub device: String,
    /// How pictures are brought to the network's input.
    pub fit: String,
    /// The largest picture that is read, in pixels, where that decides about a null; else a picture that is refused has no record.
    pub max_pixels: Option<u64>,
    /// The values of pictures that became black and white, where that was asked for.
    pub window: Option<String>,
    /// The frame of files that have several, where one was asked for.
    pub frame: Option<usize>,
    /// The data set's name.
    pub data: String,
    /// Of the names, classes and annotations of its images, in their order.
    pub data_sha256: String,
    /// Images of the whole data set, shards or not.
    pub images: usize,
    /// The methods with their options.
    pub methods: Vec<Method>,
    /// The layers that methods of layers look at.
    pub layers: Vec<String>,
    /// How maps are enlarged.
    pub interpolation: String,
    /// The most forwards that a method which samples may spend on a map.
    pub budget: Option<usize>,
    /// The standard error at which a method which samples may stop, as a share of the map's range.
    pub tolerance: Option<f64>,
    /// Of the pictures that methods compare with, as the network gets them.
    pub background_sha256: Option<String>,
    /// What the methods are compared with.
    pub nulls: Vec<Null>,
    /// What is measured.
    pub metrics: Vec<Metric>,
    /// Of whatever is drawn.
    pub seed: u64,
}

/// One line for each image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRecord {
    /// Its number in the data set, from 0.
    pub index: usize,
    /// Its name in the data set.
    pub id: String,
    /// The class that its annotation names.
    pub annotated: Option<usize>,
    /// The class that the network sees.
    pub predicted: usize,
    /// Where the annotated class stands among the network's, from 0 on.
    pub rank: Option<usize>,
    /// One for each method, in the order of the header.
    pub maps: Vec<MapRecord>,
    /// What the methods are held against, in the order of the header's nulls: one for each method where the null is made from its map, else
    /// one for each resolution of a map.
    pub nulls: Vec<MapRecord>,
}

impl ImageRecord {
    /// The map that a method, by its number, is held against in a metric; none where the metric was not measured of it.
    pub fn held_against(&self, null: Null, method: usize, metric: Metric) -> Option<&MapRecord> {
        let own = self.maps.get(method)?;
        let fits = |map: &MapRecord| match (null.is_of_a_method(), metric.about().resolution) {
            (true, _) => map.of == Some(method),
            (false, Resolution::Own) => map.cells == own.cells,
            // One map at the input's resolution serves all methods, and no other has the metric.
            (false, Resolution::Input) => true,
        };
        let mut nulls = self.nulls.iter();
        nulls.find(|map| fits(map) && map.source == null.name() && map.values.contains_key(&metric))
    }
}

/// What was measured of one map, or of one map a class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapRecord {
    /// The method's or the null's name.
    pub source: String,
    /// The method that a null is made from, by its number in the header; none for methods and for what no method has made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<usize>,
    /// Rows and columns of the map at its own resolution.
    pub cells: [usize; 2],
    /// Whether the map of the class that the network sees can be used, in the method's own words; of the annotated class where every metric
    /// is one of masks.
    pub verdict: String,
    /// The share of that map's places whose value another place has too, 0 to 1: there chance decides the order. None for a map that is not
    /// finite, and where no metric asks for an order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tied_cells: Option<f64>,
    /// The same at the input's resolution.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tied_pixels: Option<f64>,
    /// The class's probability along deletion and insertion, where they were measured; a file of records does not have them.
    #[serde(skip)]
    pub curves: BTreeMap<Metric, Vec<f64>>,
    /// By the metrics' names.
    pub values: BTreeMap<Metric, Outcome>,
}

/// A value, or why there is none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Outcome {
    /// The value.
    Value(f64),
    /// The values at each of the [`THRESHOLDS`](crate::metrics::THRESHOLDS), of which the other images choose one.
    Cuts(Cuts),
    /// Why there is none.
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
