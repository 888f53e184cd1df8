//! Networks for which the answers are known.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result as Candle, Tensor};
use gradcam::{Explainer, Grid, Target};
use gradcam_nn::ops::{
    Activation, AdaptiveAvgPool2d, BatchNorm, Conv2d, ConvOptions, Linear, Padding,
};
use gradcam_nn::{ConvNormAct, Kind, Module, ModuleTree, Network, Pass, Weights};

use super::*;
use crate::random::{generator, normal};
use crate::statistics::{Grade, Measured};
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

/// Parameters as if they were trained: none is the identity.
fn parameters(seed: u64) -> BTreeMap<String, Tensor> {
    let skeleton = Weights::skeleton();
    build(&skeleton);
    let requested = skeleton.requested().into_iter();
    let drawn = requested.enumerate().map(|(i, (name, shape))| {
        let mut random = generator(seed, i);
        let count = shape.iter().product();
        let fan_in: usize = shape.iter().skip(1).product();
        let values: Vec<f32> = (0..count)
            .map(|_| {
                let value = normal(&mut random);
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
    let mut random = generator(99, number);
    let pixels: Vec<f32> = (0..3 * SIDE * SIDE)
        .map(|_| normal(&mut random) as f32)
        .collect();
    Ok(Tensor::from_vec(pixels, (1, 3, SIDE, SIDE), &Device::Cpu)?)
}

fn images(count: usize) -> Images<'static> {
    Images {
        count,
        load: &image,
    }
}

/// The signed Grad-CAM at the last convolution.
fn grad_cam(network: &dyn Network, image: &Tensor, class: usize) -> Result<Grid> {
    let found = Explainer::at("body").explain_one(network, image, Target::Index(class))?;
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
    let found = run(&grad_cam, 40, |_| {});
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
    // A drawn classifier still weighs the same activations.
    assert!(
        curve[0] < 0.5 && curve[1..].iter().all(|v| v.abs() < 0.25),
        "{curve:?}"
    );
    // What nothing uses changes nothing.
    assert_eq!(curve[2], curve[3]);
    for step in &found.steps {
        for (i, class) in found.classes.iter().enumerate() {
            assert!(*class < 5);
            let value = |all: &[Likeness]| all[0].measured.values.outcomes[i];
            let (fixed, own) = (value(&step.fixed), value(&step.repicked));
            assert!(step.same_class < 1.0 || fixed == own);
        }
        assert!(step.same_class < 0.8);
        assert_ne!(step.fixed, step.repicked);
    }
    assert_eq!(found.random_pairs[0].measured.values.outcomes.len(), PAIRS);
    assert!(mean(&found.permuted, Metric::Spearman).abs() < 0.05);
}

#[test]
fn a_map_of_the_picture_fails_and_a_map_that_moves_does_not() {
    let found = run(&picture, 32, |_| {});
    for step in &found.steps {
        assert!((mean(&step.fixed, Metric::Spearman) - 1.0).abs() < 1e-9);
    }
    let test = cascade_test(&found, Metric::Spearman).unwrap();
    assert_eq!((test.graded().grade, test.gates.len()), (Grade::Fail, 0));
    assert_eq!(
        weight_randomization_test(&found).unwrap().graded().grade,
        Grade::Fail
    );

    // A map that is the opposite once the network is another one.
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
    let test = cascade_test(&found, Metric::Spearman).unwrap();
    assert_eq!(test.graded().grade, Grade::Pass, "{:?}", test.graded());
    assert!(test.gates[0].ok && test.gates[0].name == "drop at `head`");
    assert_eq!(
        weight_randomization_test(&found).unwrap().graded().grade,
        Grade::Pass
    );
    assert!(cascade_test(&found, Metric::Hog).is_err());
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
    assert!(cascade_test(&alone, Metric::Ssim).is_err());
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
        Ok(if map.values[0] > 0.0 {
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

/// The network of these parameters, each moved by some of a normal number.
fn moved(seed: u64, by: f64) -> Box<dyn Network> {
    let tensors = parameters(1);
    let change = |name: &str, tensor: &Tensor| {
        let mut random = crate::random::named_generator(seed, name);
        let noise = (0..tensor.elem_count()).map(|_| (by * normal(&mut random)) as f32);
        let noise = Tensor::from_vec(noise.collect(), tensor.shape(), tensor.device())?;
        tensor + noise
    };
    let change = |name: &str, tensor: &Tensor| match name.contains("running") {
        true => Ok(tensor.clone()),
        false => change(name, tensor),
    };
    rebuilt(&tensors, &change).unwrap()
}

fn side(network: &dyn Network) -> Side<'_> {
    Side {
        network,
        explain: &grad_cam,
    }
}

#[test]
fn networks_that_are_alike_agree() {
    let (own, near, far) = (moved(0, 0.0), moved(1, 0.01), moved(2, 3.0));
    let classes: Vec<usize> = (0..32).map(|i| i % 5).collect();
    let with = |other: &dyn Network, classes: Classes<'_>| {
        agreement(
            &side(own.as_ref()),
            &side(other),
            &images(32),
            classes,
            &METRICS,
            0,
        )
        .unwrap()
    };
    let given = Classes::Given(&classes);
    let close = on_any_threads(|| with(near.as_ref(), given));
    assert!(mean(&close.likeness, Metric::Spearman) > 0.95);
    assert_eq!(close.same_class, 1.0);
    let grade = |found: &Agreement, accuracies| {
        agreement_test(found, Metric::Spearman, accuracies)
            .unwrap()
            .graded()
            .grade
    };
    assert_eq!(grade(&close, (0.8, 0.82)), Grade::Pass);
    assert_eq!(grade(&close, (0.8, 0.83)), Grade::Inconclusive);
    let distant = with(far.as_ref(), given);
    assert!(mean(&distant.likeness, Metric::Spearman) < 0.5);
    assert_ne!(grade(&distant, (0.8, 0.8)), Grade::Pass);
    // Each its own class: the far network names others.
    assert!(with(far.as_ref(), Classes::Predicted).same_class < 0.9);
    let few = Classes::Given(&classes[..3]);
    let short = agreement(
        &side(own.as_ref()),
        &side(far.as_ref()),
        &images(4),
        few,
        &METRICS,
        0,
    );
    assert!(matches!(short, Err(Error::Length { found: 3, .. })));
}

#[test]
fn accuracy_counts() {
    let network = moved(0, 0.0);
    let named: Vec<usize> = (0..4)
        .map(|i| predicted(network.as_ref(), &image(i).unwrap()).unwrap())
        .collect();
    let wrong: Vec<usize> = named
        .iter()
        .enumerate()
        .map(|(i, c)| c + usize::from(i == 0))
        .collect();
    assert_eq!(accuracy(network.as_ref(), &images(4), &named).unwrap(), 1.0);
    assert_eq!(
        accuracy(network.as_ref(), &images(4), &wrong).unwrap(),
        0.75
    );
    assert!(accuracy(network.as_ref(), &images(4), &[0]).is_err());
}

#[test]
fn labels_that_mean_nothing_move_maps() {
    let (truth, second, permuted) = (moved(0, 0.0), moved(1, 0.02), moved(2, 3.0));
    let classes: Vec<usize> = (0..32).map(|i| i % 5).collect();
    let of = |permuted: &dyn Network, second: &dyn Network| {
        let (truth, classes) = (side(truth.as_ref()), Classes::Given(&classes));
        let (permuted, second) = (side(permuted), side(second));
        data_randomization(
            &truth,
            &permuted,
            &second,
            &images(32),
            classes,
            &METRICS,
            0,
        )
        .unwrap()
    };
    let found = of(permuted.as_ref(), second.as_ref());
    let test = |found: &DataRandomization, accuracy: f64| {
        data_randomization_test(found, Metric::Spearman, accuracy, 0).unwrap()
    };
    let difference =
        mean(&found.permuted, Metric::Spearman) - mean(&found.second, Metric::Spearman);
    assert!((test(&found, 0.99).interval.value - difference).abs() < 1e-9 && difference < -0.3);
    let memorised = test(&found, 0.99);
    assert!(memorised.gates.len() == 2 && memorised.gates[0].ok);
    // The likeness of the permuted to the own maps decides the second gate.
    let pairs = named(&found.different_images, Metric::Spearman)
        .unwrap()
        .mean
        .unwrap();
    let expected = mean(&found.permuted, Metric::Spearman) <= pairs.high;
    assert_eq!(memorised.gates[1].ok, expected);
    let grade = if expected {
        Grade::Pass
    } else {
        Grade::Inconclusive
    };
    assert_eq!(memorised.graded().grade, grade);
    assert_eq!(test(&found, 0.6).graded().grade, Grade::Inconclusive);
    // The other way round the maps did not move more than those of another seed.
    let swapped = of(second.as_ref(), permuted.as_ref());
    let failed = test(&swapped, 0.99);
    assert_eq!(
        (failed.graded().grade, failed.gates.len()),
        (Grade::Fail, 1)
    );
}

#[test]
fn twins_have_the_same_maps() {
    let tensors = parameters(1);
    let rebuild = |change: &dyn Fn(&str, &Tensor) -> Candle<Tensor>| rebuilt(&tensors, change);
    let network = build(&Weights::from_tensors(tensors.clone()));
    let folded = network.folded().unwrap();
    let compare = |twin: &dyn Network| {
        implementation_invariance(&side(&network), &side(twin), &images(6)).unwrap()
    };
    let found = compare(&folded);
    assert!(found.largest() > 0.0 && found.largest() < 1e-5, "{found:?}");
    assert_eq!(twin_test(&found, 1e-4).grade, Grade::Pass);
    let channels = classifier_channels(&network, &rebuild, (3, SIDE, SIDE))
        .unwrap()
        .unwrap();
    let expected = Channels {
        outputs: vec!["body.norm".to_string(), "body.conv".to_string()],
        inputs: vec!["head".to_string()],
    };
    assert_eq!(channels, expected);
    let found = compare(permuted(&rebuild, &channels, 3).unwrap().as_ref());
    assert!(found.logits > 0.0 && found.largest() < 1e-5, "{found:?}");
    // Where the classifier is not told, it is another function.
    let half = Channels {
        inputs: Vec::new(),
        ..channels.clone()
    };
    let found = compare(permuted(&rebuild, &half, 3).unwrap().as_ref());
    assert!(found.logits > 0.01);
    assert_eq!(twin_test(&found, 1e-4).grade, Grade::NotRun);
    // The same function with another map, by a method that looks at the way it is written.
    let counts = |network: &dyn Network, image: &Tensor, _: usize| {
        struct Convolutions(f32);
        impl Pass for Convolutions {
            fn fuses(&self) -> bool {
                false
            }
            fn batch_norm(&mut self, norm: &BatchNorm, x: &Tensor) -> Candle<Tensor> {
                self.0 += 1.0;
                norm.forward(x)
            }
        }
        let mut norms = Convolutions(0.0);
        network.forward(image, &mut norms)?;
        Ok(grid(1, 2, &[4.0, norms.0]))
    };
    let written = |network| Side {
        network,
        explain: &counts,
    };
    let found = implementation_invariance(&written(&network), &written(&folded), &images(2));
    let found = found.unwrap();
    assert_eq!(
        (found.largest(), twin_test(&found, 1e-4).grade),
        (0.5, Grade::Fail)
    );
    let nothing = Channels {
        outputs: vec!["nothing".to_string()],
        inputs: Vec::new(),
    };
    assert!(permuted(&rebuild, &nothing, 3).is_err());
}

#[test]
fn the_signed_map_is_linear_and_the_positive_one_is_not() {
    let network = moved(0, 0.0);
    let image = image(0).unwrap();
    let explain = |relu: bool| {
        let (network, image) = (network.as_ref(), &image);
        move |parts: &[(usize, f32)]| {
            let explainer = Explainer {
                relu,
                ..Explainer::at("body")
            };
            let target = Target::Weighted(parts.to_vec());
            Ok(explainer.explain_one(network, image, target)?.map().clone())
        }
    };
    let parts = [(0, 0.7), (3, -1.5), (4, 2.0)];
    assert!(linearity(&parts, &explain(false)).unwrap() < 1e-5);
    assert!(linearity(&parts, &explain(true)).unwrap() > 0.05);
}

/// Names one class, whatever the picture, with a probability that depends on its first pixel by `slope`.
struct Says {
    class: usize,
    slope: f64,
}

impl Network for Says {
    fn forward(&self, x: &Tensor, _: &mut dyn Pass) -> Candle<Tensor> {
        let first = x.flatten_from(1)?.narrow(1, 0, 1)?;
        let own = ((first.abs()? * self.slope)? + 1.0)?;
        let none = own.zeros_like()?;
        let parts: Vec<&Tensor> = (0..3)
            .map(|i| if i == self.class { &own } else { &none })
            .collect();
        Tensor::cat(&parts, 1)
    }
}

fn object() -> Vec<bool> {
    (0..SIDE * SIDE)
        .map(|i| i % SIDE < 4 && i / SIDE < 8)
        .collect()
}

fn scene(number: usize) -> Result<Scene> {
    Ok(Scene {
        image: image(number)?,
        object: object(),
        object_class: 1,
        scene_class: number % 3,
    })
}

fn on_object(factor: f32) -> impl Fn(&dyn Network, &Tensor, usize) -> Result<Grid> {
    move |_, _, _| {
        let values = object().into_iter();
        let values = values.map(|inside| if inside { factor } else { 1.0 });
        Ok(grid(SIDE, SIDE, &values.collect::<Vec<_>>()))
    }
}

#[test]
fn maps_are_clipped_at_their_99th_percentile() {
    let ramp = grid(
        1,
        101,
        &(0..101).map(|i| i as f32 - 1.0).collect::<Vec<_>>(),
    );
    // Without the negative value 0, 0, 1 … 99, whose percentile is 98.
    let found = contrast_map(&ramp).unwrap();
    assert!((found.values[50] - 49.0 / 99.0 * 99.0 / 98.0).abs() < 1e-6);
    assert_eq!((found.values[0], found.values[100]), (0.0, 1.0));
    let mut mask = vec![false; 101];
    (mask[0], mask[50], mask[100]) = (true, true, true);
    assert!((inside(&ramp, &mask).unwrap() - (49.0 / 98.0 + 1.0) / 3.0).abs() < 1e-6);
    let negative = grid(1, 2, &[-1.0, -2.0]);
    assert_eq!(undefined(contrast_map(&negative)), Undefined::NoMass);
    let mut point = grid(20, 20, &[0.0; 400]);
    point.values[7] = 1.0;
    assert_eq!(undefined(contrast_map(&point)), Undefined::Constant);
}

#[test]
fn the_contrast_of_networks_that_look_elsewhere() {
    let (objects, scenes) = (
        Says {
            class: 1,
            slope: 0.0,
        },
        Says {
            class: 2,
            slope: 0.0,
        },
    );
    let (there, elsewhere) = (on_object(3.0), on_object(0.5));
    let side = |network, explain| Side { network, explain };
    let (a, b) = (side(&objects, &there), side(&scenes, &elsewhere));
    let found = on_any_threads(|| model_contrast(&a, &b, (90, &scene), 0).unwrap());
    // Only every third scene has the class that the second network names.
    assert_eq!(found.images, (0..30).map(|i| 3 * i + 2).collect::<Vec<_>>());
    assert_eq!(found.score.mean.unwrap().value, 1.0);
    assert_eq!(model_contrast_test(&found).graded().grade, Grade::Pass);
    let (a, b) = (side(&objects, &elsewhere), side(&scenes, &there));
    let found = model_contrast(&a, &b, (90, &scene), 0).unwrap();
    assert_eq!(found.score.mean.unwrap().value, -1.0);
    let (a, b) = (side(&objects, &there), side(&scenes, &there));
    let found = model_contrast(&a, &b, (90, &scene), 0).unwrap();
    assert_eq!(model_contrast_test(&found).graded().grade, Grade::Fail);
}

fn rate(measured: &Measured) -> f64 {
    measured.mean.unwrap().value
}

#[test]
fn objects_and_patches_that_do_not_matter() {
    let network = Says {
        class: 1,
        slope: 0.0,
    };
    let explain =
        |_: &dyn Network, image: &Tensor, _: usize| Ok(picture(&network, image, 0)?.map(f32::abs));
    let side = Side {
        network: &network,
        explain: &explain,
    };
    // A map of the picture: the scene alone is brighter at the object's place in every second pair.
    let pairs = |number: usize| {
        let ramp = wave(SIDE, SIDE, 0.05).map(|v| 0.1 + v);
        let with = |factor: f32| {
            let pixels = ramp.values.iter().zip(object());
            let pixels: Vec<f32> = pixels
                .map(|(v, inside)| if inside { factor * v } else { *v })
                .collect();
            Tensor::from_vec(pixels, (1, 1, SIDE, SIDE), &Device::Cpu).unwrap()
        };
        let scene = Scene {
            image: with(0.3),
            ..scene(number)?
        };
        Ok((scene, with(if number % 2 == 0 { 0.9 } else { 0.1 })))
    };
    assert_eq!(
        rate(&input_dependence(&side, (10, &pairs), 0).unwrap()),
        0.5
    );

    let options = Patches::default();
    let steady = on_object(3.0);
    let still = Side {
        network: &network,
        explain: &steady,
    };
    let found = on_any_threads(|| input_independence(&still, (8, &scene), &options).unwrap());
    assert_eq!(rate(&found), 1.0);
    let loud = Patches {
        amplitude: 4.0,
        ..options
    };
    assert!(rate(&input_independence(&side, (8, &scene), &loud).unwrap()) < 0.3);
    // A network that looks at a pixel of the patch leaves none without meaning, unless more is allowed.
    let wary = Says {
        class: 1,
        slope: 50.0,
    };
    let strict = Patches {
        tolerance: 0.0,
        ..options
    };
    let still = Side {
        network: &Says {
            class: 1,
            slope: 0.3,
        },
        explain: &steady,
    };
    let found = input_independence(&still, (4, &scene), &strict).unwrap();
    assert_eq!(found.values.undefined().len(), 4);
    assert_eq!(found.values.outcomes[0], Err(Undefined::NoPatch));
    let found = input_independence(
        &Side {
            network: &wary,
            ..still
        },
        (4, &scene),
        &options,
    );
    assert!(found.unwrap().values.undefined().len() < 4);
    let nothing = Patches {
        candidates: 0,
        ..options
    };
    assert!(input_independence(&still, (4, &scene), &nothing).is_err());
}

#[test]
fn an_image_of_another_type_stays_of_it() {
    let image = image(0).unwrap().to_dtype(DType::F64).unwrap();
    let network = Says {
        class: 2,
        slope: 0.0,
    };
    assert_eq!(predicted(&network, &image).unwrap(), 2);
}
