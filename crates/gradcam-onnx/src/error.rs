//! Why a file cannot be read as a network.

use std::path::PathBuf;

use gradcam_picture::bounded::ReadError;

use crate::element::ElementType;

/// Why a file cannot be read as a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// A file is read, but its content is refused.
    #[error("cannot use the network in `{}`", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<Error>,
    },
    /// The bytes are not an ONNX model, or end too early.
    #[error("not an ONNX model, or cut short: {reason}")]
    NotOnnx {
        /// The first contradiction.
        reason: String,
    },
    /// The model's operator set is not supported.
    #[error("expected operator set {} to {} of the default domain, found {}; export again with `opset_version=17`", .first, .last, .found.map_or("none".to_string(), |found| found.to_string()))]
    Opset {
        /// The oldest version that is read.
        first: i64,
        /// The newest version that is read.
        last: i64,
        /// The file's version; `None` if the file states none.
        found: Option<i64>,
    },
    /// The file exceeds a limit.
    #[error(
        "more than {limit} {unit}; raise `Limits::{field}` if the file is from a source you trust"
    )]
    Limit {
        /// What is counted.
        unit: &'static str,
        /// The most of it.
        limit: u64,
        /// The field of [`Limits`](crate::Limits).
        field: &'static str,
    },
    /// A node breaks a rule of ONNX.
    #[error("the node `{node}` ({op}): {reason}")]
    Node {
        /// The node's name, or its first output if it has no name.
        node: String,
        /// The operator, with its domain unless that is the default.
        op: String,
        /// Why.
        reason: String,
    },
    /// A node reads a value before it is defined, or one that is never defined.
    #[error("the node `{node}` ({op}) reads `{value}`, which is {}", if *.later { "defined only by a later node; sort the nodes first" } else { "neither an input, an initializer nor an output of a node" })]
    Undefined {
        /// The node's name, or its first output if it has no name.
        node: String,
        /// The operator, with its domain unless that is the default.
        op: String,
        /// The value.
        value: String,
        /// Whether a later node defines it.
        later: bool,
    },
    /// A value is defined twice.
    #[error("the value `{value}` is defined twice; ONNX allows one definition of a name")]
    Duplicate {
        /// The value.
        value: String,
    },
    /// An output of the graph is not defined.
    #[error("the graph's output `{value}` is not computed by any node")]
    Output {
        /// The output.
        value: String,
    },
    /// A function of the model breaks a rule of ONNX.
    #[error("the function `{function}`: {reason}")]
    Function {
        /// The function's name, with its domain.
        function: String,
        /// Why.
        reason: String,
    },
    /// A tensor's shape and values contradict each other, or its form is not supported.
    #[error("the tensor `{tensor}`: {reason}")]
    Tensor {
        /// The tensor's name.
        tensor: String,
        /// Why.
        reason: String,
    },
    /// A tensor's elements have a type that is not read.
    #[error("the tensor `{tensor}` has elements of type {element}, which are not supported")]
    Element {
        /// The tensor's name.
        tensor: String,
        /// The type.
        element: ElementType,
    },
    /// Nodes that the output needs are not supported.
    #[error("{} of the graph's operations are not supported:\n{}\nname a value before them as the output if that is enough", nodes.len(), listed(nodes))]
    Unsupported {
        /// Every such node, in the graph's order.
        nodes: Vec<Refused>,
    },
    /// An input or output does not fit.
    #[error("{reason}")]
    Input {
        /// What is wrong.
        reason: String,
    },
    /// An option names a value that the graph does not have.
    #[error("the graph has no {kind} `{name}`{}", gradcam_names::hint(nearest))]
    UnknownValue {
        /// `input` or `output`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The names nearest to it.
        nearest: Vec<String>,
    },
    /// A file beside the model is missing.
    #[error("the weights of `{tensor}` are in `{}`, which does not exist; keep that file beside the `.onnx` file, or export with `external_data=False`", .path.display())]
    Missing {
        /// The first tensor that needs the file.
        tensor: String,
        /// The missing file.
        path: PathBuf,
    },
}

/// A node that is not supported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refused {
    /// The node's name, or its first output if it has no name.
    pub node: String,
    /// The operator, with its domain unless that is the default.
    pub op: String,
    /// The version of the operator set.
    pub opset: Option<i64>,
    /// The path of the module that the node belongs to, if the exporter noted it.
    pub module: Option<String>,
    /// Why.
    pub reason: String,
}

/// Lists nodes, one line for each operator and reason.
fn listed(nodes: &[Refused]) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for node in nodes {
        let set = node
            .opset
            .map_or(String::new(), |opset| format!(" of operator set {opset}"));
        let line = format!("  {}{set}: {}", node.op, node.reason);
        let place = node.module.as_deref().unwrap_or(&node.node);
        match lines.iter_mut().find(|(known, _)| *known == line) {
            Some((_, places)) => places.push(place),
            None => lines.push((line, vec![place])),
        }
    }
    let each = lines
        .into_iter()
        .map(|(line, places)| match places.as_slice() {
            [first, second, third, rest @ ..] if !rest.is_empty() => {
                format!(
                    "{line} (`{first}`, `{second}`, `{third}` and {} more)",
                    rest.len()
                )
            }
            places => format!("{line} (`{}`)", places.join("`, `")),
        });
    each.collect::<Vec<_>>().join("\n")
}

/// A result whose error is [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn tensor(tensor: &str, reason: impl Into<String>) -> Error {
        Error::Tensor {
            tensor: tensor.to_string(),
            reason: reason.into(),
        }
    }
}
