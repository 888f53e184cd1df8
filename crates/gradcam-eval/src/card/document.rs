//! The card as a whole, and what was measured on what.

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
    /// The rule of the grades: the [`id`](crate::statistics::Rule::id) of one that is known.
    pub rule_id: String,
    /// What was measured.
    pub method: Method,
    /// On which network.
    pub model: Model,
    /// On which data.
    pub data: Vec<Data>,
    /// By what.
    pub environment: Environment,
    /// How the method works.
    pub methodology: Methodology,
    /// The tests.
    pub sections: Sections,
    /// What is published about the method, to be printed beside; `None` where there is no published card.
    pub published_card: Option<PublishedCard>,
    /// Where publications contradict themselves or one another.
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

    /// The card as JSON with a line for each field and a last line break. The same card gives the same bytes.
    ///
    /// # Errors
    /// [`Error::Invalid`](super::Error::Invalid): a card that contradicts itself is not written.
    pub fn to_json(&self) -> Result<String> {
        self.validate()?;
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// The artifacts that are shown.
    pub fn pictures(&self) -> impl Iterator<Item = &Artifact> {
        let all = self.artifacts.iter();
        all.filter(|artifact| artifact.kind == "picture")
    }

    /// All tests: determinism, the gradient's check, then those of the sections in order.
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
    /// Whose reading, where there are several.
    pub variant: Option<String>,
    /// What is explained.
    pub target: Score,
    /// Whether values below 0 are dropped.
    pub relu: bool,
    /// How gradients become a channel's weight; `None` for a method without.
    pub weights: Option<Weights>,
    /// The layer; `None` for a method of the input's pixels.
    pub layer: Option<String>,
    /// How the map is enlarged.
    pub interpolation: String,
    /// Whether corners stay corners when it is enlarged.
    pub align_corners: bool,
    /// How its values are scaled, such as `min-max`.
    pub normalisation: String,
}

/// What is explained.
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
    /// How good it is.
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
    /// Of how many images.
    pub n: usize,
}

/// A set of images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Unique on the card.
    pub id: String,
    /// What it was for.
    pub role: Role,
    /// Whether it was made for the purpose.
    pub kind: Kind,
    /// What read it.
    pub loader: String,
    /// A hash of the files' names and contents, for real data.
    pub path_hash: Option<String>,
    /// Images.
    pub n: usize,
    /// Classes.
    pub classes: usize,
    /// What is known about where the object is.
    pub annotation: Annotation,
    /// How it was made, for synthetic data.
    pub generator: Option<Generator>,
}

/// What data was for.
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

/// Whether data was made for the purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Pictures that somebody took.
    Real,
    /// Pictures that a program drew: never comparable to published figures.
    Synthetic,
}

/// What is known about where the object is.
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

/// What made synthetic data.
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

/// By what and where the card was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The version of this toolkit.
    pub toolkit_version: String,
    /// Its commit, where known.
    pub git_commit: Option<String>,
    /// The compiler.
    pub rustc: String,
    /// The processor.
    pub cpu: String,
    /// Threads; no result depends on them.
    pub threads: usize,
    /// The operating system.
    pub os: String,
    /// The seed of everything drawn.
    pub seed: u64,
    /// When it began; left out unless asked for, since the same measurement gives the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<String>,
    /// How long it took in seconds; left out unless asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_s: Option<f64>,
}

/// A file that belongs to the card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// Its path from the card's folder.
    pub path: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
    /// What it is: `picture` is shown, any other such as `per_item` is listed.
    pub kind: String,
    /// What a picture shows, for those who do not see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
}
