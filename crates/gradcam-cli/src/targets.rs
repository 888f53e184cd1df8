//! What `--target` names.

use anyhow::{Context, Result, anyhow, bail};
use gradcam::Target;
use gradcam_models::Model;
use gradcam_nn::Network;

use crate::stream::{self, Reading};
use crate::{args, inputs};

/// What a target that compares embeddings begins with: a picture follows.
const LIKE: &str = "like:";

/// Reads the `texts` of `--target`. Where they compare embeddings, `model` becomes the network without its classifier.
///
/// # Errors
/// When a text names nothing, or classes and likenesses are asked for together: they are scores of different outputs.
pub(crate) fn read(
    texts: &[String],
    model: &mut Model,
    options: &args::Network,
) -> Result<Vec<Target>> {
    let similar = texts.iter().filter(|text| text.starts_with(LIKE)).count();
    if similar == 0 {
        return texts.iter().map(|text| class(text, model)).collect();
    }
    if similar < texts.len() {
        bail!(
            "`--target {LIKE}…` compares embeddings, which are another output than the classes; ask for them in a run of their own"
        );
    }
    *model = model.embedding().ok_or_else(|| {
        anyhow!(
            "`--target {LIKE}…`: `{}` does not end in a linear classifier, before which an embedding would be",
            model.name
        )
    })?;
    let reading = Reading::of(model, options);
    texts
        .iter()
        .map(|text| {
            like(text.trim_start_matches(LIKE), model, &reading)
                .with_context(|| format!("`--target {text}`"))
        })
        .collect()
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
fn like(path: &str, model: &Model, reading: &Reading<'_>) -> Result<Target> {
    let found = inputs::resolve(&[path.to_string()])?;
    let [input] = found.as_slice() else {
        bail!("expected one picture, found {}", found.len());
    };
    let loaded = stream::load(input, reading)?;
    let embedding = model
        .network
        .forward(&loaded.tensor.unsqueeze(0)?, &mut ())
        .map_err(gradcam::Error::from)?;
    Ok(Target::Similarity(embedding.flatten_all()?.to_vec1()?))
}
