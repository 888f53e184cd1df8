//! A graph as a network.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{Result as CandleResult, Tensor, bail};
use gradcam_nn::ops::{AdaptiveAvgPool2d, LinearMap};
use gradcam_nn::{Network, Pass, Tokens};

use crate::element::ElementType;
use crate::error::{Error, Refused, Result};
use crate::graph::{Declared, Graph, Node, ValueKind};
use crate::host::{self, Data, Host};
use crate::lower::{Call, lower};
use crate::model::Model;
use crate::options::Options;
use crate::paths::Paths;
use crate::plan::Plan;
use crate::plan::builder::Builder;
use crate::plan::fuse::FUSIONS;
use crate::plan::shared::Shared;
use crate::plan::value::{Map, Value};
use crate::reason::Reason;
use crate::shape::Dim;

/// Plans that are kept; the oldest makes way for a new one.
const PLANS: usize = 8;

/// A network that computes the graph of an ONNX file.
///
/// Every operation goes through the pass, so that every method works that the operations allow, with gradients from a tape. Each value can be
/// tapped under its name in the file, and under the path of the module that it leaves if the exporter noted it.
pub struct OnnxNetwork {
    nodes: Vec<Node>,
    known: HashMap<Arc<str>, Value>,
    paths: Paths,
    image: ImageInput,
    output: Arc<str>,
    cut: Option<Cut>,
    blue_first: bool,
    average_positions: bool,
    parameters: Vec<(String, usize)>,
    tokens: Option<Tokens>,
    shared: Shared,
    plans: Mutex<Vec<(Size, Arc<Plan>)>>,
}

/// Channels, rows and columns of an image.
type Size = (usize, usize, usize);

/// The input that takes the image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ImageInput {
    /// Its name.
    pub name: String,
    /// The number of channels; `None` if the file leaves it open.
    pub channels: Option<usize>,
    /// Rows and columns; `None` if the file leaves them open.
    pub size: Option<(usize, usize)>,
    /// Whether the channels come last, as in files from Keras.
    pub channels_last: bool,
    /// Whether the file takes bytes from 0 to 255. They are passed as floats.
    pub bytes: bool,
}

/// An operation at the end of the graph that is cut, since saturated probabilities have no gradient.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cut {
    /// The operator: `Softmax`, `LogSoftmax` or `Sigmoid`.
    pub op: String,
    /// The output of the file.
    pub output: String,
    /// The value before the operation, which is the network's output.
    pub value: String,
}

impl std::fmt::Debug for OnnxNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnnxNetwork")
            .field("image", &self.image)
            .field("output", &self.output)
            .field("nodes", &self.nodes.len())
            .finish_non_exhaustive()
    }
}

impl OnnxNetwork {
    /// Makes a network of a file's graph, and checks that it runs for the size that the file declares, or for that of the options.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with every node that is not supported; [`Error::Input`] or [`Error::UnknownValue`] if an option names what the
    /// graph does not have, or leaves out what it needs.
    pub fn new(model: &Model, options: &Options) -> Result<Self> {
        OnnxNetwork::changed(model, options, &|_, parameter| Ok(parameter.clone()))
    }

