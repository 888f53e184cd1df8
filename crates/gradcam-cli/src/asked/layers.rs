//! Turns `--layer` into layers.

use anyhow::{Result, anyhow};
use gradcam_models::Model;

use super::model::shape;

/// Resolves the layers to the tree's own paths. The model's own input size decides whether a layer has a spatial map, even with
/// `--fit none`.
pub(crate) fn layers(wanted: &[String], name: &str, model: &Model) -> Result<Vec<String>> {
    if wanted.is_empty() {
        return Ok(vec![model.default_layer().to_string()]);
    }
    let known = gradcam::layers(&model.network, shape(model))?;
    let mut names: Vec<String> = Vec::new();
    for wanted in wanted {
        let layer = known.find(wanted).or_else(|error| {
            // torchvision's path of the same module is accepted too.
            let own = model.architecture.and_then(|a| a.from_torchvision(wanted));
            own.and_then(|own| known.find(&own).ok()).ok_or(error)
        });
        let layer = layer
            .map_err(|error| anyhow!("{error}\n\nhint: `gradcam layers {name}` lists them"))?;
        if !layer.is_spatial() {
            return Err(gradcam::Error::NotSpatial {
                name: layer.name.clone(),
                shape: layer.shape.clone(),
            }
            .into());
        }
        if names.contains(&layer.name) {
            return Err(gradcam::Error::RepeatedLayer(layer.name.clone()).into());
        }
        names.push(layer.name.clone());
    }
    Ok(names)
}
