//! Models encoded from the same messages, most of them broken.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use bytes::Bytes;
use prost::Message;

use super::{from_bytes, read};
use crate::error::{Error, Result};
use crate::graph::Attribute;
use crate::limits::Limits;
use crate::model::Model;
use crate::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    SparseTensorProto, StringStringEntryProto, TensorProto, ValueInfoProto,
};
use crate::tensor::Values;

fn node(op: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    let texts = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    NodeProto {
        op_type: op.to_string(),
        input: texts(inputs),
        output: texts(outputs),
        ..Default::default()
    }
}

fn value(name: &str) -> ValueInfoProto {
    ValueInfoProto {
        name: name.to_string(),
        kind: None,
    }
}

fn import(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: domain.to_string(),
        version,
    }
}

fn graph(nodes: Vec<NodeProto>) -> GraphProto {
    GraphProto {
        node: nodes,
        input: vec![value("x")],
        output: vec![value("y")],
        ..Default::default()
    }
}

fn model(graph: GraphProto) -> ModelProto {
    ModelProto {
        graph: Some(graph),
        opset_import: vec![import("", 17)],
        ..Default::default()
    }
}

fn with_tensor(tensor: TensorProto) -> ModelProto {
    let mut graph = graph(vec![node("Identity", &["x"], &["y"])]);
    graph.initializer.push(tensor);
    model(graph)
}

/// Floats in the file, unless the test replaces them.
fn tensor(dims: &[i64], bytes: usize) -> TensorProto {
    TensorProto {
        name: "w".to_string(),
        dims: dims.to_vec(),
        data_type: 1,
        raw_data: Some(Bytes::from(vec![0; bytes])),
        ..Default::default()
    }
}

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto {
        name: name.to_string(),
        kind,
        ..Default::default()
    }
}

fn decoded(model: &ModelProto) -> Result<Model> {
    from_bytes(model.encode_to_vec(), &Limits::default())
}

fn refusal(model: &ModelProto) -> String {
    decoded(model).unwrap_err().to_string()
}

#[track_caller]
fn refuses(model: &ModelProto, part: &str) {
    let message = refusal(model);
    assert!(message.contains(part), "{message}");
}

/// Appends a field of several bytes.
fn field(bytes: &mut Vec<u8>, tag: u8, content: &[u8]) {
    bytes.push(tag << 3 | 2);
    prost::encoding::encode_varint(content.len() as u64, bytes);
    bytes.extend(content);
}

#[test]
fn numbers_may_be_packed_or_not() {
    let packed = with_tensor(TensorProto {
        raw_data: None,
        float_data: vec![0.5, -2.0],
        ..tensor(&[2, 1], 0)
    });
    let mut unpacked = Vec::new();
    // Two dims as varints, the type, two floats of four bytes, the name.
    unpacked.extend([1 << 3, 2, 1 << 3, 1, 2 << 3, 1]);
    for number in [0.5f32, -2.0] {
        unpacked.push(4 << 3 | 5);
        unpacked.extend(number.to_le_bytes());
    }
    field(&mut unpacked, 8, b"w");
    let mut graph = graph(vec![node("Identity", &["x"], &["y"])]).encode_to_vec();
    field(&mut graph, 5, &unpacked);
    let mut bytes = ModelProto {
        opset_import: vec![import("ai.onnx", 17)],
        ..Default::default()
    }
    .encode_to_vec();
    field(&mut bytes, 7, &graph);
    for bytes in [packed.encode_to_vec(), bytes] {
        let model = from_bytes(bytes, &Limits::default()).unwrap();
        let tensor = &model.graph().initializers()[0];
        assert_eq!((tensor.name(), tensor.dims()), ("w", &[2, 1][..]));
        assert_eq!(*tensor.values().unwrap(), Values::F32(vec![0.5, -2.0]));
    }
}