    /// As [`new`](OnnxNetwork::new), with each parameter passed through `change`, which gets the name that [`Network::parameters`] lists.
    ///
    /// # Errors
    /// As [`new`](OnnxNetwork::new), and [`Error::Tensor`] if `change` fails or returns a parameter of another shape.
    pub fn changed(
        model: &Model,
        options: &Options,
        change: &dyn Fn(&str, &Tensor) -> CandleResult<Tensor>,
    ) -> Result<Self> {
        let graph = model.graph();
        let image = image_input(graph, options)?;
        let shared = Shared::new(options.dtype, options.device.clone());
        let mut known = HashMap::new();
        other_inputs(graph, options, &image, &mut known)?;
        let size = (
            image.channels.unwrap_or(3),
            image.size.map_or(options.size.0, |size| size.0),
            image.size.map_or(options.size.1, |size| size.1),
        );
        let output = chosen_output(graph, options)?;
        let (output, cut) = match (&output, options.keep_softmax) {
            (Some(output), false) => cut_before(graph, output),
            (Some(output), true) => (output.clone(), None),
            (None, _) => {
                return Err(Error::Input {
                    reason: "the graph has no output".to_string(),
                });
            }
        };
        let nodes = needed(graph.nodes(), &output);
        let read: HashSet<&str> = nodes
            .iter()
            .flat_map(|node| node.inputs().iter().flatten().map(|value| &**value))
            .chain([&*output])
            .collect();
        let paths = Paths::of(&nodes, &output);
        let own = parameters(graph, &nodes, &paths);
        for tensor in graph.initializers() {
            if !read.contains(tensor.name()) {
                continue;
            }
            let wrong = |reason| Error::tensor(tensor.name(), reason);
            let host = Host::from_tensor(tensor).map_err(wrong)?;
            let mut value = constant(&shared, host);
            if let (Value::Map(map), Some(name)) = (&mut value, own.get(tensor.name()))
                && let Some(old) = map.tensor()
            {
                let new = change(name, old).map_err(|error| wrong(error.to_string()))?;
                if new.dims() != old.dims() {
                    return Err(wrong(format!(
                        "changed from {:?} to {:?}",
                        old.dims(),
                        new.dims()
                    )));
                }
                *map = Map::constant(new);
            }
            known.insert(Arc::from(tensor.name()), value);
        }
        let mut parameters: BTreeMap<String, usize> = BTreeMap::new();
        for tensor in graph.initializers() {
            if let Some(name) = own.get(tensor.name()) {
                *parameters.entry(name.clone()).or_default() +=
                    tensor.dims().iter().product::<usize>();
            }
        }
        let parameters = parameters.into_iter().collect();
        let mut network = OnnxNetwork {
            nodes,
            known,
            paths,
            image,
            output,
            cut,
            blue_first: options.blue_first,
            average_positions: options.average_positions,
            parameters,
            tokens: None,
            shared,
            plans: Mutex::default(),
        };
        network.fold();
        network.tokens = network.plan(size)?.tokens();
        Ok(network)
    }

    /// Returns the input that takes the image.
    pub fn image(&self) -> &ImageInput {
        &self.image
    }

    /// Returns the name of the value that the network returns.
    pub fn output(&self) -> &str {
        &self.output
    }

    /// Returns the operation at the end that was cut.
    pub fn cut(&self) -> Option<&Cut> {
        self.cut.as_ref()
    }

    /// Returns the shape of the output for one image of this size.
    ///
    /// # Errors
    /// When the graph does not take this size.
    pub fn output_dims(&self, channels: usize, size: (usize, usize)) -> Result<Vec<usize>> {
        Ok(self
            .plan((channels, size.0, size.1))?
            .output_dims()
            .to_vec())
    }

    /// Returns the number of operations for images of this size.
    ///
    /// # Errors
    /// When the graph does not take this size.
    pub fn operations(&self, channels: usize, size: (usize, usize)) -> Result<usize> {
        Ok(self.plan((channels, size.0, size.1))?.len())
    }

    /// Computes what does not even depend on the image's size.
    fn fold(&mut self) {
        let mut rest = Vec::new();
        for node in std::mem::take(&mut self.nodes) {
            let inputs = inputs(&self.known, &node);
            let all = inputs.iter().all(Option::is_some);
            let values = if all {
                let mut b = Builder::new(&self.shared, vec![1], &FUSIONS);
                let inputs: Vec<Option<Value>> = inputs.into_iter().flatten().collect();
                compute(&mut b, &node, &inputs).ok()
            } else {
                None
            };
            match values {
                Some(values) => define(&mut self.known, &node, values, Some(&self.shared)),
                None => rest.push(node),
            }
        }
        self.nodes = rest;
    }

