//! The names and shapes of every architecture's parameters and modules against timm, torchvision and transformers
//! (`tests/golden/parameters.py`).

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use gradcam_models::architectures::{self, Architecture};
use gradcam_models::rename;
use gradcam_nn::{ModuleTree, Network, Weights};
use serde::Deserialize;

use crate::committed::committed;

/// Shapes by name.
type Shapes = BTreeMap<String, Vec<usize>>;

#[derive(Deserialize)]
struct Parameters {
    classes: usize,
    architectures: Vec<Expected>,
    /// Networks that timm lacks, with the names of transformers.
    only_transformers: Vec<Elsewhere>,
}

#[derive(Deserialize)]
struct Expected {
    name: String,
    trainable: usize,
    last_layer: String,
    state: Shapes,
    /// Height and width of the input for the modules' shapes.
    size: usize,
    /// The output shape of every module that runs, for one image.
    modules: Shapes,
    torchvision: Option<Elsewhere>,
    transformers: Option<Shapes>,
}

#[derive(Deserialize)]
struct Elsewhere {
    name: String,
    state: Shapes,
}

/// Builds the network without numbers, and returns the parameters that it requested.
fn skeleton(architecture: &Architecture, classes: usize) -> (ModuleTree, Shapes) {
    let weights = Weights::skeleton();
    let network = architecture.build(&weights, classes).unwrap();
    (network, weights.requested().into_iter().collect())
}

/// Removes the counters of training steps from the state.
fn without_counters(state: &Shapes) -> Shapes {
    let mut state = state.clone();
    state.retain(|name, _| !name.ends_with("num_batches_tracked"));
    state
}

/// Lists names that are on one side only or have two shapes, one per line.
fn differences(found: &Shapes, expected: &Shapes) -> Vec<String> {
    let missing = expected
        .iter()
        .filter_map(|(name, shape)| match found.get(name) {
            None => Some(format!("missing: {name} {shape:?}")),
            Some(other) if other != shape => Some(format!("{name}: {other:?}, expected {shape:?}")),
            Some(_) => None,
        });
    let left_over = found
        .iter()
        .filter(|(name, _)| !expected.contains_key(*name))
        .map(|(name, shape)| format!("left over: {name} {shape:?}"));
    missing.chain(left_over).collect()
}

/// Runs `check` on every architecture and fails with all its findings.
fn for_each(check: impl Fn(&Parameters, &Expected, &Architecture) -> Vec<String>) {
    let parameters: Parameters = committed("parameters.json.gz");
    let mut failures = Vec::new();
    for expected in &parameters.architectures {
        let architecture = architectures::find(&expected.name).unwrap();
        for line in check(&parameters, expected, architecture) {
            failures.push(format!("{}: {line}", expected.name));
        }
    }
    let shown: Vec<&str> = failures.iter().take(50).map(String::as_str).collect();
    assert!(
        failures.is_empty(),
        "{} differences:\n{}",
        failures.len(),
        shown.join("\n")
    );
}

#[test]
fn parameters_are_those_of_timm() {
    for_each(|parameters, expected, architecture| {
        let (_, requested) = skeleton(architecture, parameters.classes);
        differences(&requested, &without_counters(&expected.state))
    });
}

#[test]
fn counts_of_trainable_parameters_are_those_of_timm() {
    for_each(|parameters, expected, architecture| {
        let (network, _) = skeleton(architecture, parameters.classes);
        let found: usize = network.parameters().iter().map(|(_, count)| count).sum();
        let wrong = found != expected.trainable;
        wrong
            .then(|| format!("{found} parameters, expected {}", expected.trainable))
            .into_iter()
            .collect()
    });
}

#[test]
fn modules_are_those_of_timm() {
    for_each(|parameters, expected, architecture| {
        let (network, _) = skeleton(architecture, parameters.classes);
        let size = expected.size;
        let found: Shapes = gradcam::layers(&network, (3, size, size))
            .unwrap()
            .layers
            .into_iter()
            .map(|layer| (layer.name, layer.shape))
            .collect();
        let modules: Shapes = expected
            .modules
            .iter()
            .map(|(name, shape)| {
                let mut shape = shape[1..].to_vec();
                // Parts of ConvNeXt's blocks are channels-last in timm; here every feature map is channels-first.
                if let (Some(&[c, h, w]), &[a, b, d]) =
                    (found.get(name).map(Vec::as_slice), shape.as_slice())
                    && [a, b, d] == [h, w, c]
                {
                    shape = vec![c, h, w];
                }
                // Half of a Swin block has rows of positions in timm, and a patch embedding's convolution may have its norm's layout.
                if let (Some(&[c, h, w]), &[positions, d]) =
                    (found.get(name).map(Vec::as_slice), shape.as_slice())
                    && [positions, d] == [h * w, c]
                {
                    shape = vec![c, h, w];
                }
                if let (Some(&[positions, d]), &[h, w, c]) =
                    (found.get(name).map(Vec::as_slice), shape.as_slice())
                    && [positions, d] == [h * w, c]
                {
                    shape = vec![positions, d];
                }
                (name.clone(), shape)
            })
            .collect();
        differences(&found, &modules)
    });
}

