//! Files written by the `onnx` package, and what it sees in them (`golden/make.py`).

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use gradcam_onnx::{Attribute, Declared, Limits, Model, Node, Tensor, ValueKind, Values, read};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn compare(name: &str, names: bool) {
    let model = read(&golden(&format!("{name}.onnx")), &Limits::default()).unwrap();
    let expected = std::fs::read_to_string(golden(&format!("{name}.txt"))).unwrap();
    assert_eq!(listing(&model, names), expected, "{name}");
}

#[test]
fn a_network_reads_as_the_onnx_package_reads_it() {
    compare("network", true);
}

#[test]
fn weights_in_a_second_file_are_the_same_network() {
    compare("external", true);
    let text = |name| std::fs::read_to_string(golden(name)).unwrap();
    assert_eq!(text("external.txt"), text("network.txt"));
}

#[test]
fn every_element_type_is_read_from_bytes_and_from_lists() {
    compare("types", true);
}

#[test]
fn functions_inside_functions_are_inlined() {
    compare("functions", false);
    let model = read(&golden("functions.onnx"), &Limits::default()).unwrap();
    let names: Vec<&str> = model.graph().nodes().iter().map(Node::name).collect();
    // The second call has no name and gets its function's.
    let expected = [
        "first/a/relu",
        "",
        "first/b/relu",
        "",
        "twice/a/relu",
        "",
        "twice/b/relu",
        "",
    ];
    assert_eq!(names, expected);
}

#[test]
fn debug_shows_shapes_instead_of_values() {
    let model = read(&golden("network.onnx"), &Limits::default()).unwrap();
    let shown = format!("{:?}", model.graph().initializers()[0]);
    assert_eq!(shown, "Tensor(`conv.weight`, float32 [4, 3, 3, 3])");
    assert!(!format!("{model:?}").contains("-1.375"));
}

/// Lists a model as `make.py` does.
fn listing(model: &Model, names: bool) -> String {
    let graph = model.graph();
    let mut lines = Vec::new();
    for (domain, version) in model.opsets() {
        let domain = if domain.is_empty() { "default" } else { domain };
        lines.push(format!("opset {domain} {version}"));
    }
    for (key, value) in model.metadata() {
        lines.push(format!("metadata {key} = {value}"));
    }
    lines.extend(graph.inputs().iter().map(|i| declared("input", i)));
    lines.extend(graph.outputs().iter().map(|o| declared("output", o)));
    for tensor in graph.initializers() {
        lines.push(format!("initializer {} {}", tensor.name(), numbers(tensor)));
    }
    lines.extend(graph.nodes().iter().map(|n| node(n, names)));
    lines.join("\n") + "\n"
}

fn declared(kind: &str, value: &Declared) -> String {
    let ValueKind::Tensor {
        element,
        shape: Some(shape),
    } = value.kind()
    else {
        panic!("{value:?}");
    };
    format!("{kind} {} {element} {shape}", value.name())
}

fn node(node: &Node, names: bool) -> String {
    let inputs = node.inputs().iter().map(|v| v.as_deref().unwrap_or("-"));
    let outputs = node.outputs().iter().flatten().map(|v| &**v);
    let inputs = inputs.collect::<Vec<_>>().join(" ");
    let outputs = outputs.collect::<Vec<_>>().join(" ");
    let attributes = node.attributes().iter();
    let attributes = attributes.map(|(name, value)| format!("{name}={}", attribute(value)));
    let metadata = node.metadata().iter();
    let metadata = metadata.map(|(key, value)| format!("{key}={value}"));
    let mut parts = vec!["node".to_string(), node.op().to_string()];
    if names {
        parts.push(node.name().to_string());
        parts.push(format!("{inputs} -> {outputs}"));
    }
    parts.extend(attributes);
    parts.extend(metadata);
    parts.retain(|part| !part.is_empty());
    parts.join(" ")
}

fn attribute(value: &Attribute) -> String {
    match value {
        Attribute::Float(value) => format!("{value:.3}"),
        Attribute::Int(value) => value.to_string(),
        Attribute::String(text) => String::from_utf8(text.to_vec()).unwrap(),
        Attribute::Tensor(tensor) => numbers(tensor),
        Attribute::Ints(values) => format!("{values:?}"),
        other => panic!("{other:?}"),
    }
}

fn numbers(tensor: &Tensor) -> String {
    let sum: f64 = match tensor.values().unwrap() {
        Values::F32(v) => v.iter().map(|v| f64::from(*v)).sum(),
        Values::F64(v) => v.iter().sum(),
        Values::F16(v) => v.iter().map(|v| f64::from(*v)).sum(),
        Values::Bf16(v) => v.iter().map(|v| f64::from(*v)).sum(),
        Values::I8(v) => v.iter().map(|v| f64::from(*v)).sum(),
        Values::I16(v) => v.iter().map(|v| f64::from(*v)).sum(),
        Values::I32(v) => v.iter().map(|v| f64::from(*v)).sum(),
        Values::I64(v) => v.iter().map(|v| *v as f64).sum(),
        Values::U8(v) => v.iter().map(|v| f64::from(*v)).sum(),
        Values::U16(v) => v.iter().map(|v| f64::from(*v)).sum(),
        Values::U32(v) => v.iter().map(|v| f64::from(*v)).sum(),
        Values::U64(v) => v.iter().map(|v| *v as f64).sum(),
        Values::Bool(v) => v.iter().map(|v| f64::from(u8::from(*v))).sum(),
        other => panic!("{other:?}"),
    };
    format!("{} {:?} sum {sum:.3}", tensor.element(), tensor.dims())
}