    /// Returns the plan for images of this size.
    fn plan(&self, size: Size) -> Result<Arc<Plan>> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, plan)) = plans.iter().find(|(known, _)| *known == size) {
            return Ok(plan.clone());
        }
        let plan = Arc::new(self.make(size)?);
        if plans.len() == PLANS {
            plans.remove(0);
        }
        plans.push((size, plan.clone()));
        Ok(plan)
    }

    fn make(&self, (channels, height, width): Size) -> Result<Plan> {
        let mut b = Builder::new(&self.shared, vec![1, channels, height, width], &FUSIONS);
        let mut values = self.known.clone();
        let wrong = |reason| Error::Input { reason };
        let mut image = b.image();
        if self.blue_first {
            let reversed = (0..channels).rev().collect();
            image = b.take(&image, 1, reversed).map_err(wrong)?;
        }
        if self.image.channels_last {
            image = b.permute(&image, &[0, 2, 3, 1]).map_err(wrong)?;
        }
        values.insert(Arc::from(self.image.name.as_str()), Value::Map(image));
        let mut refused = Vec::new();
        for node in &self.nodes {
            let inputs: Vec<Option<Value>> = inputs(&values, node)
                .into_iter()
                .map(Option::flatten)
                .collect();
            let unknown = inputs
                .iter()
                .any(|input| matches!(input, Some(Value::Unknown)));
            let found = if unknown {
                None
            } else {
                match compute(&mut b, node, &inputs) {
                    Ok(values) => Some(values),
                    Err(reason) => {
                        refused.push(self.refused(node, reason));
                        None
                    }
                }
            };
            let found = found.unwrap_or_else(|| vec![Value::Unknown; node.outputs().len()]);
            define(&mut values, node, found, None);
        }
        if !refused.is_empty() {
            return Err(Error::Unsupported { nodes: refused });
        }
        let output = match values.get(&self.output) {
            Some(Value::Map(map)) => map.clone(),
            Some(Value::Host(_)) | None => {
                return Err(Error::Input {
                    reason: format!("the output `{}` does not depend on the image", self.output),
                });
            }
            Some(Value::IsNan(_) | Value::Unknown) => {
                return Err(Error::Input {
                    reason: format!("the output `{}` is not a tensor of floats", self.output),
                });
            }
        };
        let output = if self.average_positions {
            scores(&mut b, &output).map_err(|reason| Error::Input {
                reason: format!("the output `{}`: {reason}", self.output),
            })?
        } else {
            output
        };
        let is_map = |value: &str| matches!(values.get(value), Some(Value::Map(map)) if map.tensor().is_none());
        let modules = self.paths.names(is_map);
        let mut named: Vec<(Arc<str>, Vec<String>)> = Vec::new();
        for node in &self.nodes {
            for value in node.outputs().iter().flatten() {
                // A module's path means the module, also if another value has this name.
                let taken = self.paths.is_module(value);
                let mut names: Vec<String> = Vec::new();
                names.extend((!taken).then(|| value.to_string()));
                names.extend(folded(node, &self.paths));
                names.extend(modules.get(value).into_iter().flatten().cloned());
                named.push((value.clone(), names));
            }
        }
        let named = named
            .iter()
            .filter_map(|(value, names)| Some((values.get(value)?, names.as_slice())));
        Plan::finish(b, &output, named, (height, width)).map_err(|reason| Error::Input { reason })
    }

    fn refused(&self, node: &Node, reason: Reason) -> Refused {
        let output = node.outputs().iter().flatten().next();
        Refused {
            node: node.label(),
            op: node.operator(),
            opset: node.opset(),
            module: output
                .and_then(|value| self.paths.module(value))
                .map(str::to_string),
            reason,
        }
    }
}

