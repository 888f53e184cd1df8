//! Turns `--target` into targets.

use anyhow::{Context, Result, anyhow, bail};
use gradcam::Target;
use gradcam_models::Model;
use gradcam_nn::Network;

use crate::console::Console;
use crate::inputs::{self, Input};
use crate::reading::{self, Reading};

/// The prefixes of targets that are the similarity to a picture or to a text.
const LIKE: &str = "like:";
const TEXT: &str = "text:";

/// The targets that `--target` asks for, as far as they are known without a network.
pub(crate) enum Wanted<'a> {
    /// Scores of classes, as written.
    Classes(&'a [String]),
    /// Similarities of embeddings.
    Likenesses(Vec<Likeness<'a>>),
}

/// The picture or text whose embedding an image's is compared with.
pub(crate) enum Likeness<'a> {
    /// A picture, and the argument that names it.
    Picture(&'a str, Input),
    /// A text.
    Text(&'a str),
}

impl<'a> Wanted<'a> {
    /// Reads the `texts` of `--target`, but no picture.
    ///
    /// # Errors
    /// When classes and similarities are mixed: they are scores of different outputs. When a picture does not exist.
    pub(crate) fn of(texts: &'a [String]) -> Result<Self> {
        let likenesses: Vec<Likeness<'a>> = texts
            .iter()
            .filter_map(|text| Likeness::of(text).transpose())
            .collect::<Result<_>>()?;
        match likenesses.len() {
            0 => Ok(Wanted::Classes(texts)),
            count if count < texts.len() => bail!(
                "`{LIKE}…` and `{TEXT}…` compare embeddings, not classes; ask for them in a run of their own"
            ),
            _ => Ok(Wanted::Likenesses(likenesses)),
        }
    }

    /// Returns the pictures to compare with.
    pub(crate) fn pictures(&self) -> impl Iterator<Item = &Input> {
        let likenesses = match self {
            Wanted::Classes(_) => &[],
            Wanted::Likenesses(likenesses) => likenesses.as_slice(),
        };
        likenesses.iter().filter_map(|likeness| match likeness {
            Likeness::Picture(_, input) => Some(input),
            Likeness::Text(_) => None,
        })
    }

    /// Returns the network that computes the scores: the model's own, or the one without its classifier.
    ///
    /// # Errors
    /// When embeddings are compared, and the model has none.
    pub(crate) fn network(&self, model: Model) -> Result<Model> {
        match self {
            Wanted::Classes(_) => Ok(model),
            Wanted::Likenesses(_) => model.embedding().ok_or_else(|| {
                anyhow!(
                    "`--target`: `{}` has no embedding, since it does not end in a linear classifier",
                    model.name
                )
            }),
        }
    }

    /// Makes the targets, for a model returned by [`network`](Wanted::network).
    ///
    /// # Errors
    /// When a text names no class, or a picture or text has no embedding.
    pub(crate) fn read(
        &self,
        model: &Model,
        reading: &Reading<'_>,
        console: &mut Console<'_>,
    ) -> Result<Vec<Target>> {
        let likenesses = match self {
            Wanted::Classes(texts) => return texts.iter().map(|text| class(text, model)).collect(),
            Wanted::Likenesses(likenesses) => likenesses,
        };
        let texts = likenesses.iter().filter_map(|likeness| match likeness {
            Likeness::Picture(..) => None,
            Likeness::Text(text) => Some(*text),
        });
        let mut embeddings = of_texts(&texts.collect::<Vec<_>>(), model)?.into_iter();
        let one = |likeness: &Likeness<'_>| match likeness {
            Likeness::Picture(text, input) => {
                like(input, model, reading, console).with_context(|| format!("`--target {text}`"))
            }
            Likeness::Text(_) => embeddings.next().context("a text has no embedding"),
        };
        likenesses.iter().map(one).collect()
    }
}

impl<'a> Likeness<'a> {
    /// Reads a target; `None` if it names classes.
    fn of(text: &'a str) -> Result<Option<Self>> {
        if let Some(words) = text.strip_prefix(TEXT) {
            return Ok(Some(Likeness::Text(words)));
        }
        let Some(path) = text.strip_prefix(LIKE) else {
            return Ok(None);
        };
        let found = inputs::resolve(&[path.to_string()]).and_then(|mut found| match found.len() {
            1 => Ok(found.remove(0)),
            count => bail!("expected one picture, found {count}"),
        });
        let input = found.with_context(|| format!("`--target {text}`"))?;
        Ok(Some(Likeness::Picture(text, input)))
    }
}

/// Makes targets that are the similarity to texts.
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

/// Reads a class, or a difference of two.
fn class(text: &str, model: &Model) -> Result<Target> {
    Target::parse(text, &model.labels)
        .with_context(|| format!("`--target {text}`"))
        .map_err(|error| {
            anyhow!(
                "{error:#}\n\nhint: `gradcam classify IMAGE` lists the classes that the model sees"
            )
        })
}

/// Makes a target that is the similarity to a picture.
fn like(
    input: &Input,
    model: &Model,
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Result<Target> {
    let loaded = reading::load(input, reading, console)?;
    let embedding = model
        .network
        .forward(&loaded.tensor.unsqueeze(0)?, &mut ())
        .map_err(gradcam::Error::from)?;
    Ok(Target::Similarity(embedding.flatten_all()?.to_vec1()?))
}