#[test]
fn initializers_that_are_inputs_too_are_no_inputs() {
    let mut proto = with_tensor(tensor(&[2], 8));
    proto.graph.as_mut().unwrap().input.push(value("w"));
    let model = decoded(&proto).unwrap();
    let inputs = model.graph().inputs().iter().map(|input| input.name());
    assert_eq!(inputs.collect::<Vec<_>>(), ["x"]);
}

#[test]
fn operator_sets_outside_9_to_23_are_refused() {
    let mut proto = model(graph(vec![node("Relu", &["x"], &["y"])]));
    for version in [9, 23] {
        proto.opset_import = vec![import("", version)];
        assert_eq!(decoded(&proto).unwrap().opset(), version);
    }
    for (imports, found) in [
        (vec![import("", 8)], "found 8"),
        (vec![import("", 24)], "found 24"),
        (vec![import("ai.onnx.ml", 3)], "found none"),
    ] {
        proto.opset_import = imports;
        refuses(&proto, found);
    }
}

#[test]
fn operators_of_other_domains_are_kept_by_name() {
    let mut gelu = node("FusedMatMul", &["x", "x"], &["y"]);
    gelu.domain = "com.microsoft".to_string();
    let model = decoded(&model(graph(vec![gelu]))).unwrap();
    let node = &model.graph().nodes()[0];
    assert_eq!((node.domain(), node.opset()), ("com.microsoft", None));
}

#[test]
fn nodes_are_sorted_and_values_defined_once() {
    let sorted = [
        node("Relu", &["x"], &["t"]),
        node("Add", &["t", ""], &["y"]),
    ];
    let proto = decoded(&model(graph(sorted.to_vec()))).unwrap();
    assert_eq!(proto.graph().nodes()[1].inputs()[1], None);

    let [first, second] = sorted;
    refuses(
        &model(graph(vec![second.clone(), first.clone()])),
        "the node `y` (Add) reads `t`, which is defined only by a later node",
    );
    refuses(
        &model(graph(vec![second.clone()])),
        "reads `t`, which is neither",
    );
    refuses(
        &model(graph(vec![first.clone(), first.clone(), second])),
        "`t` is defined twice",
    );
    refuses(&model(graph(vec![first])), "output `y` is not computed");
    refuses(
        &model(graph(vec![node("Relu", &["x"], &["x"])])),
        "`x` is defined twice",
    );
    let mut twice = with_tensor(tensor(&[1], 4));
    let graph = twice.graph.as_mut().unwrap();
    graph.initializer.push(tensor(&[1], 4));
    refuses(&twice, "`w` is defined twice");
}

#[test]
fn subgraphs_are_kept_and_see_the_values_around_them() {
    let branch = |input: &str| GraphProto {
        node: vec![node("Relu", &[input], &["inner"])],
        output: vec![value("inner")],
        ..Default::default()
    };
    let with = |input: &str| {
        let mut conditional = node("If", &["x"], &["y"]);
        for name in ["then_branch", "else_branch"] {
            conditional.attribute.push(AttributeProto {
                g: Some(Box::new(branch(input))),
                ..attribute(name, 5)
            });
        }
        model(graph(vec![conditional]))
    };
    let model = decoded(&with("x")).unwrap();
    let attributes = model.graph().nodes()[0].attributes();
    let Attribute::Graph(then) = &attributes["then_branch"] else {
        panic!("{attributes:?}");
    };
    assert_eq!(then.nodes()[0].op(), "Relu");
    refuses(&with("y"), "reads `y`, which is neither");
}