impl Network for OnnxNetwork {
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> CandleResult<Tensor> {
        let &[_, channels, height, width] = x.dims() else {
            bail!(
                "expected images (n, channels, height, width), found {:?}",
                x.dims()
            );
        };
        let plan = self
            .plan((channels, height, width))
            .map_err(candle_core::Error::wrap)?;
        if !x.device().is_cpu() {
            return plan.run(x, pass);
        }
        // Enters the thread pool once rather than for every operation.
        rayon::scope(|_| plan.run(x, pass))
    }
    fn parameters(&self) -> Vec<(String, usize)> {
        self.parameters.clone()
    }
    fn passes_all(&self) -> bool {
        true
    }
    fn tokens(&self) -> Option<Tokens> {
        self.tokens
    }
}

/// Returns the path of a convolution whose norm the exporter has multiplied in: the weight still has it, while the node has the norm's.
fn folded(node: &Node, paths: &Paths) -> Option<String> {
    if node.op() != "Conv" {
        return None;
    }
    let path = node.inputs().get(1)?.as_ref()?.strip_suffix(".weight")?;
    (!path.is_empty() && !paths.is_module(path)).then(|| path.to_string())
}

/// Makes scores `(n, classes)` of an output.
fn scores(b: &mut Builder<'_>, x: &Map) -> std::result::Result<Map, Reason> {
    match *x.dims.as_slice() {
        [_, _] => Ok(x.clone()),
        [classes] => b.reshape(x, &[1, classes]),
        [n, classes, rows, columns] => {
            let pool = LinearMap::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1));
            let y = match rows * columns {
                1 => x.clone(),
                _ => b.linear_map(pool, x)?,
            };
            b.reshape(&y, &[n, classes])
        }
        _ => Err(format!(
            "its shape {:?} is neither (n, classes) nor (n, classes, height, width); name another value as the output",
            x.dims
        )),
    }
}

/// Returns the values of a node's inputs: `None` for an input that is not known, `Some(None)` for one that is left out.
fn inputs(values: &HashMap<Arc<str>, Value>, node: &Node) -> Vec<Option<Option<Value>>> {
    let each = node.inputs().iter().map(|input| match input {
        None => Some(None),
        Some(name) => values.get(name).map(|value| Some(value.clone())),
    });
    each.collect()
}

/// Stores the outputs of a node.
fn define(
    values: &mut HashMap<Arc<str>, Value>,
    node: &Node,
    found: Vec<Value>,
    shared: Option<&Shared>,
) {
    for (name, value) in node.outputs().iter().zip(found) {
        if let Some(name) = name {
            let value = match (value, shared) {
                (Value::Host(host), Some(shared)) => constant(shared, host),
                (value, _) => value,
            };
            values.insert(name.clone(), value);
        }
    }
}

/// Keeps the tensors of parameters, which all plans share, on the device.
fn constant(shared: &Shared, host: Host) -> Value {
    match host.data() {
        Data::Float(_) if !host.dims().is_empty() && host.len() > 0 => match shared.constant(&host)
        {
            Ok(tensor) => Value::Map(Map::constant(tensor)),
            Err(_) => Value::Host(host),
        },
        Data::Float(_) | Data::Int(_) | Data::Bool(_) => Value::Host(host),
    }
}

/// Computes a node: on the host if its inputs are known, else as steps of the plan.
fn compute(
    b: &mut Builder<'_>,
    node: &Node,
    inputs: &[Option<Value>],
) -> std::result::Result<Vec<Value>, Reason> {
    let call = Call::new(node, inputs);
    if let Some(hosts) = call.hosts()? {
        if node.op() == "If" && matches!(node.domain(), "" | "ai.onnx") {
            return Err("a branch is not supported".to_string());
        }
        if let Some(found) = host::evaluate(node, &hosts)? {
            let each = found
                .into_iter()
                .map(|host| host.map_or(Value::Unknown, Value::Host));
            return Ok(each.collect());
        }
    }
    lower(b, &call)
}

