//! Explains a photo with the default model and writes the picture: `explain_photo [PHOTO [PICTURE]]`.
#![allow(clippy::print_stdout)]

use std::path::PathBuf;

use gradcam_models::candle_core::Device;
use gradcam_models::gradcam::{Explainer, Target, probabilities};
use gradcam_models::{Model, picture, preprocess::Fit};
use gradcam_viz::{Format, Style, View, encode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let photo = arguments.next().unwrap_or_else(|| {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models/photos/chelsea.png")
    });
    let output = arguments
        .next()
        .unwrap_or_else(|| std::env::temp_dir().join("explained.png"));

    // The network, and the photo prepared for it.
    let model = Model::default_model(&Device::Cpu)?;
    let photo = picture::read(&photo, Default::default())?;
    let seen = model.preprocess.prepare(&photo, Fit::Crop, &Device::Cpu)?;

    // Grad-CAM for the class with the largest logit, at the model's default layer.
    let explainer = Explainer::default().at(model.default_layer());
    let batch = seen.tensor.unsqueeze(0)?;
    let heatmap = explainer.explain_one(&model.network, &batch, Target::Top(0))?;
    let class = heatmap.target.index.ok_or("the target is not a class")?;
    println!(
        "{} ({:.1} %), map {}",
        model.labels[class],
        100.0 * probabilities(&heatmap.logits)[class],
        heatmap.verdict
    );

    // The photo as the network saw it, coloured where there is evidence.
    let map = &heatmap.upsampled;
    let overlay = View::Overlay.draw(&seen.view, map, &Style::default())?;
    std::fs::write(&output, encode(&overlay, Format::from_path(&output)?)?)?;
    println!("{}", output.display());
    Ok(())
}
