//! Logits, raw maps and input gradients against values from PyTorch (`tests/golden/make.py`).

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Result, Tensor, Var};
use gradcam::{Explainer, Heatmap, Target};
use gradcam_models::picture::{self, Limits};
use gradcam_models::preprocess::Fit;
use gradcam_models::{Model, architectures};
use gradcam_nn::{ModuleTree, Network, Weights};
use serde::Deserialize;

use crate::committed::committed;

/// The largest deviation allowed, relative to the largest value compared.
const LOGITS: f32 = 1e-4;
const MAPS: f32 = 1e-3;
/// Input gradients are compared in f64: in f32, rounding decides the side of a ReLU's kink on which a unit near zero lies.
const GRADIENTS: f32 = 1e-5;
/// On photos, whose pixels may differ from Pillow's by up to 2 of 255 after the resize; the JPEG decoder rounds differently too. Measured:
/// logits 3.4e-4 (chelsea), 1.2e-3 (coffee) and 3.0e-3 (rocket, the JPEG), maps 1.6e-3, 2.3e-3 and 8.4e-3.
const PHOTO_LOGITS: f32 = 5e-3;
const PHOTO_MAPS: f32 = 1.5e-2;

#[derive(Deserialize)]
struct Golden {
    networks: Vec<Expected>,
    default: DefaultModel,
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    classes: usize,
    /// Factor in the kernels' formula.
    gain: f64,
    input: Input,
    /// One row per image.
    logits: Vec<Vec<f32>>,
    /// The last layer with a spatial map, then one in the middle.
    layers: Vec<Layer>,
    /// pytorch-grad-cam's map of the last layer for the first class of each image, min-max scaled.
    grad_cam: Vec<Vec<f32>>,
    /// For the first class of each image.
    gradient: Vec<Gradient>,
}

#[derive(Deserialize)]
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) shape: [usize; 4],
}

#[derive(Deserialize)]
struct Layer {
    name: String,
    size: [usize; 2],
    images: Vec<Vec<Map>>,
}

#[derive(Deserialize)]
struct Map {
    class: usize,
    raw: Vec<f32>,
}

#[derive(Deserialize)]
pub(crate) struct Gradient {
    pub(crate) l1: f32,
    /// Sums over the channels and over 8 × 8 rectangles.
    pub(crate) blocks: Vec<f32>,
}

/// The default model with its trained weights.
#[derive(Deserialize)]
struct DefaultModel {
    architecture: String,
    formula: OneImage,
    photos: Vec<OneImage>,
}

#[derive(Deserialize)]
struct OneImage {
    #[serde(default)]
    photo: String,
    /// The five classes with the largest logits.
    top: Vec<Class>,
    layers: Vec<Layer>,
}

#[derive(Deserialize)]
struct Class {
    class: usize,
    logit: f32,
    probability: f32,
}

