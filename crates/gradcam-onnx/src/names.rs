//! The names of values, each stored once.

use std::collections::HashMap;
use std::sync::Arc;

use crate::proto::{AttributeProto, GraphProto, NodeProto};

/// The names that are taken. Values inside a called function get new ones.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// With the number to try next, if a new name begins like this one.
    taken: HashMap<Arc<str>, u64>,
}

impl Names {
    /// Takes all names of a graph and its subgraphs.
    pub(crate) fn of(graph: &GraphProto) -> Self {
        let mut names = Names::default();
        names.take_graph(graph);
        names
    }

    /// Returns a name as it is.
    pub(crate) fn shared(&mut self, name: &str) -> Arc<str> {
        if let Some((shared, _)) = self.taken.get_key_value(name) {
            return shared.clone();
        }
        let shared: Arc<str> = name.into();
        self.taken.insert(shared.clone(), 1);
        shared
    }

    /// Returns a name that is not taken: `wanted`, or that with a number behind it.
    pub(crate) fn unique(&mut self, wanted: &str) -> Arc<str> {
        let mut name = wanted.to_string();
        while self.taken.contains_key(name.as_str()) {
            let Some(number) = self.taken.get_mut(wanted) else {
                break;
            };
            name = format!("{wanted}_{number}");
            *number += 1;
        }
        self.shared(&name)
    }

    fn take_graph(&mut self, graph: &GraphProto) {
        for value in graph.input.iter().chain(&graph.output) {
            self.shared(&value.name);
        }
        for tensor in &graph.initializer {
            self.shared(&tensor.name);
        }
        graph.node.iter().for_each(|node| self.take_node(node));
    }

    fn take_node(&mut self, node: &NodeProto) {
        for name in node.input.iter().chain(&node.output) {
            self.shared(name);
        }
        node.attribute.iter().for_each(|a| self.take_attribute(a));
    }

    fn take_attribute(&mut self, attribute: &AttributeProto) {
        for graph in attribute.g.iter().map(|g| &**g).chain(&attribute.graphs) {
            self.take_graph(graph);
        }
    }
}