#[test]
fn shapes_and_values_agree() {
    assert!(decoded(&with_tensor(tensor(&[2, 3], 24))).is_ok());
    assert!(decoded(&with_tensor(tensor(&[], 4))).is_ok());
    assert!(decoded(&with_tensor(tensor(&[0, 3], 0))).is_ok());
    for (dims, bytes, part) in [
        (&[2, 3][..], 23, "takes 24 bytes, found 23"),
        (&[-1, 3], 24, "negative dimension"),
        (&[1 << 40, 1 << 40], 24, "too large"),
        (&[i64::MAX, 2], 24, "too large"),
        (&[1 << 30], 4, "takes 4294967296 bytes, found 4"),
    ] {
        refuses(&with_tensor(tensor(dims, bytes)), part);
    }
    refuses(
        &with_tensor(tensor(&[1 << 40], 4)),
        "raise `Limits::tensors`",
    );
    let listed = |kind, int32_data| TensorProto {
        data_type: kind,
        raw_data: None,
        int32_data,
        ..tensor(&[2], 0)
    };
    refuses(&with_tensor(listed(3, vec![1])), "takes 2 values, found 1");
    refuses(
        &with_tensor(listed(3, vec![1, 128])),
        "value 128 is out of the range of int8",
    );
}

#[test]
fn types_that_are_not_read_are_refused_where_their_values_are_wanted() {
    let text = TensorProto {
        data_type: 8,
        ..tensor(&[2], 0)
    };
    let model = decoded(&with_tensor(text)).unwrap();
    let error = model.graph().initializers()[0].values().unwrap_err();
    let expected = "the tensor `w` has elements of type string, which are not supported";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn sparse_tensors_are_refused_by_name() {
    let mut proto = with_tensor(tensor(&[1], 4));
    let sparse = SparseTensorProto {
        values: Some(tensor(&[1], 4)),
    };
    proto.graph.as_mut().unwrap().sparse_initializer = vec![sparse];
    refuses(&proto, "the tensor `w`: sparse tensors");
    for (kind, part) in [
        (0, "has no type"),
        (11, "is a sparse tensor"),
        (13, "is a type"),
        (99, "unknown type 99"),
        (4, "has no tensor"),
    ] {
        let mut relu = node("Relu", &["x"], &["y"]);
        relu.attribute.push(attribute("a", kind));
        refuses(&model(graph(vec![relu])), part);
    }
}

fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: name.to_string(),
        domain: "local".to_string(),
        input: vec!["x".to_string()],
        output: vec!["y".to_string()],
        node: nodes,
        opset_import: vec![import("", 18), import("local", 1)],
        ..Default::default()
    }
}

fn call(name: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        domain: "local".to_string(),
        ..node(name, inputs, outputs)
    }
}

#[test]
fn values_and_attributes_of_functions_are_replaced() {
    let mut relu = node("LeakyRelu", &["x"], &["t"]);
    relu.attribute.push(AttributeProto {
        ref_attr_name: "slope".to_string(),
        ..attribute("alpha", 1)
    });
    relu.attribute.push(AttributeProto {
        ref_attr_name: "absent".to_string(),
        ..attribute("beta", 1)
    });
    let mut leaky = function("leaky", vec![relu, node("Relu", &["t"], &["y"])]);
    leaky.attribute_proto.push(AttributeProto {
        f: 0.25,
        ..attribute("slope", 1)
    });
    let mut second = call("leaky", &["a"], &["y"]);
    second.attribute.push(AttributeProto {
        f: 0.5,
        ..attribute("slope", 1)
    });
    second.metadata_props.push(StringStringEntryProto {
        key: "scope".to_string(),
        value: "layer1".to_string(),
    });
    // The name that the inner value would get is taken.
    let nodes = vec![
        node("Relu", &["x"], &["leaky/t"]),
        call("leaky", &["leaky/t"], &["a"]),
        second,
    ];
    let mut proto = model(graph(nodes));
    proto.functions.push(leaky);
    let model = decoded(&proto).unwrap();
    let nodes = model.graph().nodes();
    let listed: Vec<String> = nodes
        .iter()
        .map(|node| {
            let value = |v: &Option<std::sync::Arc<str>>| v.as_deref().unwrap_or("-").to_string();
            let (input, output) = (value(&node.inputs()[0]), value(&node.outputs()[0]));
            format!("{input} {} {output} {:?}", node.op(), node.attributes())
        })
        .collect();
    let expected = [
        "x Relu leaky/t {}",
        "leaky/t LeakyRelu leaky/t_1 {\"alpha\": 0.25}",
        "leaky/t_1 Relu a {}",
        "a LeakyRelu leaky/t_2 {\"alpha\": 0.5}",
        "leaky/t_2 Relu y {}",
    ];
    assert_eq!(listed, expected);
    assert_eq!(nodes[3].metadata()["scope"], "layer1");
    assert_eq!((nodes[0].opset(), nodes[3].opset()), (Some(17), Some(18)));
}