/// Finds the input that takes the image.
fn image_input(graph: &Graph, options: &Options) -> Result<ImageInput> {
    let rank = |input: &&Declared| match input.kind() {
        ValueKind::Tensor { element, shape } => {
            let numbers = matches!(
                element,
                ElementType::F32
                    | ElementType::F16
                    | ElementType::F64
                    | ElementType::Bf16
                    | ElementType::U8
            );
            numbers && shape.as_ref().is_none_or(|shape| shape.dims().len() == 4)
        }
        ValueKind::Other(_) | ValueKind::Undeclared => false,
    };
    let names = || graph.inputs().iter().map(Declared::name);
    let found = match &options.image {
        Some(name) => graph.inputs().iter().find(|input| input.name() == name).ok_or_else(|| {
            Error::UnknownValue {
                kind: "input",
                name: name.clone(),
                nearest: gradcam_names::nearest(name, names()),
            }
        })?,
        None => graph.inputs().iter().find(rank).ok_or_else(|| Error::Input {
            reason: format!(
                "no input is an image (four dimensions of floats or bytes); the inputs are `{}`",
                names().collect::<Vec<_>>().join("`, `")
            ),
        })?,
    };
    let (element, dims) = match found.kind() {
        ValueKind::Tensor { element, shape } => {
            let dims = shape.as_ref().map(|shape| shape.dims().to_vec());
            (*element, dims.unwrap_or_else(|| vec![Dim::Unknown; 4]))
        }
        ValueKind::Other(_) | ValueKind::Undeclared => (ElementType::F32, vec![Dim::Unknown; 4]),
    };
    let size = |index: usize| match dims.get(index) {
        Some(Dim::Size(size)) => Some(*size),
        Some(Dim::Named(_) | Dim::Unknown) | None => None,
    };
    let few = |index: usize| size(index).is_some_and(|size| matches!(size, 1 | 3 | 4));
    let channels_last = !few(1) && few(3);
    let (channel, row, column) = if channels_last { (3, 1, 2) } else { (1, 2, 3) };
    Ok(ImageInput {
        name: found.name().to_string(),
        channels: size(channel),
        size: size(row).zip(size(column)),
        channels_last,
        bytes: element == ElementType::U8,
    })
}

/// Reads the values of the other inputs.
fn other_inputs(
    graph: &Graph,
    options: &Options,
    image: &ImageInput,
    known: &mut HashMap<Arc<str>, Value>,
) -> Result<()> {
    for name in options.inputs.keys() {
        if !graph.inputs().iter().any(|input| input.name() == name) {
            return Err(Error::UnknownValue {
                kind: "input",
                name: name.clone(),
                nearest: gradcam_names::nearest(name, graph.inputs().iter().map(Declared::name)),
            });
        }
    }
    for input in graph.inputs() {
        if input.name() == image.name {
            continue;
        }
        let Some(given) = options.inputs.get(input.name()) else {
            // Only a node that the output needs misses it.
            continue;
        };
        let float = matches!(
            input.kind(),
            ValueKind::Tensor {
                element: ElementType::F32 | ElementType::F16 | ElementType::F64 | ElementType::Bf16,
                ..
            }
        );
        let data = match (float, input.kind()) {
            (true, _) => Data::Float(
                given
                    .values
                    .iter()
                    .map(|&v| v as f32)
                    .collect::<Vec<_>>()
                    .into(),
            ),
            (
                _,
                ValueKind::Tensor {
                    element: ElementType::Bool,
                    ..
                },
            ) => Data::Bool(
                given
                    .values
                    .iter()
                    .map(|&v| v != 0.0)
                    .collect::<Vec<_>>()
                    .into(),
            ),
            _ => Data::Int(
                given
                    .values
                    .iter()
                    .map(|&v| v as i64)
                    .collect::<Vec<_>>()
                    .into(),
            ),
        };
        let host = Host::new(given.dims.clone(), data).map_err(|reason| Error::Input {
            reason: format!("the input `{}`: {reason}", input.name()),
        })?;
        known.insert(Arc::from(input.name()), Value::Host(host));
    }
    Ok(())
}