#[test]
fn default_layers_are_the_last_with_a_map() {
    for_each(|parameters, expected, architecture| {
        let (network, _) = skeleton(architecture, parameters.classes);
        // Patches must divide the size; elsewhere it is large, so the last maps have more than one position.
        let size = if expected.size == 224 { 224 } else { 299 };
        let layers = gradcam::layers(&network, (3, size, size)).unwrap();
        let automatic = &layers.automatic().unwrap().name;
        // There the default is not the very last map (see the table of architectures), or an identity follows it.
        let exceptions = ["vgg", "alexnet", "squeezenet", "convnext"];
        let exception = exceptions.iter().any(|e| expected.name.starts_with(e));
        let mut failures = Vec::new();
        if architecture.default_layer != expected.last_layer {
            failures.push(format!("default {}", architecture.default_layer));
        }
        if !exception && *automatic != expected.last_layer {
            failures.push(format!("automatic {automatic}"));
        }
        let expected = &expected.last_layer;
        failures
            .iter()
            .map(|f| format!("{f}, expected {expected}"))
            .collect()
    });
}

/// Renames a checkpoint's parameters to the tree's names and compares them with the network's requests.
fn after_renaming(architecture: &Architecture, state: &Shapes, classes: usize) -> Vec<String> {
    let zero = Tensor::zeros((), DType::U8, &Device::Cpu).unwrap();
    let tensors = state
        .iter()
        .map(|(name, shape)| (name.clone(), zero.broadcast_as(shape.as_slice()).unwrap()))
        .collect();
    let naming = architecture.naming(state.keys().map(String::as_str));
    let renamed = rename(
        &Weights::from_tensors(tensors),
        architecture,
        naming,
        classes,
    )
    .unwrap();
    let found: Shapes = renamed
        .names()
        .into_iter()
        .filter(|name| !architecture.training_only(name))
        .map(|name| {
            let shape = renamed.tensor(&name).unwrap().dims().to_vec();
            (name, shape)
        })
        .collect();
    differences(&found, &skeleton(architecture, classes).1)
}

#[test]
fn torchvisions_parameters_are_consumed_exactly() {
    for_each(|parameters, expected, _| {
        let Some(torchvision) = &expected.torchvision else {
            return Vec::new();
        };
        let architecture = architectures::find(&torchvision.name).unwrap();
        after_renaming(architecture, &torchvision.state, parameters.classes)
    });
}

#[test]
fn transformers_parameters_are_consumed_exactly() {
    let parameters: Parameters = committed("parameters.json.gz");
    let known = parameters
        .architectures
        .iter()
        .filter(|a| a.transformers.is_some());
    assert_eq!(known.count(), 23);
    for_each(
        |parameters, expected, architecture| match &expected.transformers {
            Some(state) => after_renaming(architecture, state, parameters.classes),
            None => Vec::new(),
        },
    );
    for expected in &parameters.only_transformers {
        let architecture = architectures::find(&expected.name).unwrap();
        let wrong = after_renaming(architecture, &expected.state, parameters.classes);
        assert!(wrong.is_empty(), "{}: {wrong:?}", expected.name);
    }
}

#[test]
fn every_architecture_is_compared() {
    let parameters: Parameters = committed("parameters.json.gz");
    let mut compared: Vec<&str> = Vec::new();
    for expected in &parameters.architectures {
        compared.push(&expected.name);
        compared.extend(expected.torchvision.iter().map(|t| t.name.as_str()));
    }
    compared.extend(parameters.only_transformers.iter().map(|t| t.name.as_str()));
    for architecture in architectures::all() {
        assert!(
            compared.contains(&architecture.name),
            "{}",
            architecture.name
        );
    }
}
