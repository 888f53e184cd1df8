//! Everything that the numbers of a card depend on.

use gradcam_models::sha256;
use serde::Serialize;

use super::effort::Effort;
use super::subject::Subject;
use crate::args::{Pictures, Precision};
use crate::study::fingerprint;

/// Everything that the numbers of a card depend on.
#[derive(Serialize)]
pub(crate) struct Study {
    toolkit: &'static str,
    model: String,
    architecture: String,
    precision: String,
    device: String,
    fit: String,
    window: Option<String>,
    frame: Option<usize>,
    /// A digest of the preprocessing and the labels.
    config: String,
    methods: Vec<gradcam::Method>,
    layer: Vec<String>,
    data: String,
    images: Vec<usize>,
    labels: String,
    effort: Effort,
    seed: u64,
}

impl Study {
    /// Describes a subject whose network computes with this precision.
    pub(crate) fn of(subject: &Subject<'_>, precision: Precision) -> Self {
        let explainers = std::iter::once(subject.explainer).chain(subject.against);
        let Pictures { window, frame } = subject.reading.pictures;
        Study {
            toolkit: env!("CARGO_PKG_VERSION"),
            model: subject.model.sha256.clone(),
            architecture: subject
                .model
                .architecture
                .map_or("ONNX", |architecture| architecture.name)
                .to_string(),
            precision: precision.to_string(),
            device: format!("{:?}", subject.reading.device.location()),
            fit: subject.reading.fit.to_string(),
            window: window.map(|window| window.to_string()),
            frame,
            config: sha256(
                format!("{:?}", (&subject.model.preprocess, &subject.model.labels)).as_bytes(),
            ),
            methods: explainers.map(|e| e.method.clone()).collect(),
            layer: subject.explainer.layers.clone(),
            data: fingerprint(subject.data),
            images: subject.samples.iter().map(|(index, _)| *index).collect(),
            labels: fingerprint(subject.labels),
            effort: subject.effort,
            seed: subject.seed,
        }
    }
}