#[test]
fn a_function_may_hand_an_input_on() {
    let mut same = function("same", Vec::new());
    same.output = same.input.clone();
    let mut proto = model(graph(vec![call("same", &["x"], &["y"])]));
    proto.functions.push(same);
    assert_eq!(decoded(&proto).unwrap().graph().nodes()[0].op(), "Identity");
}

#[test]
fn functions_that_do_not_end_are_refused() {
    let mut proto = model(graph(vec![call("a", &["x"], &["y"])]));
    proto.functions = vec![
        function("a", vec![call("b", &["x"], &["y"])]),
        function("b", vec![call("a", &["x"], &["y"])]),
    ];
    refuses(&proto, "`local.a`: calls itself: `a` → `b` → `a`");

    // Each function calls the next one twice: 2^60 calls.
    let name = |index: i32| format!("f{index}");
    proto.graph = Some(graph(vec![call("f0", &["x"], &["y"])]));
    let double = |index: i32| {
        let next = name(index + 1);
        let nodes = vec![call(&next, &["x"], &["t"]), call(&next, &["t"], &["y"])];
        function(&name(index), nodes)
    };
    proto.functions = (0..60).map(double).collect();
    proto.functions.push(function("f60", Vec::new()));
    let message = refusal(&proto);
    assert!(message.contains("raise `Limits::"), "{message}");

    let chain = |index: i32| function(&name(index), vec![call(&name(index + 1), &["x"], &["y"])]);
    proto.functions = (0..20_000).map(chain).collect();
    refuses(&proto, "more than 64 calls inside each other");
    proto.functions = vec![function("f0", Vec::new()), function("f0", Vec::new())];
    refuses(&proto, "defined twice");
    proto.functions = vec![function("f0", Vec::new())];
    refuses(&proto, "output `y` is not computed");
    proto.graph = Some(graph(vec![call("f0", &["x", "x"], &["y"])]));
    refuses(&proto, "at most 1 inputs of the function, found 2");
}

#[test]
fn deep_nesting_is_refused() {
    let mut graph = graph(vec![node("Relu", &["x"], &["y"])]).encode_to_vec();
    for _ in 0..20_000 {
        let (mut attribute, mut node, mut outer) = (Vec::new(), Vec::new(), Vec::new());
        field(&mut attribute, 6, &graph);
        field(&mut node, 5, &attribute);
        field(&mut outer, 1, &node);
        graph = outer;
    }
    let mut bytes = Vec::new();
    field(&mut bytes, 7, &graph);
    let error = from_bytes(bytes, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("recursion limit"), "{error}");
}

#[test]
fn lengths_are_checked_before_anything_is_allocated() {
    // A graph of 4 GB in a file of 20 bytes, and nodes of 2 bytes that would take 200.
    let mut long = vec![7 << 3 | 2, 0xff, 0xff, 0xff, 0xff, 0x0f];
    long.resize(20, 0);
    let error = from_bytes(long, &Limits::default()).unwrap_err();
    let expected = "not an ONNX model, or cut short: at byte 6, a field is longer than the 14 bytes that are left for it";
    assert_eq!(error.to_string(), expected);

    let mut bytes = Vec::new();
    field(&mut bytes, 7, &[1 << 3 | 2, 0].repeat(4 << 20));
    let error = from_bytes(bytes, &Limits::default()).unwrap_err();
    assert!(matches!(error, Error::Limit { field, .. } if field == "structure"));
}

