//! The default model's maps against values from pytorch-grad-cam, torch-cam and Captum (`tests/golden/default.py`).

use std::path::Path;

use candle_core::{DType, Device, Tensor};
use gradcam::{Explainer, Method, Target};
use gradcam_models::architectures;
use gradcam_nn::{ModuleTree, Weights};
use serde::Deserialize;

use crate::committed::committed;
use crate::golden::{Input, by_formula, compare};

/// The largest deviation allowed, relative to the map's largest value.
const LIMIT: f32 = 1e-3;

#[derive(Deserialize)]
struct Golden {
    input: Input,
    target: usize,
    layers: Vec<Layer>,
    /// The layer for the products of Grad-CAM with a map of the pixels.
    layer: String,
    pixels: Vec<Map>,
}

#[derive(Deserialize)]
struct Layer {
    name: String,
    size: [usize; 2],
    maps: Vec<Map>,
}

#[derive(Deserialize)]
struct Map {
    method: Method,
    values: Vec<f32>,
}

/// Builds the network with its trained weights.
fn network(dtype: DType) -> ModuleTree {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/efficientnet-lite0");
    let tensors = candle_core::safetensors::load(folder.join("model.safetensors"), &Device::Cpu);
    let typed = tensors.unwrap().into_iter().map(|(name, tensor)| {
        let tensor = tensor.to_dtype(dtype).unwrap();
        (name, tensor)
    });
    let weights = Weights::from_tensors(typed.collect());
    let architecture = architectures::find("tf_efficientnet_lite0").unwrap();
    architecture.build(&weights, 1000).unwrap()
}

fn input(golden: &Golden, dtype: DType) -> Tensor {
    let x = by_formula(&golden.input).unwrap();
    x.to_dtype(dtype).unwrap()
}

fn check(
    golden: &Golden,
    (network, dtype): (&ModuleTree, DType),
    layer: Option<&Layer>,
    map: &Map,
) {
    let mut explainer = Explainer::of(map.method.clone());
    let place = layer.map_or(&golden.layer, |layer| &layer.name);
    if map.method.about().source == gradcam::Source::Layer {
        explainer.layers = vec![place.clone()];
    }
    let target = Target::Index(golden.target);
    let found = explainer.explain_one(network, &input(golden, dtype), target);
    let found = found.unwrap();
    let what = format!("{place}, {:?}", map.method);
    if let Some(layer) = layer {
        let raw = found.raw();
        assert_eq!([raw.height(), raw.width()], layer.size, "{what}");
    }
    compare(&what, found.raw().values(), &map.values, LIMIT);
}

#[test]
fn maps_of_layers() {
    let golden: Golden = committed("default.json.gz");
    let (single, double) = (network(DType::F32), network(DType::F64));
    assert_eq!(golden.layers.len(), 2);
    for layer in &golden.layers {
        for map in &layer.maps {
            // A difference over a short step along the activation would be lost in f32 rounding.
            let network = match map.method {
                Method::ShapleyCam(_) => (&double, DType::F64),
                _ => (&single, DType::F32),
            };
            check(&golden, network, Some(layer), map);
        }
    }
}

#[test]
fn maps_of_pixels() {
    let golden: Golden = committed("default.json.gz");
    // In f32, rounding decides the side of the kink on which a unit near zero lies.
    let network = network(DType::F64);
    assert!(!golden.pixels.is_empty());
    for map in &golden.pixels {
        check(&golden, (&network, DType::F64), None, map);
    }
}

/// Without max pooling, deconvolution passes every positive gradient through a rectifier, whatever the activation was. The map then depends
/// on the class alone and shows the convolutions' strides (Nie et al. 2018, theorem 1). It points at nothing, by the method's design.
#[test]
fn deconvolution_does_not_see_the_picture() {
    let golden: Golden = committed("default.json.gz");
    let network = network(DType::F32);
    let map = |input: &Tensor, method: &str| {
        let explainer = Explainer::of(method.parse::<Method>().unwrap());
        let found = explainer.explain_one(&network, input, Target::Index(golden.target));
        found.unwrap().raw().clone()
    };
    let one = input(&golden, DType::F32);
    let other = (&one * -0.7).unwrap();
    assert_eq!(map(&one, "deconvolution"), map(&other, "deconvolution"));
    assert_ne!(map(&one, "guided-backprop"), map(&other, "guided-backprop"));
}
