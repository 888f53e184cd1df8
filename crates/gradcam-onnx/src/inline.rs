//! Builds the graph from its messages, with the model's functions inlined.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::decode;
use crate::element::ElementType;
use crate::error::{Error, Result};
use crate::external::Sidecars;
use crate::graph::{Attribute, Declared, Graph, Node, ValueKind};
use crate::limits::Budget;
use crate::names::Names;
use crate::opset::{self, Opsets};
use crate::proto::{
    AttributeProto, DimensionProto, FunctionProto, GraphProto, ModelProto, NodeProto,
    StringStringEntryProto, TensorProto, TypeProto, ValueInfoProto,
};
use crate::shape::{Dim, Shape};
use crate::tensor::Tensor;

/// The most calls inside each other, so that a hostile chain cannot exhaust the stack.
const DEEPEST: usize = 64;

/// Builds the model's graph.
///
/// # Errors
/// If a node, function or tensor breaks a rule of ONNX, or the budget is exceeded.
pub(crate) fn graph(
    model: &ModelProto,
    graph: &GraphProto,
    opsets: &Opsets,
    sidecars: &mut Sidecars,
    budget: &mut Budget<'_>,
) -> Result<Graph> {
    let mut functions = HashMap::new();
    for proto in &model.functions {
        let opsets = Arc::new(opset::imports(&proto.opset_import));
        if functions
            .insert(key(proto), Function { proto, opsets })
            .is_some()
        {
            return Err(refused(proto, "defined twice"));
        }
    }
    let mut inliner = Inliner {
        functions,
        opsets,
        names: Names::of(graph),
        active: Vec::new(),
        sidecars,
        budget,
    };
    inliner.graph(graph, &mut None)
}

/// Domain, name and overload.
type Key<'a> = (&'a str, &'a str, &'a str);

struct Inliner<'a, 'b, 'c> {
    functions: HashMap<Key<'a>, Function<'a>>,
    opsets: &'b Opsets,
    names: Names,
    /// The functions whose calls are being inlined, outermost first.
    active: Vec<Key<'a>>,
    sidecars: &'b mut Sidecars,
    budget: &'b mut Budget<'c>,
}

#[derive(Clone)]
struct Function<'a> {
    proto: &'a FunctionProto,
    opsets: Arc<Opsets>,
}

/// A call that is being inlined.
struct Call {
    /// The operator sets that the function imports; those of the model stand in for others.
    opsets: Arc<Opsets>,
    /// The call's name, before the names of the nodes and values inside.
    prefix: String,
    /// The names outside for those inside; `None` for an input that the call leaves out.
    names: HashMap<String, Option<Arc<str>>>,
    attributes: BTreeMap<String, Attribute>,
    metadata: BTreeMap<String, String>,
}

impl<'a> Inliner<'a, '_, '_> {
    fn graph(&mut self, proto: &GraphProto, scope: &mut Option<Call>) -> Result<Graph> {
        if let Some(sparse) = proto.sparse_initializer.first() {
            let name = sparse.values.as_ref().map_or("", |values| &values.name);
            return Err(Error::tensor(name, "sparse tensors are not supported"));
        }
        let mut initializers = Vec::with_capacity(proto.initializer.len());
        for tensor in &proto.initializer {
            let name = self.value(&tensor.name, scope)?;
            let name = name.ok_or_else(|| Error::tensor("", "an initializer has no name"))?;
            initializers.push(self.tensor(tensor, name)?);
        }
        let with_values: BTreeSet<&str> = proto.initializer.iter().map(|t| &*t.name).collect();
        let mut inputs = Vec::new();
        for input in &proto.input {
            // Until IR version 3, initializers were inputs too.
            if !with_values.contains(&*input.name) {
                inputs.push(self.declared(input, scope)?);
            }
        }
        let mut nodes = Vec::new();
        self.nodes(&proto.node, scope, &mut nodes)?;
        let mut outputs = Vec::new();
        for output in &proto.output {
            outputs.push(self.declared(output, scope)?);
        }
        Ok(Graph {
            name: proto.name.clone(),
            nodes,
            initializers,
            inputs,
            outputs,
        })
    }

