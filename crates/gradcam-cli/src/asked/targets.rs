//! What `--target` names.

use anyhow::{Context, Result, anyhow, bail};
use gradcam::Target;
use gradcam_models::Model;
use gradcam_nn::Network;

use crate::console::Console;
use crate::reading::{self, Reading};
use crate::{args, inputs};

/// What a target begins with that is likeness to a picture, or to a text.
const LIKE: &str = "like:";
const TEXT: &str = "text:";

/// Reads the `texts` of `--target`. Where they compare embeddings, `model` becomes the network without its classifier.
///
/// # Errors
/// When a text names nothing, or classes and likenesses are asked for together: they are scores of different outputs.
pub(crate) fn read(
    texts: &[String],
    model: &mut Model,
    options: &args::Network,
    console: &mut Console<'_>,
) -> Result<Vec<Target>> {
    let compares = |text: &&String| text.starts_with(LIKE) || text.starts_with(TEXT);
    let similar = texts.iter().filter(compares).count();
    if similar == 0 {
        return texts.iter().map(|text| class(text, model)).collect();
    }
    if similar < texts.len() {
        bail!(
            "`{LIKE}…` and `{TEXT}…` compare embeddings, which are another output than the classes; ask for them in a run of their own"
        );
    }
    *model = model.embedding().ok_or_else(|| {
        anyhow!(
            "`--target`: `{}` does not end in a linear classifier, before which an embedding would be",
            model.name
        )
    })?;
    let reading = Reading::of(model, options);
    let wanted: Vec<&str> = texts.iter().filter_map(|t| t.strip_prefix(TEXT)).collect();
    let mut embeddings = of_texts(&wanted, model)?.into_iter();
    let one = |text: &String| match text.strip_prefix(LIKE) {
        Some(path) => {
            like(path, model, &reading, console).with_context(|| format!("`--target {text}`"))
        }
        None => embeddings.next().context("a text has no embedding"),
    };
    texts.iter().map(one).collect()
}

/// The pictures that `--target like:…` names.
pub(crate) fn pictures(texts: &[String]) -> Vec<String> {
    let paths = texts.iter().filter_map(|text| text.strip_prefix(LIKE));
    paths.map(String::from).collect()
}

/// Likeness to texts.
#[cfg(feature = "text")]
fn of_texts(texts: &[&str], model: &Model) -> Result<Vec<Target>> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let encoder = model
        .text_encoder()
        .with_context(|| format!("`--target {TEXT}…`"))?;
    let embed = |text: &&str| {
        let embedding = encoder.embed(text);
        let embedding = embedding.with_context(|| format!("`--target {TEXT}{text}`"))?;
        Ok(Target::Similarity(embedding))
    };
    texts.iter().map(embed).collect()
}

#[cfg(not(feature = "text"))]
fn of_texts(texts: &[&str], _: &Model) -> Result<Vec<Target>> {
    match texts {
        [] => Ok(Vec::new()),
        [text, ..] => bail!(
            "this build cannot read `--target {TEXT}{text}`: it was made without the feature `text`"
        ),
    }
}

/// A class, or a difference of two.
fn class(text: &str, model: &Model) -> Result<Target> {
    Target::parse(text, &model.labels)
        .with_context(|| format!("`--target {text}`"))
        .map_err(|error| {
            anyhow!(
                "{error:#}\n\nhint: `gradcam classify IMAGE` names the classes that the model sees"
            )
        })
}

/// Likeness to the picture at `path`.
fn like(
    path: &str,
    model: &Model,
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Result<Target> {
    let found = inputs::resolve(&[path.to_string()])?;
    let [input] = found.as_slice() else {
        bail!("expected one picture, found {}", found.len());
    };
    let loaded = reading::load(input, reading, console)?;
    let embedding = model
        .network
        .forward(&loaded.tensor.unsqueeze(0)?, &mut ())
        .map_err(gradcam::Error::from)?;
    Ok(Target::Similarity(embedding.flatten_all()?.to_vec1()?))
}
