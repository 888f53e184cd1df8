//! Networks with known answers.

#![allow(clippy::unwrap_used)]

mod contrast;
mod twins;

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result as Candle, Tensor};
use gradcam::{Explainer, Target};
use gradcam_map::Grid;
use gradcam_nn::ops::{
    Activation, AdaptiveAvgPool2d, BatchNorm, Conv2d, ConvOptions, Linear, Padding,
};
use gradcam_nn::{ConvNormAct, Kind, Module, ModuleTree, Network, Op, Pass, Weights};
use gradcam_random::Random;

use super::*;
use crate::statistics::Grade;
use crate::testing::{grid, on_any_threads, undefined, wave};
use crate::{Error, Metric, Result, Undefined};

const SIDE: usize = 16;
const METRICS: [Metric; 2] = [Metric::Ssim, Metric::Spearman];

/// Two convolutions with norms, global average, classifier; and a layer that nothing uses.
fn build(weights: &Weights) -> ModuleTree {
    let conv = |name: &str, inputs: usize, outputs: usize| {
        let w = weights.at(name);
        let options = ConvOptions {
            padding: Padding::all(1),
            ..ConvOptions::default()
        };
        let weight = w.get("conv.weight", &[outputs, inputs, 3, 3]).unwrap();
        let get = |name: &str| w.get(&format!("norm.{name}"), &[outputs]).unwrap();
        let norm = BatchNorm::new(
            get("weight"),
            get("bias"),
            get("running_mean"),
            get("running_var"),
            1e-5,
        );
        let group = ConvNormAct::new(
            (vec![w.path("conv")], Conv2d::new(weight, None, options)),
            Some((vec![w.path("norm")], norm.unwrap())),
            Some((vec![name.to_string()], Activation::Relu)),
        );
        Module::unnamed(Kind::Conv(Box::new(group.unwrap())))
    };
    let head = Linear::new(weights.get("head.weight", &[5, 12]).unwrap(), None);
    weights.get("spare.weight", &[3, 3]).unwrap();
    let pool = Kind::AdaptiveAvgPool(AdaptiveAvgPool2d { output: (1, 1) });
    let modules = vec![
        conv("stem", 3, 8),
        conv("body", 8, 12),
        Module::new("pool", pool),
        Module::unnamed(Kind::Flatten),
        Module::new("head", Kind::Linear(head)),
    ];
    ModuleTree::new(modules, weights)
}

/// Parameters as if after training: none is the identity.
fn parameters(seed: u64) -> BTreeMap<String, Tensor> {
    let skeleton = Weights::skeleton();
    build(&skeleton);
    let requested = skeleton.requested().into_iter();
    let drawn = requested.enumerate().map(|(i, (name, shape))| {
        let mut random = Random::of_draw(seed, i);
        let count = shape.iter().product();
        let fan_in: usize = shape.iter().skip(1).product();
        let values: Vec<f32> = (0..count)
            .map(|_| {
                let value = random.normal();
                match shape.len() {
                    1 if name.ends_with("var") => 0.6 + value.abs(),
                    1 if name.ends_with("weight") => 1.0 + 0.3 * value,
                    1 => 0.3 * value,
                    _ => value * (2.0 / fan_in as f64).sqrt(),
                }
            } as f32)
            .collect();
        (name, Tensor::from_vec(values, shape, &Device::Cpu).unwrap())
    });
    drawn.collect()
}

fn rebuilt(
    tensors: &BTreeMap<String, Tensor>,
    change: &dyn Fn(&str, &Tensor) -> Candle<Tensor>,
) -> Candle<Box<dyn Network>> {
    let changed = tensors.iter();
    let changed = changed.map(|(name, tensor)| Ok((name.clone(), change(name, tensor)?)));
    Ok(Box::new(build(&Weights::from_tensors(
        changed.collect::<Candle<_>>()?,
    ))))
}

