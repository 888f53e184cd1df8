//! The card's pictures: examples of the method's maps, and one image under every setting of the sweep.

use anyhow::{Context, Result};
use gradcam::{Explainer, Interpolation, Target};
use gradcam_eval::card::{Artifact, Card};
use gradcam_models::sha256;
use gradcam_viz::{Format, Style, View, encode_with_note};
use image::RgbImage;

use super::place::PICTURES;
use super::subject::Subject;
use crate::dataset::{class_of, prepare};
use crate::style;

/// Draws `count` examples and the sweep, lists them in the card, and returns them with their paths.
pub(crate) fn draw(
    subject: &Subject<'_>,
    card: &mut Card,
    count: usize,
) -> Result<Vec<(String, Vec<u8>)>> {
    let mut drawn = Vec::new();
    if count == 0 {
        return Ok(drawn);
    }
    // The order of the samples keeps the classes' proportions.
    let shown = subject.samples.iter().take(count.min(subject.sample));
    for (number, (_, sample)) in shown.enumerate() {
        let prepared = prepare(sample, &subject.reading)?;
        let found = subject.explainer.explain_one(
            &subject.model.network,
            &prepared.image,
            Target::Top(0),
        )?;
        let label = |class: Option<usize>| class.and_then(|i| subject.model.labels.get(i));
        let seen = label(found.target.index).map_or("", String::as_str);
        let probability = 100.0 * found.target.probability.unwrap_or_default();
        let shown = sample
            .class
            .as_ref()
            .and_then(|class| label(class_of(class, &subject.model.labels)));
        let caption = match shown {
            Some(shown) if shown == seen => format!("{seen}, {probability:.0} %"),
            Some(shown) => format!("seen as {seen}, {probability:.0} %; annotated as {shown}"),
            None => format!("seen as {seen}, {probability:.0} %"),
        };
        let path = format!("{PICTURES}/example-{:02}.png", number + 1);
        let picture = overlay(subject.explainer, &prepared.view, &found.upsampled)?;
        drawn.push(add(card, path, caption, &picture)?);
    }
    let (_, sample) = subject.samples.first().context("there is no image")?;
    let prepared = prepare(sample, &subject.reading)?;
    for index in 0..card.methodology.hyperparameters.sweep.len() {
        let setting = &card.methodology.hyperparameters.sweep[index];
        let interpolation: Interpolation = setting
            .interp
            .parse()
            .map_err(|_| anyhow::anyhow!("no interpolation `{}`", setting.interp))?;
        let explainer = Explainer {
            layers: vec![setting.layer.clone()],
            interpolation,
            ..subject.explainer.clone()
        };
        let found =
            explainer.explain_one(&subject.model.network, &prepared.image, Target::Top(0))?;
        let caption = format!("{}, {}", setting.layer, setting.interp);
        let path = format!("{PICTURES}/sweep-{:02}.png", index + 1);
        let picture = overlay(&explainer, &prepared.view, &found.upsampled)?;
        drawn.push(add(card, path.clone(), caption, &picture)?);
        card.methodology.hyperparameters.sweep[index].picture = Some(path);
    }
    Ok(drawn)
}

fn overlay(explainer: &Explainer, view: &RgbImage, map: &gradcam::Grid) -> Result<RgbImage> {
    let (method, style) = (&explainer.method, Style::default());
    style::paint(View::Overlay, view, map, method, &style)
}

/// Adds a picture to the card's artifacts.
fn add(
    card: &mut Card,
    path: String,
    caption: String,
    picture: &RgbImage,
) -> Result<(String, Vec<u8>)> {
    let bytes = encode_with_note(picture, Format::Png, "gradcam card")?;
    card.artifacts.push(Artifact {
        path: path.clone(),
        sha256: sha256(&bytes),
        kind: "picture".to_string(),
        caption: Some(caption),
    });
    Ok((path, bytes))
}
