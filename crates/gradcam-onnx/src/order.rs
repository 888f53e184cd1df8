//! The order and the names of a graph's values.

use std::collections::HashSet;

use crate::error::{Error, Result};
use crate::graph::{Attribute, Graph, Node};

/// Checks that each value has one definition, before it is read, and that the outputs are defined.
///
/// A subgraph sees the values of the graph around it that are defined before its node.
///
/// # Errors
/// [`Error::Duplicate`], [`Error::Undefined`] or [`Error::Output`].
pub(crate) fn check(graph: &Graph) -> Result<()> {
    inside(graph, &mut HashSet::new())
}

fn inside<'a>(graph: &'a Graph, visible: &mut HashSet<&'a str>) -> Result<()> {
    let mut own: Vec<&'a str> = Vec::new();
    let mut define = |value: &'a str, visible: &mut HashSet<&'a str>| {
        if !visible.insert(value) {
            return Err(Error::Duplicate {
                value: value.to_string(),
            });
        }
        own.push(value);
        Ok(())
    };
    let inputs = graph.inputs.iter().map(|input| input.name());
    for value in inputs.chain(graph.initializers.iter().map(|tensor| tensor.name())) {
        define(value, visible)?;
    }
    for (index, node) in graph.nodes.iter().enumerate() {
        for value in node.inputs.iter().flatten() {
            if !visible.contains(&**value) {
                return Err(undefined(node, value, &graph.nodes[index..]));
            }
        }
        for attribute in node.attributes.values() {
            for graph in subgraphs(attribute) {
                inside(graph, visible)?;
            }
        }
        for value in node.outputs.iter().flatten() {
            define(value, visible)?;
        }
    }
    for output in &graph.outputs {
        if !visible.contains(output.name()) {
            return Err(Error::Output {
                value: output.name().to_string(),
            });
        }
    }
    for value in own {
        visible.remove(value);
    }
    Ok(())
}

fn subgraphs(attribute: &Attribute) -> Vec<&Graph> {
    match attribute {
        Attribute::Graph(graph) => vec![graph],
        Attribute::Graphs(graphs) => graphs.iter().map(|graph| &**graph).collect(),
        Attribute::Float(_)
        | Attribute::Int(_)
        | Attribute::String(_)
        | Attribute::Tensor(_)
        | Attribute::Floats(_)
        | Attribute::Ints(_)
        | Attribute::Strings(_)
        | Attribute::Tensors(_) => Vec::new(),
    }
}

fn undefined(node: &Node, value: &str, rest: &[Node]) -> Error {
    let mut outputs = rest.iter().flat_map(|node| node.outputs.iter().flatten());
    Error::Undefined {
        node: node.label(),
        op: node.operator(),
        value: value.to_string(),
        later: outputs.any(|output| &**output == value),
    }
}
