//! The subject of the card.

use std::collections::BTreeMap;

use anyhow::Result;
use gradcam_eval::card::{
    Annotation, Data, Environment, Generator, Kind, Method, Model, Role, Score, Weights,
};
use gradcam_nn::Network;

use super::data_sets::{DIGITS, IMAGES};
use super::scenes;
use super::subject::Subject;
use crate::study::fingerprint;

/// Describes the method for the card.
pub(super) fn of_method(subject: &Subject<'_>) -> Method {
    let method = &subject.explainer.method;
    let grad_cam = *method == gradcam::Method::GradCam;
    let options = method.options();
    Method {
        name: method.name().to_string(),
        variant: (!options.is_empty()).then(|| serde_json::Value::Object(options).to_string()),
        target: Score::Logit,
        relu: subject.explainer.relu,
        weights: grad_cam.then_some(Weights::Mean),
        layer: subject.explainer.layers.first().cloned(),
        interpolation: subject.explainer.interpolation.to_string(),
        align_corners: false,
        normalisation: "none; pictures divide by the largest value".to_string(),
    }
}

/// Describes the model for the card.
pub(super) fn model(subject: &Subject<'_>) -> Result<Model> {
    let model = subject.model;
    let (channels, height, width) = subject.input();
    let layers = gradcam::layers(&model.network, (channels, height, width))?;
    let parameters = model.network.parameters();
    Ok(Model {
        name: model.name.clone(),
        format: match model.architecture {
            Some(architecture) => format!("safetensors, {}", architecture.name),
            None => "ONNX".to_string(),
        },
        sha256: model.sha256.clone(),
        params: parameters.iter().map(|(_, count)| count).sum(),
        input_shape: vec![channels, height, width],
        classes: model.labels.len(),
        cam_layer_shape: Some(layers.find(subject.layer())?.shape.clone()),
        accuracy: None,
    })
}

/// Describes the data sets for the card.
pub(super) fn of_data(subject: &Subject<'_>) -> Result<Vec<Data>> {
    let all = [
        (subject.data, IMAGES, Role::Eval),
        (subject.labels, DIGITS, Role::Train),
    ];
    let mut found: Vec<Data> = all
        .into_iter()
        .map(|(data, id, role)| {
            let (kind, generator) = match &data.kind {
                gradcam_data::Kind::Real => (Kind::Real, None),
                gradcam_data::Kind::Synthetic {
                    generator,
                    seed,
                    parameters,
                } => {
                    let parameters = parameters.as_object().into_iter().flatten();
                    let params: BTreeMap<String, String> = parameters
                        .map(|(name, value)| (name.clone(), value.to_string()))
                        .collect();
                    let generator = Generator {
                        name: generator.clone(),
                        seed: *seed,
                        params,
                    };
                    (Kind::Synthetic, Some(generator))
                }
            };
            Ok(Data {
                id: id.to_string(),
                role,
                kind,
                loader: data.layout.name().to_string(),
                path_hash: Some(fingerprint(data)),
                n: data.samples.len(),
                classes: data.classes.len(),
                annotation: match data.annotation {
                    gradcam_data::Annotation::None => Annotation::None,
                    gradcam_data::Annotation::Box => Annotation::Box,
                    gradcam_data::Annotation::Mask => Annotation::Mask,
                },
                generator,
            })
        })
        .collect::<Result<_>>()?;
    found.push(scenes::of_data(subject));
    Ok(found)
}

/// Describes the machine and build that made the card.
pub(super) fn environment(seed: u64) -> Environment {
    let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(':'))
        .map_or(std::env::consts::ARCH, |(_, name)| name.trim())
        .to_string();
    Environment {
        toolkit_version: env!("CARGO_PKG_VERSION").to_string(),
        git_commit: None,
        rustc: env!("CARGO_PKG_RUST_VERSION").to_string() + " or later",
        cpu,
        threads: rayon::current_num_threads(),
        os: std::env::consts::OS.to_string(),
        seed,
        started: None,
        wall_s: None,
    }
}
