//! A network as its file describes it.

use std::collections::BTreeMap;

use crate::graph::Graph;

/// A network as its file describes it.
#[derive(Clone, Debug)]
pub struct Model {
    pub(crate) opset: i64,
    pub(crate) opsets: BTreeMap<String, i64>,
    pub(crate) producer: String,
    pub(crate) producer_version: String,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) graph: Graph,
}

impl Model {
    /// Returns the version of the default domain's operator set, 9 to 23.
    pub fn opset(&self) -> i64 {
        self.opset
    }

    /// Returns the versions of all imported operator sets by their domains; the default domain is the empty name.
    pub fn opsets(&self) -> &BTreeMap<String, i64> {
        &self.opsets
    }

    /// Returns the name of the exporter, such as `pytorch`; may be empty.
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// Returns the version of the exporter; may be empty.
    pub fn producer_version(&self) -> &str {
        &self.producer_version
    }

    /// Returns the exporter's notes, such as the labels that Ultralytics writes under `names`.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Returns the graph.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Returns the graph and drops the rest.
    pub fn into_graph(self) -> Graph {
        self.graph
    }
}
