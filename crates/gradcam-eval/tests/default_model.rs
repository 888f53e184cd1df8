//! The sanity checks on the default model and the repository's photos: a few steps, to test the connections and what must hold exactly.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::Path;

use candle_core::{Device, Result as Candle, Tensor};
use gradcam::{Explainer, Grid, Target};
use gradcam_eval::sanity::{
    Images, Order, Protocol, Side, Trained, blocks, classifier_channels, implementation_invariance,
    named, permuted, randomize, twin_test,
};
use gradcam_eval::statistics::Grade;
use gradcam_eval::{Metric, Result};
use gradcam_models::preprocess::Fit;
use gradcam_models::{Model, picture};
use gradcam_nn::Network;

const PHOTOS: [&str; 2] = ["chelsea.png", "coffee.png"];
const INPUT: (usize, usize, usize) = (3, 224, 224);

fn photo(model: &Model, number: usize) -> Tensor {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/photos");
    let photo = picture::read(&folder.join(PHOTOS[number]), Default::default()).unwrap();
    let prepared = model.preprocess.prepare(&photo, Fit::Crop, &Device::Cpu);
    prepared.unwrap().tensor.unsqueeze(0).unwrap()
}

fn grad_cam(network: &dyn Network, image: &Tensor, class: usize) -> Result<Grid> {
    let found = Explainer::default().explain_one(network, image, Target::Index(class))?;
    Ok(found.upsampled)
}

fn rebuilt(
    model: &Model,
    change: &dyn Fn(&str, &Tensor) -> Candle<Tensor>,
) -> Candle<Box<dyn Network>> {
    let rebuilt = model.rebuilt(change).map_err(candle_core::Error::wrap)?;
    Ok(Box::new(rebuilt.network))
}

#[test]
fn the_last_blocks_of_the_network() {
    let model = Model::default_model(&Device::Cpu).unwrap();
    let rebuild = |change: &dyn Fn(&str, &Tensor) -> Candle<Tensor>| rebuilt(&model, change);
    let load = |number: usize| Ok(photo(&model, number));
    let trained = Trained::new(&model.network, &rebuild, &grad_cam);
    let images = Images::new(PHOTOS.len(), &load);
    let blocks = blocks(&model.network, INPUT).unwrap();
    let names: Vec<&str> = blocks.iter().map(|block| block.name.as_str()).collect();
    let expected = [
        "classifier",
        "bn2",
        "conv_head",
        "blocks.6",
        "blocks.5",
        "blocks.4",
        "blocks.3",
        "blocks.2",
        "blocks.1",
        "blocks.0",
        "bn1",
        "conv_stem",
    ];
    assert_eq!(names, expected);
    let of: usize = blocks.iter().map(|block| block.parameters.len()).sum();
    assert_eq!(of, model.network.parameters().len());
    let protocol = Protocol {
        metrics: &[Metric::SsimGaussian, Metric::Spearman, Metric::Hog],
        layer: Some(model.default_layer()),
        ..Protocol::cascading(&blocks[..3])
    };
    let found = randomize(&trained, &images, &protocol).unwrap();
    assert_eq!(model.labels[found.classes[1]], "espresso");
    let changes = found
        .steps
        .iter()
        .map(|step| step.activations_change.unwrap());
    assert_eq!(changes.collect::<Vec<_>>(), [false, true, true]);
    for step in &found.steps {
        let spearman = named(&step.fixed, Metric::Spearman).unwrap();
        assert!(
            spearman.values.values().iter().all(|v| *v < 0.9),
            "{step:?}"
        );
    }
    // Alone, a step leaves the other parameters as they were: the first step is the same, the second one would differ.
    let alone = Protocol {
        order: Order::Independent,
        blocks: &blocks[..1],
        ..protocol
    };
    let alone = randomize(&trained, &images, &alone).unwrap();
    assert_eq!(alone.steps[0], found.steps[0]);
}

#[test]
fn the_same_function_in_another_form() {
    let model = Model::default_model(&Device::Cpu).unwrap();
    let rebuild = |change: &dyn Fn(&str, &Tensor) -> Candle<Tensor>| rebuilt(&model, change);
    let load = |number: usize| Ok(photo(&model, number));
    let images = Images::new(PHOTOS.len(), &load);
    let side = |network| Side::new(network, &grad_cam);
    let channels = classifier_channels(&model.network, &rebuild, INPUT)
        .unwrap()
        .unwrap();
    assert_eq!(channels.outputs, ["bn2", "conv_head"]);
    assert_eq!(channels.inputs, ["classifier"]);
    let permuted = permuted(&rebuild, &channels, 0).unwrap();
    let folded = model.network.folded().unwrap().unwrap();
    for twin in [permuted.as_ref(), &folded] {
        let found = implementation_invariance(&side(&model.network), &side(twin), &images).unwrap();
        let graded = twin_test(&found, 1e-4);
        assert_eq!(graded.grade, Grade::Pass, "{}", graded.reason);
        assert_eq!(found.maps.values().len(), PHOTOS.len());
    }
}
