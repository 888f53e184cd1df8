//! The graph: nodes, their attributes, and the values between them.
//!
//! One file, because a node has attributes, an attribute may be a graph, and a graph has nodes.

use std::collections::BTreeMap;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;

use crate::element::ElementType;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A graph whose nodes are sorted: each value is defined once, before it is read.
#[derive(Clone)]
pub struct Graph {
    pub(crate) name: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) initializers: Vec<Tensor>,
    pub(crate) inputs: Vec<Declared>,
    pub(crate) outputs: Vec<Declared>,
}

/// One operation. Functions of the model are inlined, so that each node is an operator.
#[derive(Clone, Debug)]
pub struct Node {
    pub(crate) name: String,
    pub(crate) op: String,
    pub(crate) domain: String,
    pub(crate) opset: Option<i64>,
    pub(crate) inputs: Vec<Option<Arc<str>>>,
    pub(crate) outputs: Vec<Option<Arc<str>>>,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// An input or output of a graph.
#[derive(Clone, Debug)]
pub struct Declared {
    pub(crate) name: Arc<str>,
    pub(crate) kind: ValueKind,
}

/// The declared type of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueKind {
    /// A tensor.
    Tensor {
        /// The type of its elements.
        element: ElementType,
        /// Its shape; `None` if not even the rank is declared.
        shape: Option<Shape>,
    },
    /// Something else, by its name: `sequence`, `map`, `optional`, `sparse tensor`, `opaque`.
    Other(&'static str),
    /// The file declares no type, which is usual in subgraphs.
    Undeclared,
}

/// The value of a node's attribute. A clone shares lists and tensors.
#[derive(Clone)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Attribute {
    Float(f32),
    Int(i64),
    /// A text, in UTF-8 by convention.
    String(Arc<[u8]>),
    Tensor(Tensor),
    /// A subgraph (of `If`, `Loop`, `Scan`), which may read the values of the graph around it.
    Graph(Arc<Graph>),
    Floats(Arc<[f32]>),
    Ints(Arc<[i64]>),
    Strings(Arc<[Arc<[u8]>]>),
    Tensors(Arc<[Tensor]>),
    Graphs(Arc<[Arc<Graph>]>),
}

impl Graph {
    /// Returns the graph's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the nodes, each after those that it reads from.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Returns the values that the file holds, under their names.
    pub fn initializers(&self) -> &[Tensor] {
        &self.initializers
    }

    /// Returns the inputs that a caller must give: those without an initializer.
    pub fn inputs(&self) -> &[Declared] {
        &self.inputs
    }

    /// Returns the outputs.
    pub fn outputs(&self) -> &[Declared] {
        &self.outputs
    }
}

/// Shows counts of initializers, not each of them.
impl Debug for Graph {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph")
            .field("name", &self.name)
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs)
            .field("nodes", &self.nodes)
            .field("initializers", &self.initializers.len())
            .finish()
    }
}

impl Node {
    /// Returns the name, which may be empty. A node from a function has the name of the call before its own: `call/name`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the operator's name, such as `Conv`.
    pub fn op(&self) -> &str {
        &self.op
    }

    /// Returns the operator's domain; empty for ONNX's own operators (`ai.onnx`).
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Returns the version of the domain's operator set; `None` if the file imports none, which it may only omit for other domains.
    pub fn opset(&self) -> Option<i64> {
        self.opset
    }

    /// Returns the values that are read; `None` for an optional input that is left out.
    pub fn inputs(&self) -> &[Option<Arc<str>>] {
        &self.inputs
    }

    /// Returns the values that are computed; `None` for an optional output that is left out.
    pub fn outputs(&self) -> &[Option<Arc<str>>] {
        &self.outputs
    }

    /// Returns the attributes by their names.
    pub fn attributes(&self) -> &BTreeMap<String, Attribute> {
        &self.attributes
    }

    /// Returns the exporter's notes, such as `pkg.torch.onnx.name_scopes`. A node from a function also has the notes of the call.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Returns the name for messages: the node's, or its first output's.
    pub(crate) fn label(&self) -> String {
        match (&self.name, self.outputs.iter().flatten().next()) {
            (name, Some(output)) if name.is_empty() => output.to_string(),
            (name, _) => name.clone(),
        }
    }

    /// Returns the operator for messages, with its domain unless that is the default.
    pub(crate) fn operator(&self) -> String {
        match self.domain.as_str() {
            "" => self.op.clone(),
            domain => format!("{domain}.{}", self.op),
        }
    }
}

impl Declared {
    /// Returns the value's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the declared type.
    pub fn kind(&self) -> &ValueKind {
        &self.kind
    }
}

/// Shows the lengths of lists and the shapes of tensors.
impl Debug for Attribute {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Attribute::Float(value) => write!(f, "{value:?}"),
            Attribute::Int(value) => write!(f, "{value}"),
            Attribute::String(text) => write!(f, "{:?}", String::from_utf8_lossy(text)),
            Attribute::Tensor(tensor) => write!(f, "{tensor:?}"),
            Attribute::Graph(graph) => write!(f, "Graph({} nodes)", graph.nodes.len()),
            Attribute::Floats(values) => write!(f, "Floats({})", values.len()),
            Attribute::Ints(values) => write!(f, "Ints({})", values.len()),
            Attribute::Strings(values) => write!(f, "Strings({})", values.len()),
            Attribute::Tensors(tensors) => write!(f, "{tensors:?}"),
            Attribute::Graphs(graphs) => write!(f, "Graphs({})", graphs.len()),
        }
    }
}
