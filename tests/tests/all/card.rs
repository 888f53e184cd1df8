//! Deletion, insertion, sparsity and the cascading randomization of the default model on five photos, against values from PyTorch, SciPy
//! and scikit-image (`tests/golden/card.py`).

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{Device, Result as Candle, Tensor};
use gradcam::{Explainer, Target};
use gradcam_eval::Metric;
use gradcam_eval::faithfulness::{Curve, Petsiuk, Sample, Ties, deletion, insertion};
use gradcam_eval::metrics::{Scale, sparsity};
use gradcam_eval::sanity::{
    Block, Images, Likeness, Protocol, Trained, blocks, predicted, randomize,
};
use gradcam_models::Model;
use gradcam_models::picture::{self, Limits};
use gradcam_models::preprocess::Fit;
use gradcam_nn::Network;
use image::imageops;
use serde::Deserialize;

use crate::committed::committed;
use crate::golden::parameter;

/// The largest deviations allowed of f32 from the script's f64: relative for a sparsity or an area, absolute for a probability or a
/// likeness, which lie within 1 and may be 0.
const SPARSITY: f64 = 1e-5;
const AREA: f64 = 1e-3;
const SCORE: f64 = 2e-3;
const LIKENESS: f64 = 5e-3;

#[derive(Deserialize)]
struct Golden {
    layer: String,
    photos: Vec<Photo>,
    /// Factor in the kernels' formula.
    gain: f64,
    steps: Vec<Step>,
}

#[derive(Deserialize)]
struct Photo {
    /// The photo's path in the repository.
    photo: String,
    class: usize,
    deletion: Area,
    insertion: Area,
    sparsity: Sparsity,
}

#[derive(Deserialize)]
struct Area {
    scores: Vec<f64>,
    area: f64,
}

/// Sparsity at the layer's resolution and at the input's.
#[derive(Deserialize)]
struct Sparsity {
    map: f64,
    upsampled: f64,
}

#[derive(Deserialize)]
struct Step {
    /// The blocks redrawn in this step.
    blocks: Vec<String>,
    /// One per photo.
    images: Vec<Image>,
}

#[derive(Deserialize)]
struct Image {
    /// The network's class after this step.
    class: usize,
    fixed: BTreeMap<Metric, f64>,
    repicked: BTreeMap<Metric, f64>,
}

/// Crops a photo's centre as the network's input: without a resize, the pixels equal the script's.
fn input(model: &Model, photo: &Photo) -> Tensor {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let whole = picture::read(&root.join(&photo.photo), Limits::default()).unwrap();
    let (height, width) = model.preprocess.input_size;
    let (left, top) = ((whole.width() - width) / 2, (whole.height() - height) / 2);
    let middle = imageops::crop_imm(&whole, left, top, width, height).to_image();
    let prepared = model
        .preprocess
        .prepare(&middle, Fit::None, &Device::Cpu)
        .unwrap();
    prepared.tensor.unsqueeze(0).unwrap()
}

/// Fails unless the values agree within `limit`; a NaN fails.
fn compare(what: &str, found: f64, expected: f64, limit: f64) {
    let apart = (found - expected).abs();
    assert!(
        apart <= limit,
        "{what}: {found}, expected {expected} within {limit:e}"
    );
}

fn compare_curve(what: &str, found: &Curve, expected: &Area) {
    assert_eq!(found.scores.len(), expected.scores.len(), "{what}");
    for (i, (&found, &expected)) in found.scores.iter().zip(&expected.scores).enumerate() {
        compare(&format!("{what}: score {i}"), found, expected, SCORE);
    }
    compare(what, found.area, expected.area, AREA * expected.area);
}