#[test]
fn every_beginning_of_a_file_is_refused_or_read() {
    let mut proto = with_tensor(tensor(&[2], 8));
    proto.functions.push(function("f", Vec::new()));
    let bytes = proto.encode_to_vec();
    for end in 0..bytes.len() {
        let _ = from_bytes(bytes[..end].to_vec(), &Limits::default());
    }
    for text in [&b""[..], b"not a network", &[0xff; 64]] {
        assert!(from_bytes(text.to_vec(), &Limits::default()).is_err());
    }
    let pointer = b"version https://git-lfs.github.com/spec/v1\n";
    let error = from_bytes(pointer.to_vec(), &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("git lfs pull"), "{error}");
}

/// Describes two floats in another file.
fn external(entries: &[(&str, &str)]) -> ModelProto {
    let entry = |(key, value): &(&str, &str)| StringStringEntryProto {
        key: key.to_string(),
        value: value.to_string(),
    };
    with_tensor(TensorProto {
        raw_data: None,
        data_location: 1,
        external_data: entries.iter().map(entry).collect(),
        ..tensor(&[2], 0)
    })
}

/// Reads a model in a folder.
fn beside(folder: &Path, proto: &ModelProto) -> Result<Model> {
    let path = folder.join("net.onnx");
    std::fs::write(&path, proto.encode_to_vec()).unwrap();
    read(&path, &Limits::default()).map_err(|error| match error {
        Error::File { source, .. } => *source,
        other => other,
    })
}

#[test]
fn ranges_of_other_files_are_read() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("sub")).unwrap();
    let numbers = [1f32, 2.0, 3.0, 4.0].map(f32::to_le_bytes).concat();
    std::fs::write(folder.path().join("sub/w"), numbers).unwrap();
    let at = ("location", "sub/w");
    let model = beside(folder.path(), &external(&[at, ("offset", "8")])).unwrap();
    let values = model.graph().initializers()[0].values().unwrap();
    assert_eq!(*values, Values::F32(vec![3.0, 4.0]));
    for (entries, part) in [
        (vec![], "no location"),
        (vec![("location", "sub")], "it is a folder"),
        (vec![("location", "w")], "does not exist; keep that file"),
        (vec![at, ("offset", "12")], "bytes 12 to 12 + 8"),
        (vec![at, ("offset", "18446744073709551615")], "which has 16"),
        (vec![at, ("offset", "-1")], "found `-1`"),
        (vec![at, ("length", "4")], "takes 8 bytes"),
        (vec![("location", "/etc/passwd")], "inside the folder"),
        (vec![("location", "../w")], "inside the folder"),
        (vec![("location", "sub/../../w")], "inside the folder"),
        (vec![("location", "..\\w")], "inside the folder"),
        (vec![("location", "C:\\w")], "inside the folder"),
        (vec![("location", "")], "inside the folder"),
    ] {
        let error = beside(folder.path(), &external(&entries)).unwrap_err();
        let message = chain(&error);
        assert!(message.contains(part), "{entries:?}: {message}");
    }
    let bytes = external(&[at]).encode_to_vec();
    let error = from_bytes(bytes, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("read the model by its path"));
}

#[cfg(unix)]
#[test]
fn links_may_not_leave_the_folder_unless_the_model_is_one_too() {
    use std::os::unix::fs::symlink;
    let (blobs, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(blobs.path().join("w"), [0; 8]).unwrap();
    symlink(blobs.path().join("w"), folder.path().join("w")).unwrap();
    let proto = external(&[("location", "w")]);
    let error = beside(folder.path(), &proto).unwrap_err();
    assert!(error.to_string().contains("inside the folder"), "{error}");

    // The hub's cache: both names lead to one folder of blobs.
    std::fs::rename(folder.path().join("net.onnx"), blobs.path().join("net")).unwrap();
    symlink(blobs.path().join("net"), folder.path().join("net.onnx")).unwrap();
    read(&folder.path().join("net.onnx"), &Limits::default()).unwrap();
}

/// Joins a message and its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
