//! Networks from files against the values of onnxruntime and PyTorch (`tests/onnx/export.py` made them: `softmax_end`, `sigmoid_end`).

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use std::collections::HashMap;
use std::path::PathBuf;

use candle_core::{DType, Device, Tensor, safetensors};
use gradcam_nn::{Network, Op, Pass, Tape};
use gradcam_onnx::{Error, Limits, Model, OnnxNetwork, Options, read};

const FILES: [&str; 2] = ["softmax_end.legacy", "sigmoid_end.dynamo"];

fn folder(name: &str) -> PathBuf {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/networks");
    PathBuf::from(golden).join(name)
}

fn file(name: &str) -> Model {
    read(&folder(name).join("model.onnx"), &Limits::default()).unwrap()
}

fn options(dtype: DType, keep_softmax: bool) -> Options {
    let mut options = Options::default();
    options.dtype = dtype;
    options.keep_softmax = keep_softmax;
    options
}

fn reference(name: &str) -> HashMap<String, Tensor> {
    safetensors::load(folder(name).join("reference.safetensors"), &Device::Cpu).unwrap()
}

fn numbers(x: &Tensor) -> Vec<f64> {
    let x = x.to_dtype(DType::F64).unwrap().flatten_all().unwrap();
    x.to_vec1().unwrap()
}

/// Compares numbers relative to the largest.
fn assert_near(found: &Tensor, expected: &Tensor, limit: f64) {
    assert_eq!(found.dims(), expected.dims());
    let (found, expected) = (numbers(found), numbers(expected));
    let largest = expected.iter().fold(0.0_f64, |most, v| most.max(v.abs()));
    for (found, expected) in found.iter().zip(&expected) {
        assert!(
            (found - expected).abs() <= limit * largest,
            "{found} for {expected}"
        );
    }
}

#[test]
fn outputs_gradients_and_activations_are_those_of_the_library() {
    for name in FILES {
        let reference = reference(name);
        let single = OnnxNetwork::new(&file(name), &options(DType::F32, true)).unwrap();
        let y = single.forward(&reference["input"], &mut ()).unwrap();
        assert_near(&y, &reference["output"], 1e-5);

        let double = OnnxNetwork::new(&file(name), &options(DType::F64, true)).unwrap();
        let wide = |name: &str| reference[name].to_dtype(DType::F64).unwrap();
        let (x, cotangent) = (wide("input"), wide("cotangent"));
        let mut tape = Tape::new(&x);
        let y = double.forward(&x, &mut tape).unwrap();
        let found = tape.backward(&y, cotangent.clone(), &[&x]).unwrap();
        assert_near(found[0].as_ref().unwrap(), &reference["gradient"], 1e-5);

        let mut tape = Tape::at(&["features".to_string()]);
        let y = double.forward(&x, &mut tape).unwrap();
        let at = tape.activations()[0].clone().unwrap();
        assert_near(&at, &reference["activation"], 1e-5);
        let found = tape.backward(&y, cotangent, &[&at]).unwrap();
        assert_near(
            found[0].as_ref().unwrap(),
            &reference["activation_gradient"],
            1e-5,
        );
    }
}

/// A batch gives what its images give.
#[test]
fn images_do_not_affect_each_other() {
    for name in FILES {
        let network = OnnxNetwork::new(&file(name), &options(DType::F32, false)).unwrap();
        let x = &reference(name)["input"];
        let both = network.forward(x, &mut ()).unwrap();
        for image in 0..2 {
            let one = network
                .forward(&x.narrow(0, image, 1).unwrap(), &mut ())
                .unwrap();
            assert_eq!(numbers(&one), numbers(&both.narrow(0, image, 1).unwrap()));
        }
    }
}

/// Counts operations and keeps the names that are offered.
#[derive(Default)]
struct Seen {
    operations: Vec<String>,
    names: Vec<String>,
}

impl Pass for Seen {
    fn operation(&mut self, op: Op<'_>, inputs: &[&Tensor]) -> candle_core::Result<Tensor> {
        let kind = format!("{op:?}");
        self.operations
            .push(kind.split('(').next().unwrap().to_string());
        op.forward(inputs)
    }
    fn tap(&mut self, name: &str, x: Tensor) -> candle_core::Result<Tensor> {
        self.names.push(name.to_string());
        Ok(x)
    }
}

/// A spelled-out activation is one operation, in the kernel of its convolution.
#[test]
fn parts_become_our_operations() {
    for name in FILES {
        let network = OnnxNetwork::new(&file(name), &options(DType::F32, false)).unwrap();
        let mut seen = Seen::default();
        network
            .forward(&reference(name)["input"], &mut seen)
            .unwrap();
        let kinds: Vec<&str> = seen.operations.iter().map(String::as_str).collect();
        let count = |kind: &str| kinds.iter().filter(|k| **k == kind).count();
        assert_eq!((count("ConvNormAct"), count("Linear")), (2, 1), "{kinds:?}");
        assert_eq!(
            (count("Activation"), count("Multiply")),
            (0, 0),
            "{kinds:?}"
        );
        assert!(
            seen.names.iter().any(|name| name == "features"),
            "{:?}",
            seen.names
        );
    }
}

#[test]
fn the_closing_operation_is_cut_unless_it_is_wanted() {
    for (name, op) in FILES.into_iter().zip(["Softmax", "Sigmoid"]) {
        let cut = OnnxNetwork::new(&file(name), &options(DType::F32, false)).unwrap();
        assert_eq!(cut.cut().unwrap().op, op);
        let whole = OnnxNetwork::new(&file(name), &options(DType::F32, true)).unwrap();
        assert!(whole.cut().is_none());
        let x = &reference(name)["input"];
        let sums = |network: &OnnxNetwork| numbers(&network.forward(x, &mut ()).unwrap());
        assert!(sums(&whole).iter().all(|v| (0.0..=1.0).contains(v)));
        assert!(sums(&cut).iter().any(|v| !(0.0..=1.0).contains(v)));
    }
}

#[test]
fn an_unknown_name_has_near_ones() {
    let mut wrong = Options::default();
    wrong.output = Some("featurs".to_string());
    let error = OnnxNetwork::new(&file(FILES[0]), &wrong).unwrap_err();
    assert!(
        matches!(error, Error::UnknownValue { kind: "output", .. }),
        "{error}"
    );
    let mut wrong = Options::default();
    wrong.image = Some("imag".to_string());
    let error = OnnxNetwork::new(&file(FILES[0]), &wrong)
        .unwrap_err()
        .to_string();
    assert!(error.contains("`image`"), "{error}");
}

/// A changed parameter is another network of the same shape.
#[test]
fn parameters_can_be_changed() {
    let name = FILES[0];
    let zeroed = |_: &str, parameter: &Tensor| parameter.zeros_like();
    let network = OnnxNetwork::changed(&file(name), &options(DType::F32, false), &zeroed).unwrap();
    let y = network.forward(&reference(name)["input"], &mut ()).unwrap();
    assert!(numbers(&y).iter().all(|&v| v == 0.0));
    let listed = network.parameters();
    assert!(
        listed.iter().any(|(name, _)| name.ends_with(".weight")),
        "{listed:?}"
    );
    let other = |_: &str, _: &Tensor| Tensor::zeros(3, DType::F32, &Device::Cpu);
    assert!(OnnxNetwork::changed(&file(name), &options(DType::F32, false), &other).is_err());
}