/// Computes FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |h, byte| {
        (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Returns element `index` of the stream with this hash, uniform in [-1, 1): splitmix64.
fn uniform(hash: u64, index: usize) -> f64 {
    let z = hash
        .wrapping_add(index as u64)
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let z = z ^ (z >> 31);
    (z >> 11) as f64 * (2.0 / (1_u64 << 53) as f64) - 1.0
}

/// Computes the parameter `name` by the formula of `tests/golden/formula.py`.
pub(crate) fn parameter(name: &str, shape: &[usize], gain: f64) -> Result<Tensor> {
    let last = name.rsplit('.').next();
    let (offset, scale) = match (shape, last) {
        _ if [
            "pos_embed",
            "position_embeddings",
            "position_embedding.weight",
        ]
        .iter()
        .any(|end| name.ends_with(end)) =>
        {
            (0.0, 0.5)
        }
        ([_, rest @ ..], _) if !rest.is_empty() => {
            let fan_in: usize = rest.iter().product();
            (0.0, gain * (6.0 / fan_in as f64).sqrt())
        }
        (_, Some("weight" | "running_var" | "gamma" | "lambda1")) => (1.0, 0.5),
        _ => (0.0, 0.1),
    };
    let hash = hash(name);
    let mut values = vec![0_f32; shape.iter().product()];
    for (index, value) in values.iter_mut().enumerate() {
        *value = (offset + uniform(hash, index) * scale) as f32;
    }
    Tensor::from_vec(values, shape, &Device::Cpu)
}

/// Computes the input by formula: squares of 8 × 8 pixels plus noise.
pub(crate) fn by_formula(input: &Input) -> Result<Tensor> {
    let [_, channels, height, width] = input.shape;
    let (coarse, fine) = (hash(&input.name), hash(&format!("{}.noise", input.name)));
    let values: Vec<f32> = (0..input.shape.iter().product())
        .map(|index| {
            let (column, row, plane) = (
                index % width,
                index / width % height,
                index / (width * height),
            );
            let (image, channel) = (plane / channels, plane % channels);
            let square = ((image * channels + channel) * height + row / 8) * width + column / 8;
            (uniform(coarse, square) + uniform(fine, index)) as f32
        })
        .collect();
    Tensor::from_vec(values, &input.shape, &Device::Cpu)
}

/// Builds the network with every parameter by formula, in the given precision.
pub(crate) fn build(name: &str, classes: usize, gain: f64, dtype: DType) -> ModuleTree {
    let architecture = architectures::find(name).unwrap();
    let skeleton = Weights::skeleton();
    architecture.build(&skeleton, classes).unwrap();
    let tensors: BTreeMap<String, Tensor> = skeleton
        .requested()
        .into_iter()
        .map(|(name, shape)| {
            let value = parameter(&name, &shape, gain).unwrap();
            (name, value.to_dtype(dtype).unwrap())
        })
        .collect();
    let weights = Weights::from_tensors(tensors);
    architecture.build(&weights, classes).unwrap()
}

/// Computes the largest difference, relative to the largest expected value.
fn deviation(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    let apart = found
        .iter()
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        // Unlike `max`, this keeps a NaN.
        .fold(0.0_f32, |m, d| if d > m || d.is_nan() { d } else { m });
    apart / largest
}

/// Fails unless the values agree within `limit`; a NaN fails.
pub(crate) fn compare(what: &str, found: &[f32], expected: &[f32], limit: f32) {
    let apart = deviation(found, expected);
    assert!(
        apart <= limit,
        "{what}: deviation {apart:e}, allowed {limit:e}"
    );
}

/// Compares the maps of one layer.
fn compare_maps(what: &str, layer: &Layer, found: &[Vec<Heatmap>], limit: f32) {
    for (image, (found, expected)) in found.iter().zip(&layer.images).enumerate() {
        for (heatmap, map) in found.iter().zip(expected) {
            let raw = heatmap.raw();
            let what = format!(
                "{what}: {} for class {} of image {image}",
                layer.name, map.class
            );
            assert_eq!([raw.height(), raw.width()], layer.size, "{what}");
            compare(&what, raw.values(), &map.raw, limit);
        }
    }
}

/// Returns the targets of a layer's maps.
fn targets(layer: &Layer) -> Vec<Vec<Target>> {
    let class = |map: &Map| Target::Index(map.class);
    layer
        .images
        .iter()
        .map(|maps| maps.iter().map(class).collect())
        .collect()
}

/// Computes the gradient of each image's class score with respect to the input: one vector per image.
fn input_gradient(network: &ModuleTree, x: &Tensor, classes: &[usize]) -> Vec<Vec<f64>> {
    let x = Var::from_tensor(x).unwrap();
    let logits = network.forward(x.as_tensor(), &mut ()).unwrap();
    let scores: Vec<Tensor> = classes
        .iter()
        .enumerate()
        .map(|(image, &class)| logits.get(image).unwrap().get(class).unwrap())
        .collect();
    let score = Tensor::stack(&scores, 0).unwrap().sum_all().unwrap();
    let gradients = score.backward().unwrap();
    let gradient = gradients.get(x.as_tensor()).unwrap();
    gradient.flatten_from(1).unwrap().to_vec2().unwrap()
}

/// Sums over the channels and over 8 × 8 rectangles with borders at `floor(i * size / 8)`.
pub(crate) fn block_sums(gradient: &[f64], (height, width): (usize, usize)) -> Vec<f32> {
    let mut sums = Vec::with_capacity(64);
    for block in 0..64 {
        let span = |i: usize, size: usize| i * size / 8..(i + 1) * size / 8;
        let mut sum = 0.0_f64;
        for plane in gradient.chunks_exact(height * width) {
            for row in span(block / 8, height) {
                let row = &plane[row * width..][span(block % 8, width)];
                sum += row.iter().sum::<f64>();
            }
        }
        sums.push(sum as f32);
    }
    sums
}

/// Scales the positive part to 0 to 1, as pytorch-grad-cam does.
fn min_max(raw: &[f32]) -> Vec<f32> {
    let positive: Vec<f32> = raw.iter().map(|v| v.max(0.0)).collect();
    let min = positive.iter().copied().fold(f32::INFINITY, f32::min);
    let max = positive.iter().copied().fold(0.0, f32::max) - min;
    positive.iter().map(|v| (v - min) / (1e-7 + max)).collect()
}

fn check(name: &str) {
    let golden: Golden = committed("golden.json.gz");
    let expected = golden.networks.iter().find(|e| e.name == name).unwrap();
    let network = build(name, expected.classes, expected.gain, DType::F32);
    let x = by_formula(&expected.input).unwrap();
    for layer in &expected.layers {
        let maps = Explainer::default()
            .at(&layer.name)
            .explain(&network, &x, &targets(layer))
            .unwrap();
        compare_maps(name, layer, &maps, MAPS);
        for (found, logits) in maps.iter().zip(&expected.logits) {
            compare(&format!("{name}: logits"), &found[0].logits, logits, LOGITS);
        }
    }
    let last = &expected.layers[0];
    let default = architectures::find(name).unwrap().default_layer;
    assert_eq!(default, last.name);
    let maps = Explainer::default()
        .at(default)
        .explain(&network, &x, &targets(last))
        .unwrap();
    for (found, scaled) in maps.iter().zip(&expected.grad_cam) {
        let what = format!("{name}: pytorch-grad-cam");
        compare(&what, &min_max(found[0].raw().values()), scaled, MAPS);
    }
    let classes: Vec<usize> = last.images.iter().map(|maps| maps[0].class).collect();
    drop(network);
    let network = build(name, expected.classes, expected.gain, DType::F64);
    let x = x.to_dtype(DType::F64).unwrap();
    let gradients = input_gradient(&network, &x, &classes);
    let [_, _, height, width] = expected.input.shape;
    for (found, expected) in gradients.iter().zip(&expected.gradient) {
        let l1 = found.iter().map(|v| v.abs()).sum::<f64>() as f32;
        compare(
            &format!("{name}: L1 norm of the input gradient"),
            &[l1],
            &[expected.l1],
            GRADIENTS,
        );
        let blocks = block_sums(found, (height, width));
        compare(
            &format!("{name}: input gradient"),
            &blocks,
            &expected.blocks,
            GRADIENTS,
        );
    }
}

/// Compares the default model's results for one image; `logits` and `maps` are the allowed deviations.
fn check_default(
    model: &Model,
    what: &str,
    expected: &OneImage,
    x: &Tensor,
    logits: f32,
    maps: f32,
) {
    for layer in &expected.layers {
        let found = Explainer::default()
            .at(&layer.name)
            .explain(&model.network, x, &targets(layer))
            .unwrap();
        compare_maps(what, layer, &found, maps);
        let all = &found[0][0].logits;
        let ranking = gradcam::ranking(all);
        let probabilities = gradcam::probabilities(all);
        assert_eq!(ranking[0], expected.top[0].class, "{what}");
        let pick =
            |values: &[f32]| -> Vec<f32> { expected.top.iter().map(|t| values[t.class]).collect() };
        let wanted: Vec<f32> = expected.top.iter().map(|t| t.logit).collect();
        compare(&format!("{what}: logits"), &pick(all), &wanted, logits);
        let wanted: Vec<f32> = expected.top.iter().map(|t| t.probability).collect();
        compare(
            &format!("{what}: probabilities"),
            &pick(&probabilities),
            &wanted,
            10.0 * logits,
        );
    }
}

#[test]
fn default_model_on_an_input_by_formula() {
    let golden: Golden = committed("golden.json.gz");
    let model = Model::default_model(&Device::Cpu).unwrap();
    let architecture = model.architecture.map(|architecture| architecture.name);
    assert_eq!(architecture, Some(golden.default.architecture.as_str()));
    let x = by_formula(&Input {
        name: "input".into(),
        shape: [1, 3, 224, 224],
    });
    let formula = &golden.default.formula;
    check_default(&model, "formula", formula, &x.unwrap(), LOGITS, MAPS);
}

#[test]
fn default_model_on_photos() {
    let golden: Golden = committed("golden.json.gz");
    let model = Model::default_model(&Device::Cpu).unwrap();
    let photos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/photos");
    for expected in &golden.default.photos {
        let path = photos.join(&expected.photo);
        let photo = picture::read(&path, Limits::default()).unwrap();
        let prepared = model
            .preprocess
            .prepare(&photo, Fit::Crop, &Device::Cpu)
            .unwrap();
        let x = prepared.tensor.unsqueeze(0).unwrap();
        check_default(
            &model,
            &expected.photo,
            expected,
            &x,
            PHOTO_LOGITS,
            PHOTO_MAPS,
        );
    }
}

/// Generates one test per network.
macro_rules! networks {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            check(stringify!($name));
        })*

        #[test]
        fn every_network_of_the_file_has_a_test() {
            let golden: Golden = committed("golden.json.gz");
            let names: Vec<&str> = golden.networks.iter().map(|e| e.name.as_str()).collect();
            assert_eq!(names, [$(stringify!($name)),*]);
        }
    };
}

networks! {
    resnet18 resnet50 resnext50_32x4d vgg11 vgg16_bn alexnet googlenet inception_v3 densenet121 mobilenetv2_100
    mobilenetv3_small_100 squeezenet1_1 efficientnet_b0 tf_efficientnet_lite0 convnext_tiny
    vit_tiny_patch16_224 deit_tiny_distilled_patch16_224 vit_small_patch14_reg4_dinov2
    vit_base_patch32_clip_quickgelu_224 swin_tiny_patch4_window7_224
}