fn image(number: usize) -> Result<Tensor> {
    let mut random = Random::of_draw(99, number);
    let pixels: Vec<f32> = (0..3 * SIDE * SIDE)
        .map(|_| random.normal() as f32)
        .collect();
    Ok(Tensor::from_vec(pixels, (1, 3, SIDE, SIDE), &Device::Cpu)?)
}

fn images(count: usize) -> Images<'static> {
    Images {
        count,
        load: &image,
    }
}

/// The signed Grad-CAM map at the last convolution.
fn grad_cam(network: &dyn Network, image: &Tensor, class: usize) -> Result<Grid> {
    let found =
        Explainer::default()
            .at("body")
            .explain_one(network, image, Target::Index(class))?;
    Ok(found.raw().clone())
}

/// The picture itself, whatever the network.
fn picture(_: &dyn Network, image: &Tensor, _: usize) -> Result<Grid> {
    Ok(grid(
        SIDE,
        SIDE,
        &image.narrow(1, 0, 1)?.flatten_all()?.to_vec1::<f32>()?,
    ))
}

fn run(
    explain: &ExplainClass<'_>,
    count: usize,
    change: impl FnOnce(&mut Protocol<'_>),
) -> Randomized {
    let tensors = parameters(1);
    let rebuild = |change: &dyn Fn(&str, &Tensor) -> Candle<Tensor>| rebuilt(&tensors, change);
    let network = rebuild(&|_, tensor| Ok(tensor.clone())).unwrap();
    let trained = Trained {
        network: network.as_ref(),
        rebuild: &rebuild,
        explain,
    };
    let blocks = blocks(network.as_ref(), (3, SIDE, SIDE)).unwrap();
    let mut protocol = Protocol {
        metrics: &METRICS,
        layer: Some("body"),
        ..Protocol::cascading(&blocks)
    };
    change(&mut protocol);
    randomize(&trained, &images(count), &protocol).unwrap()
}

fn mean(all: &[Likeness], metric: Metric) -> f64 {
    named(all, metric).unwrap().mean.unwrap().value
}

#[test]
fn a_cascade_destroys_what_was_learned() {
    let found = run(&grad_cam, 40, |protocol| protocol.seed = 6);
    let steps: Vec<_> = found
        .steps
        .iter()
        .map(|step| (step.block.as_str(), step.activations_change))
        .collect();
    let expected = [
        ("head", Some(false)),
        ("body", Some(true)),
        ("stem", Some(true)),
        ("spare", Some(true)),
    ];
    assert_eq!(steps, expected);
    let curve = found
        .steps
        .iter()
        .map(|step| mean(&step.fixed, Metric::Spearman));
    let curve: Vec<f64> = curve.collect();
    // A redrawn classifier still weighs the same activations.
    assert!(
        curve[0] < 0.5 && curve[1..].iter().all(|v| v.abs() < 0.25),
        "{curve:?}"
    );
    // An unused layer changes nothing.
    assert_eq!(curve[2], curve[3]);
    assert!(found.classes.iter().all(|class| *class < 5));
    for step in &found.steps {
        // The two maps are the same exactly if the redrawn network predicts the same class.
        let values = |all: &[Likeness]| all[0].measured.values.outcomes.clone();
        let pairs = values(&step.fixed).into_iter().zip(values(&step.repicked));
        let same = pairs.filter(|(fixed, own)| fixed == own).count();
        assert_eq!(step.same_class, same as f64 / found.classes.len() as f64);
    }
    let same: Vec<f64> = found.steps.iter().map(|step| step.same_class).collect();
    // Both happen: an untrained network predicts one class for every picture.
    assert_eq!(same, [0.0, 1.0, 1.0, 1.0]);
    assert_eq!(found.random_pairs[0].measured.values.outcomes.len(), PAIRS);
    assert!(mean(&found.permuted, Metric::Spearman).abs() < 0.05);
}

#[test]
fn a_map_of_the_picture_fails_and_a_map_that_moves_does_not() {
    let found = run(&picture, 32, |_| {});
    for step in &found.steps {
        assert!((mean(&step.fixed, Metric::Spearman) - 1.0).abs() < 1e-9);
    }
    let test = cascade_test(&found, Metric::Spearman, 0).unwrap();
    assert_eq!((test.graded().grade, test.gates.len()), (Grade::Fail, 0));
    assert_eq!(
        weight_randomization_test(&found, 0).unwrap().graded().grade,
        Grade::Fail
    );

    // A map that is negated if the network is another one.
    let tensors = parameters(1);
    let own = rebuilt(&tensors, &|_, tensor| Ok(tensor.clone())).unwrap();
    let logits = |network: &dyn Network, image: &Tensor| {
        let logits = network
            .forward(image, &mut ())
            .unwrap()
            .flatten_all()
            .unwrap();
        logits.to_vec1::<f32>().unwrap()
    };
    let opposite = |network: &dyn Network, image: &Tensor, class: usize| {
        let same = logits(network, image) == logits(own.as_ref(), image);
        let map = picture(network, image, class)?;
        Ok(map.map(|v| if same { v } else { -v }))
    };
    let found = run(&opposite, 32, |_| {});
    let test = cascade_test(&found, Metric::Spearman, 0).unwrap();
    assert_eq!(test.graded().grade, Grade::Pass, "{:?}", test.graded());
    assert!(test.gates[0].ok && test.gates[0].name == "drop at `head`");
    assert_eq!(
        weight_randomization_test(&found, 0).unwrap().graded().grade,
        Grade::Pass
    );
    assert!(cascade_test(&found, Metric::Hog, 0).is_err());
}

#[test]
fn one_block_alone() {
    let cascade = run(&grad_cam, 6, |_| {});
    let alone = run(&grad_cam, 6, |p| p.order = Order::Independent);
    // The first step is the same, to the bit.
    assert_eq!(alone.steps[0], cascade.steps[0]);
    assert_ne!(alone.steps[1].fixed, cascade.steps[1].fixed);
    let spare = &alone.steps[3];
    assert_eq!(
        (spare.activations_change, spare.same_class),
        (Some(false), 1.0)
    );
    assert!((mean(&spare.fixed, Metric::Spearman) - 1.0).abs() < 1e-12);
    assert!(cascade_test(&alone, Metric::Ssim, 0).is_err());
}

#[test]
fn seeds_decide_and_threads_do_not() {
    let one = on_any_threads(|| run(&grad_cam, 5, |_| {}));
    assert_ne!(one.steps, run(&grad_cam, 5, |p| p.seed = 1).steps);
    let reset = run(&grad_cam, 5, |p| p.reset_statistics = true);
    assert_eq!(one.steps[0], reset.steps[0]);
    assert_ne!(one.steps[1].fixed, reset.steps[1].fixed);
}

#[test]
fn degenerate_maps_are_counted() {
    let explain = |network: &dyn Network, image: &Tensor, class: usize| {
        let map = grad_cam(network, image, class)?;
        Ok(if map.values()[0] > 0.0 {
            map.map(|_| 0.0)
        } else {
            map
        })
    };
    let found = run(&explain, 12, |_| {});
    let values = &named(&found.steps[0].fixed, Metric::Ssim).unwrap().values;
    assert_eq!(values.outcomes.len(), 12);
    assert!(!values.undefined().is_empty() && !values.values().is_empty());
    assert!(values.undefined().iter().all(|u| u.1 == Undefined::Zero));
}

#[test]
fn an_unknown_layer_is_named() {
    let tensors = parameters(1);
    let rebuild = |change: &dyn Fn(&str, &Tensor) -> Candle<Tensor>| rebuilt(&tensors, change);
    let network = rebuild(&|_, tensor| Ok(tensor.clone())).unwrap();
    let trained = Trained {
        network: network.as_ref(),
        rebuild: &rebuild,
        explain: &grad_cam,
    };
    let protocol = Protocol {
        layer: Some("boby"),
        metrics: &METRICS,
        ..Protocol::cascading(&[])
    };
    let error = randomize(&trained, &images(1), &protocol).unwrap_err();
    assert!(error.to_string().contains("`body`"), "{error}");
}
