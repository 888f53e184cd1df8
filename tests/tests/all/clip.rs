//! Both towers of a tiny CLIP against the values that `tests/golden/clip.py` got from Hugging Face transformers.

use std::path::{Path, PathBuf};

use candle_core::Device;
use gradcam::{Explainer, Target};
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
    size: [usize; 2],
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
        let map = Explainer::at(&golden.layer.name)
            .explain_one(&model.network, &x, target.clone())
            .unwrap();
        let what = format!("{:?}", expected.text);
        compare(&what, &[map.target.score], &[expected.cosine], EMBEDDINGS);
        let raw = map.raw();
        assert_eq!([raw.height, raw.width], golden.layer.size);
        compare(&what, &raw.values, &expected.grad_cam, GRADIENTS);
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
