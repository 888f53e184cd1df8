//! Both towers of a tiny CLIP against the values that `tests/golden/clip.py` got from Hugging Face transformers.

use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor, Var};
use gradcam_models::Model;
use gradcam_nn::Network;
use serde::Deserialize;

use crate::committed::committed;
use crate::golden::{Gradient, Input, block_sums, by_formula, compare};

/// The largest deviation allowed, relative to the largest value.
const EMBEDDINGS: f32 = 1e-5;
/// In f32; the expected ones are computed in f64.
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
}

#[derive(Deserialize)]
struct Text {
    text: String,
    ids: Vec<u32>,
    embedding: Vec<f32>,
    /// Between the embeddings of the image and of the text.
    cosine: f32,
    /// Of the cosine with respect to the input.
    gradient: Gradient,
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
    let x = Var::from_tensor(&by_formula(&golden.input).unwrap()).unwrap();
    let image = model.network.forward(x.as_tensor(), &mut ()).unwrap();
    let image = image.squeeze(0).unwrap();
    let found: Vec<f32> = image.to_vec1().unwrap();
    compare("image", &found, &golden.image_embedding, EMBEDDINGS);
    for expected in golden.texts {
        let text = Tensor::new(encoder.embed(&expected.text).unwrap(), &Device::Cpu).unwrap();
        let dot = |a: &Tensor, b: &Tensor| (a * b).unwrap().sum_all().unwrap();
        let norms = (dot(&image, &image) * dot(&text, &text)).unwrap();
        let cosine = (dot(&image, &text) / norms.sqrt().unwrap()).unwrap();
        let found = cosine.to_scalar::<f32>().unwrap();
        compare(&expected.text, &[found], &[expected.cosine], EMBEDDINGS);
        let gradients = cosine.backward().unwrap();
        let gradient = gradients.get(x.as_tensor()).unwrap();
        let gradient: Vec<f32> = gradient.flatten_all().unwrap().to_vec1().unwrap();
        let gradient: Vec<f64> = gradient.into_iter().map(f64::from).collect();
        let l1 = gradient.iter().map(|v| v.abs()).sum::<f64>() as f32;
        let what = format!("gradient of {:?}", expected.text);
        compare(&what, &[l1], &[expected.gradient.l1], GRADIENTS);
        let [_, _, height, width] = golden.input.shape;
        let blocks = block_sums(&gradient, (height, width));
        compare(&what, &blocks, &expected.gradient.blocks, GRADIENTS);
    }
}
