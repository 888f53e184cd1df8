//! Cases of the `onnx` package and of onnxruntime (`golden/operators.py`).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{OPERATORS, assert_same};
use crate::host::{Host, evaluate};
use crate::{Limits, Tensor, read};

/// Finds the files of one opset each.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/operators");
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "onnx")
        })
        .collect();
    files.sort();
    files
}

/// Each node is a case: its inputs and expected outputs (`case/e/name` for `case/o/name`) are initializers.
#[test]
fn every_operator_computes_what_onnx_computes() {
    let mut seen = BTreeSet::new();
    for file in files() {
        let model = read(&file, &Limits::default()).unwrap();
        let graph = model.graph();
        let tensors = graph.initializers().iter();
        let tensors: BTreeMap<&str, &Tensor> = tensors.map(|t| (t.name(), t)).collect();
        for node in graph.nodes() {
            let host = |name: &str| Host::from_tensor(tensors[name]).unwrap();
            let inputs = node.inputs().iter();
            let inputs: Vec<_> = inputs.map(|name| name.as_deref().map(host)).collect();
            let found = evaluate(node, &inputs).unwrap_or_else(|e| panic!("{}: {e}", node.name()));
            let pairs = found.unwrap().into_iter().zip(node.outputs());
            for (found, name) in pairs {
                let Some(name) = name else { continue };
                let expected = host(&name.replace("/o/", "/e/"));
                let case = format!("{} ({name})", node.op());
                assert_same(&case, &found.unwrap(), &expected);
            }
            seen.insert(node.op().to_string());
        }
    }
    let listed: BTreeSet<String> = OPERATORS.iter().map(|(op, _)| op.to_string()).collect();
    assert_eq!(seen, listed);
}
