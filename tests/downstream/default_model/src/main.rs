//! Explains a photo with the default model, and writes the photo with its evidence coloured: `default-model PHOTO PICTURE`.

use std::error::Error;

use gradcam_models::candle_core::Device;
use gradcam_models::gradcam::{Explainer, Target, Verdict};
use gradcam_models::{Model, picture, preprocess::Fit};
use gradcam_viz::{Format, Style, View, encode};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [photo, output] = arguments.as_slice() else {
        return Err("usage: default-model PHOTO PICTURE".into());
    };
    let model = Model::default_model(&Device::Cpu)?;
    let photo = picture::read(photo.as_ref(), Default::default())?;
    let seen = model.preprocess.prepare(&photo, Fit::Crop, &Device::Cpu)?;

    let explainer = Explainer::default().at(model.default_layer());
    let batch = seen.tensor.unsqueeze(0)?;
    let heatmap = explainer.explain_one(&model.network, &batch, Target::Top(0))?;
    let class = heatmap.target.index.ok_or("the target is not a class")?;
    println!("{}: {}", model.labels[class], heatmap.verdict);
    assert_eq!(heatmap.verdict, Verdict::Ok);

    let map = &heatmap.upsampled;
    assert!(map.max() > 0.0);
    let overlay = View::Overlay.draw(&seen.view, map, &Style::default())?;
    assert_eq!(overlay.dimensions(), (224, 224));
    assert_ne!(overlay, seen.view);
    std::fs::write(
        output,
        encode(&overlay, Format::from_path(output.as_ref())?)?,
    )?;
    println!("{output}");
    Ok(())
}
