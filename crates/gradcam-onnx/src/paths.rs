//! The module paths of values, as the exporters of PyTorch note them.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::graph::Node;

/// Where dynamo's exporter notes the modules around a node, outermost first, with the node's own name at the end.
const SCOPES: &str = "pkg.torch.onnx.name_scopes";

/// The modules of a graph.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    /// For each module, outermost first in each branch, the values that leave it, in the graph's order.
    leaving: BTreeMap<String, Vec<Arc<str>>>,
    /// The innermost module of the node that computes a value.
    module: HashMap<Arc<str>, String>,
}

impl Paths {
    /// Reads the modules around each node.
    pub(crate) fn of(nodes: &[Node], output: &str) -> Self {
        let scopes: Vec<Vec<String>> = nodes.iter().map(scopes).collect();
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            for input in node.inputs().iter().flatten() {
                readers.entry(input).or_default().push(index);
            }
        }
        let mut paths = Paths::default();
        for (node, own) in nodes.iter().zip(&scopes) {
            for value in node.outputs().iter().flatten() {
                if let Some(module) = own.last() {
                    paths.module.insert(value.clone(), module.clone());
                }
                let mut left: HashSet<&str> = HashSet::new();
                if &**value == output {
                    left.extend(own.iter().map(String::as_str));
                }
                for &reader in readers.get(&**value).into_iter().flatten() {
                    let inside: HashSet<&str> = scopes[reader].iter().map(String::as_str).collect();
                    left.extend(
                        own.iter()
                            .map(String::as_str)
                            .filter(|s| !inside.contains(s)),
                    );
                }
                for scope in left {
                    paths
                        .leaving
                        .entry(scope.to_string())
                        .or_default()
                        .push(value.clone());
                }
            }
        }
        paths
    }

    /// Returns the innermost module of the node that computes `value`.
    pub(crate) fn module(&self, value: &str) -> Option<&str> {
        self.module.get(value).map(String::as_str)
    }

    /// Returns whether a module has this path.
    pub(crate) fn is_module(&self, path: &str) -> bool {
        self.leaving.contains_key(path)
    }

    /// Names values after the modules that they leave: for each module the last of its values that `is_map`. Inner modules come first.
    pub(crate) fn names(&self, is_map: impl Fn(&str) -> bool) -> HashMap<Arc<str>, Vec<String>> {
        let mut names: HashMap<Arc<str>, Vec<String>> = HashMap::new();
        for (module, values) in &self.leaving {
            if let Some(value) = values.iter().rev().find(|value| is_map(value)) {
                names.entry(value.clone()).or_default().push(module.clone());
            }
        }
        for paths in names.values_mut() {
            paths.sort_by_key(|path| std::cmp::Reverse(path.matches('.').count()));
        }
        names
    }
}

/// Returns the paths of the modules around a node, outermost first, without the network itself.
fn scopes(node: &Node) -> Vec<String> {
    if let Some(noted) = node.metadata().get(SCOPES) {
        let mut scopes = list(noted);
        scopes.pop();
        scopes.retain(|scope| !scope.is_empty());
        scopes.dedup();
        return scopes;
    }
    let Some(name) = node.name().strip_prefix('/') else {
        return Vec::new();
    };
    let mut parts: Vec<&str> = name.split('/').collect();
    // The operator itself.
    parts.pop();
    from_parts(&parts)
}

/// Reads the texts of a Python list of plain texts.
fn list(text: &str) -> Vec<String> {
    let text = text.trim().trim_start_matches('[').trim_end_matches(']');
    let each = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    each.map(|item| item.trim_matches(['\'', '"']).to_string())
        .collect()
}

/// Joins the parts of a node's name in the exporter before dynamo. A part repeats the one before if that is a list of modules:
/// `/layer1/layer1.0/conv1` is `layer1`, `layer1.0`, `layer1.0.conv1`.
fn from_parts(parts: &[&str]) -> Vec<String> {
    let mut scopes: Vec<String> = Vec::new();
    let (mut parent, mut previous) = (String::new(), "");
    for part in parts {
        let repeats = !previous.is_empty()
            && part
                .strip_prefix(previous)
                .is_some_and(|rest| rest.starts_with('.'));
        if !repeats && !previous.is_empty() {
            parent = scopes.last().cloned().unwrap_or_default();
        }
        let path = if parent.is_empty() {
            (*part).to_string()
        } else {
            format!("{parent}.{part}")
        };
        scopes.push(path);
        previous = part;
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_name_are_joined() {
        assert_eq!(
            from_parts(&["layer1", "layer1.0", "conv1"]),
            ["layer1", "layer1.0", "layer1.0.conv1"]
        );
        assert_eq!(
            from_parts(&["encoder", "layer", "layer.0", "attention", "query"]),
            [
                "encoder",
                "encoder.layer",
                "encoder.layer.0",
                "encoder.layer.0.attention",
                "encoder.layer.0.attention.query"
            ]
        );
        assert_eq!(
            from_parts(&["features", "features.0", "features.0.0"]),
            ["features", "features.0", "features.0.0"]
        );
        assert!(from_parts(&[]).is_empty());
    }

    #[test]
    fn a_list_is_read() {
        assert_eq!(
            list("['', 'layer1', 'layer1.0', 'relu']"),
            ["", "layer1", "layer1.0", "relu"]
        );
        assert!(list("[]").is_empty());
    }
}