    fn nodes(
        &mut self,
        protos: &[NodeProto],
        scope: &mut Option<Call>,
        nodes: &mut Vec<Node>,
    ) -> Result<()> {
        for proto in protos {
            self.budget.node()?;
            let node = self.node(proto, scope)?;
            let key = (&*node.domain, &*node.op, &*proto.overload);
            match self.functions.get(&key) {
                Some(function) => self.call(&function.clone(), node, nodes)?,
                None => {
                    if node.domain.is_empty() {
                        opset::check(node.opset)?;
                    }
                    nodes.push(node);
                }
            }
        }
        Ok(())
    }

    /// Reads one node; its attributes hold what the call passes for attributes by reference.
    fn node(&mut self, proto: &NodeProto, scope: &mut Option<Call>) -> Result<Node> {
        let domain = opset::domain(&proto.domain);
        let inner = scope.as_ref().and_then(|call| call.opsets.get(domain));
        let mut node = Node {
            name: proto.name.clone(),
            op: proto.op_type.clone(),
            domain: domain.to_string(),
            opset: inner.or_else(|| self.opsets.get(domain)).copied(),
            inputs: Vec::with_capacity(proto.input.len()),
            outputs: Vec::with_capacity(proto.output.len()),
            attributes: BTreeMap::new(),
            metadata: entries(&proto.metadata_props),
        };
        for name in &proto.input {
            node.inputs.push(self.value(name, scope)?);
        }
        for name in &proto.output {
            node.outputs.push(self.value(name, scope)?);
        }
        if let Some(call) = scope {
            if !node.name.is_empty() {
                node.name = format!("{}/{}", call.prefix, node.name);
            }
            for (key, value) in &call.metadata {
                self.budget.structure(key.len() + value.len())?;
                let entry = node.metadata.entry(key.clone());
                entry.or_insert_with(|| value.clone());
            }
        }
        let texts = node.name.len() + node.op.len() + node.domain.len();
        self.budget.structure(texts + size_of::<Node>())?;
        let mut attributes = BTreeMap::new();
        for attribute in &proto.attribute {
            let name = &attribute.name;
            let refuse = |reason: &str| at(&node, format!("the attribute `{name}` {reason}"));
            if attributes.contains_key(name) {
                return Err(refuse("is given twice"));
            }
            let value = self.attribute(attribute, scope, &refuse)?;
            attributes.extend(value.map(|value| (name.clone(), value)));
        }
        node.attributes = attributes;
        Ok(node)
    }

    /// Replaces a call by the nodes of its function.
    fn call(&mut self, function: &Function<'a>, call: Node, nodes: &mut Vec<Node>) -> Result<()> {
        let Function { proto, opsets } = function;
        let key = key(proto);
        if self.active.contains(&key) {
            let chain = self.active.iter().chain([&key]).map(|key| key.1);
            let chain = chain.collect::<Vec<_>>().join("` → `");
            return Err(refused(proto, format!("calls itself: `{chain}`")));
        }
        if self.active.len() == DEEPEST {
            let reason = format!("more than {DEEPEST} calls inside each other");
            return Err(refused(proto, reason));
        }
        let names = self.actual(proto, &call, nodes)?;
        let prefix = match &*call.name {
            "" => proto.name.clone(),
            name => name.to_string(),
        };
        self.budget.structure(prefix.len())?;
        let mut scope = Some(Call {
            opsets: opsets.clone(),
            prefix,
            names,
            attributes: call.attributes,
            metadata: call.metadata,
        });
        for default in &proto.attribute_proto {
            let name = &default.name;
            let refuse = |reason: &str| refused(proto, format!("the attribute `{name}` {reason}"));
            let value = self.attribute(default, &mut scope, &refuse)?;
            if let (Some(call), Some(value)) = (&mut scope, value) {
                call.attributes.entry(name.clone()).or_insert(value);
            }
        }
        self.active.push(key);
        self.nodes(&proto.node, &mut scope, nodes)?;
        self.active.pop();
        Ok(())
    }

