//! The methods' raw maps against values from pytorch-grad-cam and the papers' formulas (`tests/golden/methods.py`).

use candle_core::{DType, Device, Tensor};
use gradcam::{Error, Explainer, Method, Target};
use gradcam_models::Model;
use serde::Deserialize;

use crate::committed::committed;
use crate::golden::{Input, build, by_formula, compare};

/// The largest deviation allowed, relative to the map's largest value.
const LIMIT: f32 = 1e-3;

#[derive(Deserialize)]
struct Golden {
    networks: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    classes: usize,
    gain: f64,
    input: Input,
    /// One class per image.
    targets: Vec<usize>,
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Layer {
    name: String,
    size: [usize; 2],
    maps: Vec<Maps>,
}

#[derive(Deserialize)]
struct Maps {
    method: Method,
    /// One raw map per image.
    images: Vec<Vec<f32>>,
}

/// Comparisons that take a minute together and repeat others: thousands of masked images. Without the variable `GRADCAM_SLOW_TESTS` they
/// are left out. Score-CAM is still compared on ResNet and ViT, and IS-CAM with Score-CAM.
const SLOW: [(&str, &str); 3] = [
    ("resnet18", "is-cam"),
    ("vgg11", "score-cam"),
    ("convnext_tiny", "score-cam"),
];

fn check(name: &str) {
    let golden: Golden = committed("methods.json.gz");
    let expected = golden.networks.iter().find(|e| e.name == name).unwrap();
    let network = build(name, expected.classes, expected.gain, DType::F32);
    let x = by_formula(&expected.input).unwrap();
    let slow = std::env::var_os("GRADCAM_SLOW_TESTS").is_some();
    let targets: Vec<_> = expected
        .targets
        .iter()
        .map(|&class| vec![Target::Index(class)])
        .collect();
    for layer in &expected.layers {
        for maps in &layer.maps {
            if !slow && SLOW.contains(&(name, maps.method.name())) {
                continue;
            }
            let explainer = Explainer {
                method: maps.method.clone(),
                ..Explainer::default().at(&layer.name)
            };
            let found = explainer.explain(&network, &x, &targets).unwrap();
            for (image, (found, raw)) in found.iter().zip(&maps.images).enumerate() {
                let what = format!("{name}, {}, {:?}, image {image}", layer.name, maps.method);
                let grid = found[0].raw();
                assert_eq!([grid.height(), grid.width()], layer.size, "{what}");
                compare(&what, grid.values(), raw, LIMIT);
            }
        }
    }
}

#[test]
fn resnet18() {
    check("resnet18");
}
#[test]
fn vgg11() {
    check("vgg11");
}
#[test]
fn convnext_tiny() {
    check("convnext_tiny");
}
#[test]
fn vit_tiny() {
    check("vit_tiny_patch16_224");
}

/// Methods of superpixels, noise and attention: their laws, closed-form expectations and golden values are tested beside them.
const WITHOUT: [&str; 11] = [
    "ss-cam",
    "vargrad",
    "expected-gradients",
    "xrai",
    "occlusion",
    "attention-rollout",
    "gradient-attention-rollout",
    "rise",
    "lime",
    "kernel-shap",
    "feature-ablation",
];

/// The golden files have every method but those in `WITHOUT`.
#[test]
fn every_method_has_golden_values() {
    let golden: Golden = committed("methods.json.gz");
    let mut known: Vec<&str> = golden
        .networks
        .iter()
        .flat_map(|network| &network.layers)
        .flat_map(|layer| layer.maps.iter().map(|maps| maps.method.name()))
        .collect();
    let pixels: crate::pixels::Golden = committed("pixels.json.gz");
    let pixels = pixels.networks.iter().flat_map(|network| &network.maps);
    known.extend(pixels.map(|map| map.method.name()));
    for method in Method::all() {
        let named = WITHOUT.contains(&method.name());
        assert_ne!(known.contains(&method.name()), named, "{method}");
    }
}

fn picture() -> Tensor {
    let values: Vec<f32> = (0..3 * 64 * 64).map(|i| (i as f32 * 0.37).sin()).collect();
    Tensor::from_vec(values, (1, 3, 64, 64), &Device::Cpu).unwrap()
}

fn explain(model: &Model, method: Method, target: Target) -> Result<Vec<f32>, Error> {
    let explainer = Explainer {
        method,
        ..Explainer::default().at(model.default_layer())
    };
    let map = explainer.explain_one(&model.network, &picture(), target)?;
    Ok(map.raw().values().to_vec())
}

/// The only step of IS-CAM shows the whole mask, as Score-CAM does.
#[test]
fn is_cam_of_one_step_is_score_cam() {
    let model = Model::default_model(&Device::Cpu).unwrap();
    let map = |method: Method| {
        let explainer = Explainer {
            method,
            ..Explainer::default().at("blocks.2")
        };
        let map = explainer.explain_one(&model.network, &picture(), Target::Top(0));
        map.unwrap().raw().values().to_vec()
    };
    let of_steps = |steps| map(Method::IsCam(gradcam::methods::IsCam { steps }));
    let score_cam = map(Method::ScoreCam);
    compare("is-cam", &of_steps(1), &score_cam, 1e-6);
    let differs = |(a, b): (&f32, &f32)| (a - b).abs() > 1e-3 * b.abs();
    assert!(of_steps(2).iter().zip(&score_cam).any(differs));
}

/// With a head of global average pooling and one linear layer, the gradient is the same at all positions. These methods therefore agree
/// (CAM's map is larger by the number of positions).
#[test]
fn methods_coincide_at_a_pooled_linear_head() {
    let model = Model::default_model(&Device::Cpu).unwrap();
    for target in [Target::Top(0), Target::Difference(281, 282)] {
        let reference = explain(&model, Method::GradCam, target.clone()).unwrap();
        let positions = reference.len() as f32;
        for name in ["cam", "hires-cam", "xgrad-cam"] {
            let mut found = explain(&model, name.parse().unwrap(), target.clone()).unwrap();
            if name == "cam" {
                found.iter_mut().for_each(|v| *v /= positions);
            }
            compare(name, &found, &reference, 1e-5);
        }
    }
}

/// With such a head the logit of one position alone is CAM's value there, times a factor and plus the bias, which the stretch takes off.
#[test]
fn one_position_at_a_pooled_linear_head_says_what_cam_says() {
    let model = Model::default_model(&Device::Cpu).unwrap();
    let options = [("probability".to_string(), "false".to_string())];
    let alone = Method::with_options("recipro-cam", &options).unwrap();
    for target in [Target::Index(281), Target::Difference(281, 282)] {
        let found = explain(&model, alone.clone(), target.clone()).unwrap();
        let cam = explain(&model, Method::Cam, target).unwrap();
        let (low, high) = cam
            .iter()
            .fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), v| {
                (l.min(*v), h.max(*v))
            });
        let expected: Vec<f32> = cam.iter().map(|v| (v - low) / (high - low)).collect();
        compare("recipro-cam", &found, &expected, 1e-4);
    }
}

#[test]
fn what_a_method_cannot_do_is_said() {
    let model = Model::default_model(&Device::Cpu).unwrap();
    let at_inner = Explainer {
        method: Method::Cam,
        ..Explainer::default().at("blocks.3")
    };
    let error = at_inner.explain_one(&model.network, &picture(), Target::Top(0));
    assert!(
        matches!(error, Err(Error::NotPooledLinear { .. })),
        "{error:?}"
    );
    let score = Target::Score(std::sync::Arc::new(|logits: &Tensor| logits.sum_all()));
    let error = explain(&model, Method::Cam, score);
    assert!(matches!(error, Err(Error::NoClass)), "{error:?}");
    let against = Explainer {
        method: "eigen-cam".parse().unwrap(),
        counterfactual: true,
        ..Explainer::default().at(model.default_layer())
    };
    let error = against.explain_one(&model.network, &picture(), Target::Top(0));
    assert!(
        matches!(&error, Err(Error::NoCounterfactual(name)) if name == "eigen-cam"),
        "{error:?}"
    );
}
