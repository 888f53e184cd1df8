//! The output of `--json`.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::record::{MapRecord, TargetRecord};

/// The output of `--json`.
#[derive(Serialize)]
pub(super) struct Record {
    pub(super) image: String,
    pub(super) model: String,
    pub(super) layer: String,
    pub(super) target: TargetRecord,
    /// Time of all methods together.
    pub(super) seconds: f64,
    pub(super) methods: Vec<MethodRecord>,
    /// Spearman's rank correlations of the signed maps at the input's size, for the methods with a map, in their order; `null` for a flat
    /// map.
    pub(super) rank_correlations: BTreeMap<&'static str, Vec<Option<f64>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) picture: Option<String>,
}

/// One method.
#[derive(Serialize)]
pub(super) struct MethodRecord {
    pub(super) name: &'static str,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(super) options: Map<String, Value>,
    /// Time spent for this method alone.
    pub(super) seconds: f64,
    /// Time of the passes shared with other methods; each of them needs these passes, which ran once.
    pub(super) shared_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) map: Option<MapRecord>,
    /// The reason if there is no map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}