    /// Maps the names of a function's inputs and outputs to the call's. An output that is an input becomes an `Identity`.
    fn actual(
        &mut self,
        function: &FunctionProto,
        call: &Node,
        nodes: &mut Vec<Node>,
    ) -> Result<HashMap<String, Option<Arc<str>>>> {
        for (found, formal, what) in [
            (&call.inputs, &function.input, "inputs"),
            (&call.outputs, &function.output, "outputs"),
        ] {
            if found.len() > formal.len() {
                let (found, most) = (found.len(), formal.len());
                let reason =
                    format!("expected at most {most} {what} of the function, found {found}");
                return Err(at(call, reason));
            }
        }
        let mut names = HashMap::new();
        for (index, formal) in function.input.iter().enumerate() {
            self.budget.structure(formal.len())?;
            let actual = call.inputs.get(index).cloned().flatten();
            if names.insert(formal.clone(), actual).is_some() {
                return Err(refused(function, format!("has two inputs `{formal}`")));
            }
        }
        let mut results = HashMap::new();
        for (formal, actual) in function.output.iter().zip(&call.outputs) {
            let Some(actual) = actual else { continue };
            self.budget.structure(formal.len())?;
            if let Some(input) = names.get(formal) {
                self.budget.node()?;
                nodes.push(Node {
                    op: "Identity".to_string(),
                    domain: String::new(),
                    opset: self.opsets.get("").copied(),
                    inputs: vec![input.clone()],
                    outputs: vec![Some(actual.clone())],
                    attributes: BTreeMap::new(),
                    ..call.clone()
                });
            } else if results
                .insert(formal.clone(), Some(actual.clone()))
                .is_some()
            {
                return Err(refused(function, format!("has two outputs `{formal}`")));
            }
        }
        names.extend(results);
        Ok(names)
    }

    /// Reads an attribute's value; `None` for one by reference that the call leaves out.
    fn attribute(
        &mut self,
        proto: &AttributeProto,
        scope: &mut Option<Call>,
        refuse: &dyn Fn(&str) -> Error,
    ) -> Result<Option<Attribute>> {
        self.budget.structure(proto.name.len())?;
        if !proto.ref_attr_name.is_empty() {
            let Some(call) = scope else {
                return Err(refuse("is a reference outside of a function"));
            };
            return match call.attributes.get(&proto.ref_attr_name) {
                // Copies of copies could grow without a bound.
                Some(Attribute::Graph(_) | Attribute::Graphs(_)) => {
                    Err(refuse("refers to a subgraph, which is not supported"))
                }
                found => Ok(found.cloned()),
            };
        }
        Ok(Some(match proto.kind {
            1 => Attribute::Float(proto.f),
            2 => Attribute::Int(proto.i),
            3 => Attribute::String(self.text(&proto.s)?),
            4 => {
                let tensor = proto.t.as_ref().ok_or_else(|| refuse("has no tensor"))?;
                Attribute::Tensor(self.tensor(tensor, (&*tensor.name).into())?)
            }
            5 => {
                let graph = proto.g.as_ref().ok_or_else(|| refuse("has no graph"))?;
                Attribute::Graph(Arc::new(self.graph(graph, scope)?))
            }
            6 => {
                self.budget.structure(size_of_val(&*proto.floats))?;
                Attribute::Floats(proto.floats.as_slice().into())
            }
            7 => {
                self.budget.structure(size_of_val(&*proto.ints))?;
                Attribute::Ints(proto.ints.as_slice().into())
            }
            8 => {
                let texts = proto.strings.iter().map(|text| self.text(text));
                Attribute::Strings(texts.collect::<Result<_>>()?)
            }
            9 => {
                let tensors = proto.tensors.iter();
                let tensors = tensors.map(|tensor| self.tensor(tensor, (&*tensor.name).into()));
                Attribute::Tensors(tensors.collect::<Result<_>>()?)
            }
            10 => {
                let graphs = proto.graphs.iter();
                let graphs = graphs.map(|graph| Ok(Arc::new(self.graph(graph, scope)?)));
                Attribute::Graphs(graphs.collect::<Result<_>>()?)
            }
            0 => return Err(refuse("has no type")),
            11 | 12 => return Err(refuse("is a sparse tensor, which is not supported")),
            13 | 14 => return Err(refuse("is a type, which is not supported")),
            other => return Err(refuse(&format!("has the unknown type {other}"))),
        }))
    }

