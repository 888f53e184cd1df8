//! The card as a whole, with its method, model, data and environment.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Erratum, Methodology, PublishedCard, Result, Sections, Test};

/// A measured saliency card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// The schema's address or file, for editors.
    #[serde(rename = "$schema", default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    /// [`SCHEMA_VERSION`](super::SCHEMA_VERSION).
    pub schema_version: String,
    /// The grading rule: the [`id`](crate::statistics::Rule::id) of a known rule.
    pub rule_id: String,
    /// The method that was measured.
    pub method: Method,
    /// The network it was measured on.
    pub model: Model,
    /// The data it was measured on.
    pub data: Vec<Data>,
    /// The software and the machine.
    pub environment: Environment,
    /// How the method works.
    pub methodology: Methodology,
    /// The tests.
    pub sections: Sections,
    /// The published card of the method, printed beside the measured grades; `None` if there is none.
    pub published_card: Option<PublishedCard>,
    /// Contradictions within or between publications.
    pub errata: Vec<Erratum>,
    /// What the card does not show.
    pub limitations: Vec<String>,
    /// Files that belong to the card.
    pub artifacts: Vec<Artifact>,
}

impl Card {
    /// Reads a card and checks it.
    ///
    /// # Errors
    /// [`Error::Json`](super::Error::Json), [`Error::Invalid`](super::Error::Invalid).
    pub fn from_json(text: &str) -> Result<Self> {
        let card: Card = serde_json::from_str(text)?;
        card.validate()?;
        Ok(card)
    }

    /// Returns the card as JSON with one line per field and a final line break. The same card gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`](super::Error::Invalid): a card that contradicts itself is not written.
    pub fn to_json(&self) -> Result<String> {
        self.validate()?;
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Returns the artifacts to display.
    pub fn pictures(&self) -> impl Iterator<Item = &Artifact> {
        let all = self.artifacts.iter();
        all.filter(|artifact| artifact.kind == "picture")
    }

    /// Returns all tests: determinism, the gradient check, then those of the sections in order.
    pub fn tests(&self) -> impl Iterator<Item = &Test> {
        let methodology = &self.methodology;
        std::iter::once(&methodology.determinism)
            .chain(&methodology.agnosticism.gradient_check)
            .chain(
                super::Section::ALL
                    .into_iter()
                    .flat_map(|s| self.sections.tests(s)),
            )
    }
}

/// The method and its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Method {
    /// Its name, such as `Grad-CAM`.
    pub name: String,
    /// Whose reading of the method it is, if there are several.
    pub variant: Option<String>,
    /// The explained score.
    pub target: Score,
    /// Whether values below 0 are dropped.
    pub relu: bool,
    /// How gradients become a channel's weight; `None` for a method without such weights.
    pub weights: Option<Weights>,
    /// The layer; `None` for a method that explains the input's pixels.
    pub layer: Option<String>,
    /// How the map is upsampled.
    pub interpolation: String,
    /// Whether the upsampling aligns corners.
    pub align_corners: bool,
    /// How the map's values are scaled, such as `min-max`.
    pub normalisation: String,
}

/// The explained score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// The score before softmax.
    Logit,
    /// The probability.
    Prob,
}

/// How gradients become a channel's weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weights {
    /// Their mean over positions.
    Mean,
    /// Their sum.
    Sum,
}

/// The network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// The format of its weights, such as `safetensors`.
    pub format: String,
    /// The SHA-256 of its weights, in hexadecimal.
    pub sha256: String,
    /// Its number of parameters.
    pub params: usize,
    /// Channels, rows, columns.
    pub input_shape: Vec<usize>,
    /// Its number of classes.
    pub classes: usize,
    /// Channels, rows, columns of the layer's activation.
    pub cam_layer_shape: Option<Vec<usize>>,
    /// Its accuracy.
    pub accuracy: Option<Accuracy>,
}

/// A share of correct answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    /// The data's id or name.
    pub split: String,
    /// The share, 0 to 1.
    pub value: f64,
    /// The number of images.
    pub n: usize,
}

/// A set of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// The id, unique on the card.
    pub id: String,
    /// The purpose.
    pub role: Role,
    /// Whether the data are real or synthetic.
    pub kind: Kind,
    /// The loader that read the data.
    pub loader: String,
    /// A hash of the files' names and contents, for real data.
    pub path_hash: Option<String>,
    /// The number of images.
    pub n: usize,
    /// The number of classes.
    pub classes: usize,
    /// The annotation of the object's position.
    pub annotation: Annotation,
    /// The generator, for synthetic data.
    pub generator: Option<Generator>,
}

/// The purpose of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Measuring.
    Eval,
    /// Training a network.
    Train,
    /// Choosing a setting.
    Val,
}

/// Whether data are real or synthetic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Collected pictures.
    Real,
    /// Pictures drawn by a program: never comparable with published figures.
    Synthetic,
}

/// The annotation of the object's position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Annotation {
    /// Nothing.
    None,
    /// A box.
    Box,
    /// Its pixels.
    Mask,
}

/// The generator of synthetic data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generator {
    /// Its name.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// Its settings, by name.
    pub params: BTreeMap<String, String>,
}

/// The software and the machine that measured the card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The version of this toolkit.
    pub toolkit_version: String,
    /// Its commit, if known.
    pub git_commit: Option<String>,
    /// The compiler.
    pub rustc: String,
    /// The processor.
    pub cpu: String,
    /// The number of threads; no result depends on it.
    pub threads: usize,
    /// The operating system.
    pub os: String,
    /// The seed of all random numbers.
    pub seed: u64,
    /// The start time; omitted by default, so that the same measurement gives the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// The duration in seconds; omitted by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
}

/// A file that belongs to the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// The path relative to the card's folder.
    pub path: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// The kind: a `picture` is shown, any other such as `per_item` is listed.
    pub kind: String,
    /// A picture's text alternative.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
}
