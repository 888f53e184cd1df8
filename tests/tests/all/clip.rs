//! Both towers of a tiny CLIP against values from Hugging Face transformers (`tests/golden/clip.py`).

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use gradcam::{Explainer, Method, Source, Target, audit_gradient};
use gradcam_models::Model;
use gradcam_nn::{Network, Pass};
use serde::Deserialize;

use crate::committed::committed;
use crate::golden::{Gradient, Input, block_sums, by_formula, compare};

/// The largest deviation allowed, relative to the largest value.
const EMBEDDINGS: f32 = 1e-5;
/// In f32; the expected values are computed in f64.
const GRADIENTS: f32 = 1e-4;

#[derive(Deserialize)]
struct Golden {
    input: Input,
    image_embedding: Vec<f32>,
    layer: Layer,
    texts: Vec<Text>,
}

#[derive(Deserialize)]
struct Layer {
    name: String,
    size: [usize; 2],
}

#[derive(Deserialize)]
struct Text {
    text: String,
    ids: Vec<u32>,
    embedding: Vec<f32>,
    /// Between the image's and the text's embeddings.
    cosine: f32,
    /// Gradient of the cosine with respect to the input.
    gradient: Gradient,
    /// The raw map of the cosine at the layer.
    grad_cam: Vec<f32>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/clip")
}

#[test]
fn texts_are_tokenised_and_embedded_as_transformers_does() {
    let golden: Golden = committed("clip.json.gz");
    let model = Model::from_folder(&folder(), &Device::Cpu).unwrap();
    let encoder = model.text_encoder().unwrap();
    assert_eq!(golden.texts.len(), 3);
    for expected in golden.texts {
        let text = &expected.text;
        assert_eq!(encoder.tokens(text).unwrap(), expected.ids, "{text:?}");
        let found = encoder.embed(text).unwrap();
        compare(text, &found, &expected.embedding, EMBEDDINGS);
    }
}

#[test]
fn the_image_lies_as_near_to_each_text_as_in_transformers() {
    let golden: Golden = committed("clip.json.gz");
    let model = Model::from_folder(&folder(), &Device::Cpu).unwrap();
    assert_eq!(model.default_layer(), golden.layer.name);
    let encoder = model.text_encoder().unwrap();
    let x = by_formula(&golden.input).unwrap();
    let image = model.network.forward(&x, &mut ()).unwrap();
    let found: Vec<f32> = image.flatten_all().unwrap().to_vec1().unwrap();
    compare("image", &found, &golden.image_embedding, EMBEDDINGS);
    for expected in golden.texts {
        let target = Target::Similarity(encoder.embed(&expected.text).unwrap());
        let map = Explainer::default()
            .at(&golden.layer.name)
            .explain_one(&model.network, &x, target.clone())
            .unwrap();
        let what = format!("{:?}", expected.text);
        compare(&what, &[map.target.score], &[expected.cosine], EMBEDDINGS);
        let raw = map.raw();
        assert_eq!([raw.height(), raw.width()], golden.layer.size);
        compare(&what, raw.values(), &expected.grad_cam, GRADIENTS);
        let gradient = gradcam::input_gradient(&model.network, &x, &[target]).unwrap();
        let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let gradient: Vec<f64> = gradient.into_iter().map(f64::from).collect();
        let l1 = gradient.iter().map(|v| v.abs()).sum::<f64>() as f32;
        compare(&what, &[l1], &[expected.gradient.l1], GRADIENTS);
        let [_, _, height, width] = golden.input.shape;
        let blocks = block_sums(&gradient, (height, width));
        compare(&what, &blocks, &expected.gradient.blocks, GRADIENTS);
    }
}

/// Every method that is defined for a transformer explains a similarity, and attributions that should add up to it do.
#[test]
fn every_method_explains_tokens() {
    let golden: Golden = committed("clip.json.gz");
    let model = Model::from_folder(&folder(), &Device::Cpu).unwrap();
    let x = by_formula(&golden.input).unwrap();
    let target = Target::Similarity(golden.texts[0].embedding.clone());
    for method in Method::all() {
        let name = method.name();
        // One needs another head, one needs a class.
        if ["cam", "finer-cam"].contains(&name) {
            continue;
        }
        let mut explainer = Explainer {
            budget: Some(20),
            ..Explainer::of(method)
        };
        if explainer.method.about().source == Source::Layer {
            explainer.layers = vec![golden.layer.name.clone()];
        }
        let map = explainer.explain_one(&model.network, &x, target.clone());
        let map = map.unwrap_or_else(|error| panic!("{name}: {error}"));
        let raw = map.raw();
        assert!(raw.values().iter().all(|v| v.is_finite()), "{name}");
        assert!(raw.max() > raw.min(), "{name}");
        for (measure, error) in &map.layers[0].measures {
            let sums = ["fullgrad", "deeplift", "lrp"].contains(&name);
            if sums && measure.ends_with("-error") {
                assert!(*error < 1e-3, "{name}, {measure}: {error}");
            }
        }
    }
    let audit = audit_gradient(&model.network, &x, &golden.layer.name, &target, 30, 0).unwrap();
    assert!(audit.units > 20 && audit.deviation < 0.02, "{audit:?}");
}

/// A channel's weight is the similarity that is lost when the patches lose the channel; the class token keeps it.
#[test]
fn a_channel_is_ablated_in_the_patches() {
    let golden: Golden = committed("clip.json.gz");
    let model = Model::from_folder(&folder(), &Device::Cpu).unwrap();
    let x = by_formula(&golden.input).unwrap();
    let target = Target::Similarity(golden.texts[0].embedding.clone());
    let explainer = Explainer {
        method: Method::AblationCam,
        ..Explainer::default().at(&golden.layer.name)
    };
    let found = explainer
        .explain_one(&model.network, &x, target.clone())
        .unwrap();
    let ablated = |channel: Option<usize>| {
        let mut pass = Ablated {
            layer: &golden.layer.name,
            channel,
            patches: Vec::new(),
        };
        let output = model.network.forward(&x, &mut pass).unwrap();
        let output: Vec<f32> = output.flatten_all().unwrap().to_vec1().unwrap();
        let other = &golden.texts[0].embedding;
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let cosine = dot(&output, other) / (dot(&output, &output) * dot(other, other)).sqrt();
        (cosine, pass.patches)
    };
    let (whole, patches) = ablated(None);
    let mut expected = vec![0.0_f32; found.raw().values().len()];
    for channel in 0..patches[0].len() {
        let weight = whole - ablated(Some(channel)).0;
        for (sum, patch) in expected.iter_mut().zip(&patches) {
            *sum += weight * patch[channel];
        }
    }
    compare("ablation-cam", found.raw().values(), &expected, 1e-3);
}

/// Removes a channel from all tokens but the first, the class token.
struct Ablated<'a> {
    layer: &'a str,
    channel: Option<usize>,
    patches: Vec<Vec<f32>>,
}

impl Pass for Ablated<'_> {
    fn wants(&self, name: &str) -> bool {
        name == self.layer
    }
    fn tap(&mut self, name: &str, x: Tensor) -> candle_core::Result<Tensor> {
        if name != self.layer {
            return Ok(x);
        }
        let shape = x.shape().clone();
        let mut tokens = x.squeeze(0)?.to_vec2::<f32>()?;
        self.patches = tokens[1..].to_vec();
        if let Some(channel) = self.channel {
            tokens[1..]
                .iter_mut()
                .for_each(|token| token[channel] = 0.0);
        }
        Tensor::new(tokens, x.device())?.reshape(shape)
    }
}