    fn text(&mut self, bytes: &[u8]) -> Result<Arc<[u8]>> {
        self.budget.structure(bytes.len())?;
        Ok(bytes.into())
    }

    fn tensor(&mut self, proto: &TensorProto, name: Arc<str>) -> Result<Tensor> {
        self.budget
            .structure(name.len() + size_of_val(&*proto.dims))?;
        decode::tensor(proto, name, self.sidecars, self.budget)
    }

    /// Reads a graph's input or output.
    fn declared(&mut self, proto: &ValueInfoProto, scope: &mut Option<Call>) -> Result<Declared> {
        let name = self.value(&proto.name, scope)?;
        let name = name.ok_or_else(|| Error::NotOnnx {
            reason: "an input or output of a graph has no name".to_string(),
        })?;
        let kind = proto.kind.as_ref().map_or(ValueKind::Undeclared, kind);
        Ok(Declared { name, kind })
    }

    /// Finds the name of a value outside of all functions; `None` for an optional value that is left out.
    fn value(&mut self, name: &str, scope: &mut Option<Call>) -> Result<Option<Arc<str>>> {
        if name.is_empty() {
            return Ok(None);
        }
        let Some(call) = scope else {
            return Ok(Some(self.names.shared(name)));
        };
        if let Some(found) = call.names.get(name) {
            return Ok(found.clone());
        }
        self.budget
            .structure(2 * (call.prefix.len() + name.len()))?;
        let inner = self.names.unique(&format!("{}/{name}", call.prefix));
        call.names.insert(name.to_string(), Some(inner.clone()));
        Ok(Some(inner))
    }
}

/// Reads a declared type.
fn kind(proto: &TypeProto) -> ValueKind {
    let other = [
        (&proto.sequence_type, "sequence"),
        (&proto.map_type, "map"),
        (&proto.optional_type, "optional"),
        (&proto.sparse_tensor_type, "sparse tensor"),
        (&proto.opaque_type, "opaque"),
    ];
    if let Some(tensor) = &proto.tensor_type {
        let dim = |dim: &DimensionProto| match (dim.dim_value, &dim.dim_param) {
            (Some(size), _) => usize::try_from(size).map_or(Dim::Unknown, Dim::Size),
            (None, Some(name)) if !name.is_empty() => Dim::Named(name.clone()),
            (None, _) => Dim::Unknown,
        };
        let shape = tensor.shape.as_ref();
        return ValueKind::Tensor {
            element: ElementType::of(tensor.elem_type),
            shape: shape.map(|shape| Shape::new(shape.dim.iter().map(dim).collect())),
        };
    }
    let found = other.iter().find(|(present, _)| present.is_some());
    found.map_or(ValueKind::Undeclared, |(_, name)| ValueKind::Other(name))
}

/// Collects an exporter's notes.
pub(crate) fn entries(protos: &[StringStringEntryProto]) -> BTreeMap<String, String> {
    let pairs = protos.iter().map(|e| (e.key.clone(), e.value.clone()));
    pairs.collect()
}

fn key(function: &FunctionProto) -> Key<'_> {
    let domain = opset::domain(&function.domain);
    (domain, &function.name, &function.overload)
}

fn at(node: &Node, reason: String) -> Error {
    Error::Node {
        node: node.label(),
        op: node.operator(),
        reason,
    }
}

fn refused(function: &FunctionProto, reason: impl Into<String>) -> Error {
    let name = &function.name;
    Error::Function {
        function: match opset::domain(&function.domain) {
            "" => name.clone(),
            domain => format!("{domain}.{name}"),
        },
        reason: reason.into(),
    }
}