#[test]
fn deletion_insertion_and_sparsity() {
    let golden: Golden = committed("card.json.gz");
    let model = Model::default_model(&Device::Cpu).unwrap();
    assert_eq!(golden.photos.len(), 5);
    let protocol = Petsiuk {
        step: None,
        ties: Ties::Raster,
    };
    for photo in &golden.photos {
        let name = &photo.photo;
        let image = input(&model, photo);
        let target = predicted(&model.network, &image).unwrap();
        assert_eq!(target, photo.class, "{name}");
        let found = Explainer::default()
            .explain_one(&model.network, &image, Target::Index(target))
            .unwrap();
        assert_eq!(found.layers[0].layer, golden.layer);
        for (map, expected) in [
            (found.map(), photo.sparsity.map),
            (&found.upsampled, photo.sparsity.upsampled),
        ] {
            let what = format!("{name}: sparsity of {} rows", map.height());
            let found = sparsity(map, Scale::MinMax).unwrap();
            compare(&what, found, expected, SPARSITY * expected);
        }
        let sample = Sample::new(&model.network, &image, target);
        let curve = deletion(&sample, &found.upsampled, protocol).unwrap();
        compare_curve(&format!("{name}: deletion"), &curve, &photo.deletion);
        let curve = insertion(&sample, &found.upsampled, protocol).unwrap();
        compare_curve(&format!("{name}: insertion"), &curve, &photo.insertion);
    }
}

/// Joins the network's blocks as the golden steps do.
fn joined(network: &dyn Network, input: (usize, usize, usize), steps: &[Step]) -> Vec<Block> {
    let mut blocks = blocks(network, input).unwrap().into_iter();
    let one = |step: &Step| {
        let blocks: Vec<Block> = blocks.by_ref().take(step.blocks.len()).collect();
        let names: Vec<&str> = blocks.iter().map(|block| block.name.as_str()).collect();
        assert_eq!(names, step.blocks);
        Block {
            name: step.blocks.join(", "),
            parameters: blocks.into_iter().flat_map(|b| b.parameters).collect(),
        }
    };
    let joined = steps.iter().map(one).collect();
    assert_eq!(blocks.next(), None);
    joined
}

fn compare_likeness(
    what: &str,
    found: &[Likeness],
    images: &[Image],
    pick: fn(&Image) -> &BTreeMap<Metric, f64>,
) {
    for likeness in found {
        let what = format!("{what}: {}", likeness.metric);
        // One value per image: none is undefined.
        let values = likeness.measured.values.values();
        assert_eq!(values.len(), images.len(), "{what}");
        for (i, (&found, image)) in values.iter().zip(images).enumerate() {
            let expected = pick(image)[&likeness.metric];
            compare(&format!("{what} of image {i}"), found, expected, LIKENESS);
        }
    }
}

#[test]
fn cascading_randomization() {
    let golden: Golden = committed("card.json.gz");
    let model = Model::default_model(&Device::Cpu).unwrap();
    let network = &model.network;
    // `randomize` chooses the parameters to redraw; the formula gives their values.
    let rebuild = |change: &dyn Fn(&str, &Tensor) -> Candle<Tensor>| {
        let by_formula = |name: &str, trained: &Tensor| {
            let changed = change(name, trained)?;
            if changed.id() == trained.id() {
                Ok(changed)
            } else {
                parameter(name, trained.dims(), golden.gain)
            }
        };
        let rebuilt = model
            .rebuilt(&by_formula)
            .map_err(candle_core::Error::wrap)?;
        Ok(Box::new(rebuilt.network) as Box<dyn Network>)
    };
    let signed = Explainer {
        relu: false,
        ..Explainer::default()
    };
    let explain = |network: &dyn Network, image: &Tensor, class: usize| {
        let found = signed.explain_one(network, image, Target::Index(class))?;
        Ok(found.upsampled)
    };
    let load = |i: usize| Ok(input(&model, &golden.photos[i]));
    let images = Images::new(golden.photos.len(), &load);
    let trained = Trained::new(network, &rebuild, &explain);
    let (height, width) = model.preprocess.input_size;
    let blocks = joined(network, (3, height as usize, width as usize), &golden.steps);
    let found = randomize(&trained, &images, &Protocol::cascading(&blocks)).unwrap();
    let classes: Vec<usize> = golden.photos.iter().map(|photo| photo.class).collect();
    assert_eq!(found.classes, classes);
    assert_eq!(found.steps.len(), golden.steps.len());
    for (step, expected) in found.steps.iter().zip(&golden.steps) {
        let (what, images) = (&step.block, &expected.images);
        let same = images
            .iter()
            .zip(&classes)
            .filter(|(image, class)| image.class == **class);
        assert_eq!(
            step.same_class,
            same.count() as f64 / classes.len() as f64,
            "{what}"
        );
        compare_likeness(&format!("{what}, fixed"), &step.fixed, images, |image| {
            &image.fixed
        });
        compare_likeness(
            &format!("{what}, repicked"),
            &step.repicked,
            images,
            |image| &image.repicked,
        );
    }
}