/// Returns the output that the options name, or the first of rank 2, or the first.
fn chosen_output(graph: &Graph, options: &Options) -> Result<Option<Arc<str>>> {
    if let Some(name) = &options.output {
        let mut values = graph
            .nodes()
            .iter()
            .flat_map(|node| node.outputs().iter().flatten());
        return match values.find(|value| &***value == name.as_str()) {
            Some(value) => Ok(Some(value.clone())),
            None => Err(Error::UnknownValue {
                kind: "output",
                name: name.clone(),
                nearest: gradcam_names::nearest(name, graph.outputs().iter().map(Declared::name)),
            }),
        };
    }
    let matrix = |output: &&Declared| match output.kind() {
        ValueKind::Tensor { shape, .. } => {
            shape.as_ref().is_some_and(|shape| shape.dims().len() == 2)
        }
        ValueKind::Other(_) | ValueKind::Undeclared => false,
    };
    let found = graph
        .outputs()
        .iter()
        .find(matrix)
        .or(graph.outputs().first());
    Ok(found.map(|output| Arc::from(output.name())))
}

/// Returns the value before a closing softmax or sigmoid.
fn cut_before(graph: &Graph, output: &Arc<str>) -> (Arc<str>, Option<Cut>) {
    let mut value = output.clone();
    loop {
        let made = graph
            .nodes()
            .iter()
            .find(|node| node.outputs().iter().flatten().any(|name| *name == value));
        let Some(node) = made else { break };
        let Some(Some(input)) = node.inputs().first() else {
            break;
        };
        match node.op() {
            "Identity" | "Cast" => value = input.clone(),
            "Softmax" | "LogSoftmax" | "Sigmoid" => {
                let cut = Cut {
                    op: node.op().to_string(),
                    output: output.to_string(),
                    value: input.to_string(),
                };
                return (input.clone(), Some(cut));
            }
            _ => break,
        }
    }
    (output.clone(), None)
}

/// Keeps the nodes that the output needs.
fn needed(nodes: &[Node], output: &Arc<str>) -> Vec<Node> {
    let mut wanted: HashSet<Arc<str>> = HashSet::from([output.clone()]);
    let mut kept = Vec::new();
    for node in nodes.iter().rev() {
        if node
            .outputs()
            .iter()
            .flatten()
            .any(|value| wanted.contains(value))
        {
            wanted.extend(node.inputs().iter().flatten().cloned());
            kept.push(node.clone());
        }
    }
    kept.reverse();
    kept
}

/// Names the tensors of floats that nodes read: each has its own name if that is a path, else the path of its reader.
fn parameters(graph: &Graph, nodes: &[Node], paths: &Paths) -> HashMap<String, String> {
    let mut readers: HashMap<&str, (&Node, usize)> = HashMap::new();
    for node in nodes {
        for (index, input) in node.inputs().iter().enumerate() {
            if let Some(input) = input {
                readers.entry(input).or_insert((node, index));
            }
        }
    }
    let mut found = HashMap::new();
    for tensor in graph.initializers() {
        let float = matches!(
            tensor.element(),
            ElementType::F32 | ElementType::F16 | ElementType::F64 | ElementType::Bf16
        );
        let reader = readers
            .get(tensor.name())
            .filter(|_| float && !tensor.dims().is_empty());
        let Some(&(node, index)) = reader else {
            continue;
        };
        let output = node.outputs().iter().flatten().next();
        let module = output.and_then(|value| paths.module(value));
        let own = tensor.name();
        let name = match module {
            Some(module) if !own.starts_with(module) => {
                let part = match index {
                    1 => "weight",
                    2 => "bias",
                    _ => own,
                };
                format!("{module}.{part}")
            }
            _ => own.to_string(),
        };
        found.insert(own.to_string(), name);
    }
    found
}
