//! Everything that the numbers of a study depend on, and its record.

use anyhow::{Result, anyhow};
use candle_core::{DType, Device, Tensor};
use gradcam::Explainer;
use gradcam_data::{Dataset, Object, Rect, Shape};
use gradcam_eval::Metric;
use gradcam_eval::evaluate::{FORMAT, Header, JournalError, Null};
use gradcam_models::{Model, sha256};

use crate::digest::little_endian;
use crate::reading::Reading;

/// Collects everything that the numbers of a study depend on.
pub(crate) fn header(
    (model, reading): (&Model, &Reading<'_>),
    data: &Dataset,
    explainers: &[Explainer],
    (nulls, metrics): (Vec<Null>, Vec<Metric>),
    seed: u64,
) -> Result<Header> {
    // Only `f32` networks can have less precise factors in convolutions.
    let precision = match model.dtype {
        DType::F32 => model.network.precision().name(),
        other => other.as_str(),
    };
    let device = match model.device {
        Device::Cpu => "cpu",
        Device::Cuda(_) => "cuda",
        Device::Metal(_) => "metal",
    };
    let config = format!("{:?}", (&model.preprocess, &model.labels));
    let layers = explainers.iter().flat_map(|e| e.layers.clone());
    let first = explainers.first();
    let background = first.and_then(|e| e.inputs.background.as_ref());
    Ok(Header {
        format: FORMAT.to_string(),
        model: model.name.clone(),
        model_sha256: model.sha256.clone(),
        config_sha256: sha256(config.as_bytes()),
        precision: precision.to_string(),
        device: device.to_string(),
        fit: reading.fit.to_string(),
        max_pixels: nulls
            .contains(&Null::MeanMask)
            .then_some(reading.limits.max_pixels),
        window: reading.pictures.window.map(|window| window.to_string()),
        frame: reading.pictures.frame,
        data: data.name.clone(),
        data_sha256: fingerprint(data),
        images: data.samples.len(),
        methods: explainers.iter().map(|e| e.method.clone()).collect(),
        layers: layers.take(1).collect(),
        interpolation: first.map_or(String::new(), |e| e.interpolation.to_string()),
        budget: first.and_then(|e| e.budget),
        tolerance: first.and_then(|e| e.tolerance),
        background_sha256: background.map(pixels_sha256).transpose()?,
        nulls,
        metrics,
        seed,
    })
}

/// Returns the digest of pictures as the network gets them: their shape and numbers.
fn pixels_sha256(pictures: &Tensor) -> Result<String> {
    let mut bytes = format!("{:?}\n", pictures.dims()).into_bytes();
    let numbers = pictures.to_dtype(DType::F32)?.flatten_all()?;
    bytes.extend(little_endian(&numbers.to_vec1()?));
    Ok(sha256(&bytes))
}

/// Returns the SHA-256 of a data set's annotations: names, classes and objects, in order.
pub(crate) fn fingerprint(data: &Dataset) -> String {
    let mut said = String::new();
    for sample in &data.samples {
        let class = sample.class.as_ref().map(|class| &*class.name);
        let annotated = |object: &Object| match object.shape {
            Shape::Box(rect) | Shape::RelativeBox(rect) => Some(object.rect.unwrap_or(rect)),
            _ => object.rect,
        };
        let rects: Vec<Option<Rect>> = if sample.objects.is_empty() {
            Vec::new()
        } else {
            // An unreadable picture is reported when it is measured.
            sample
                .rects()
                .unwrap_or_else(|_| sample.objects.iter().map(annotated).collect())
        };
        let objects: Vec<(&str, Option<Rect>)> = sample
            .objects
            .iter()
            .map(|object| &*object.class.name)
            .zip(rects)
            .collect();
        said += &format!("{:?}\n", (&sample.id, class, objects));
    }
    sha256(said.as_bytes())
}

/// Names the argument that makes the study a different one.
pub(crate) fn another(error: JournalError) -> anyhow::Error {
    let JournalError::Study { field, .. } = &error else {
        return error.into();
    };
    let argument = match field.as_str() {
        "model" | "model_sha256" | "config_sha256" => "`--model`",
        "data" | "data_sha256" | "images" => "the data set",
        "background_sha256" => "`--background`",
        "layers" => "`--layer`",
        "max_pixels" => "`--max-pixels`, which decides about the null `mean-mask`,",
        // The other fields are named like their arguments.
        own => &format!("`--{own}`"),
    };
    let hint = format!(
        "hint: {argument} must be the same for all records of a study; another study needs another file for `--records`"
    );
    anyhow!("{error}\n\n{hint}")
}
