//! CLIP's text tower, whose embeddings share a space with those of images.
//!
//! CLIP (Radford et al. 2021) was trained so that the cosine between the embeddings of an image and its caption is large. A CLIP [`Model`]
//! outputs the image's embedding instead of logits. [`TextEncoder`] embeds a text, from the same folder: a complete CLIP in the form of
//! Hugging Face transformers (`CLIPModel`), with its `tokenizer.json`.
//!
//! The tower's output is read at the end token. The first CLIP took the largest token for the end, which is wrong once tokens are added
//! after it.
//!
//! ```
//! use gradcam_models::text::TextEncoder;
//!
//! let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/clip");
//! let encoder = TextEncoder::from_folder(folder.as_ref())?;
//! let embedding = encoder.embed("a photo of a cat")?;
//! assert_eq!(embedding.len(), 24);
//! # Ok::<(), gradcam_models::text::TextError>(())
//! ```

mod error;
mod tokenizer;
mod tower;

use std::path::Path;

use serde::Deserialize;
use tokenizers::Tokenizer;

pub use self::error::TextError;
use self::tower::{Sizes, Tower};
use crate::LoadError;
use crate::config::value::{activation, is_epsilon};
use crate::files::{WEIGHTS, read, read_text};
use crate::load::Model;

/// A CLIP's text tower with its tokenizer, on the CPU.
#[derive(Debug, Clone)]
pub struct TextEncoder {
    tokenizer: Tokenizer,
    tower: Tower,
    /// The number of tokens that have a position.
    context: usize,
    /// The number of tokens that have an embedding.
    vocabulary: usize,
    /// transformers' `eos_token_id`.
    end: u32,
}

/// The `config.json` of a complete CLIP. Missing fields have transformers' defaults.
#[derive(Deserialize)]
struct Fields {
    text_config: Option<Described>,
    #[serde(default = "Fields::projection")]
    projection_dim: usize,
}

impl Fields {
    fn projection() -> usize {
        512
    }
}

#[derive(Deserialize)]
#[serde(default)]
struct Described {
    vocab_size: usize,
    hidden_size: usize,
    intermediate_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    max_position_embeddings: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    eos_token_id: u32,
}

impl Default for Described {
    fn default() -> Self {
        Described {
            vocab_size: 49_408,
            hidden_size: 512,
            intermediate_size: 2048,
            num_hidden_layers: 12,
            num_attention_heads: 8,
            max_position_embeddings: 77,
            hidden_act: "quick_gelu".into(),
            layer_norm_eps: 1e-5,
            eos_token_id: 49_407,
        }
    }
}

impl Described {
    fn sizes(&self, projection: usize) -> Result<Sizes, TextError> {
        let unsupported = |field, found: &dyn std::fmt::Display, expected| TextError::Unsupported {
            field,
            found: format!("`{found}`"),
            expected,
        };
        let activation = activation(&self.hidden_act)
            .ok_or_else(|| unsupported("hidden_act", &self.hidden_act, "`quick_gelu` or `gelu`"))?;
        if !is_epsilon(self.layer_norm_eps) {
            let range = "a number above 0, up to 1";
            return Err(unsupported("layer_norm_eps", &self.layer_norm_eps, range));
        }
        let (channels, heads) = (self.hidden_size, self.num_attention_heads);
        if heads == 0 || !channels.is_multiple_of(heads) {
            let divisor = "a divisor of `hidden_size`";
            return Err(unsupported("num_attention_heads", &heads, divisor));
        }
        Ok(Sizes {
            vocabulary: self.vocab_size,
            context: self.max_position_embeddings,
            channels,
            hidden: self.intermediate_size,
            blocks: self.num_hidden_layers,
            heads,
            activation,
            eps: self.layer_norm_eps,
            projection,
        })
    }
}

impl TextEncoder {
    /// Loads the text tower from a folder with the `config.json` and `model.safetensors` of a complete CLIP, and its tokenizer:
    /// `tokenizer.json`, or `vocab.json` with `merges.txt`.
    ///
    /// # Errors
    /// If there is no text tower, a file is missing or damaged, or the weights do not fit the description exactly. The activation must be
    /// `quick_gelu`, as in OpenAI's models, or `gelu`, as in OpenCLIP's.
    pub fn from_folder(folder: &Path) -> Result<Self, TextError> {
        let text = read_text(&folder.join("config.json"))?;
        let fields: Fields = serde_json::from_str(&text).map_err(|error| LoadError::Config {
            file: "config.json".into(),
            reason: error.to_string(),
        })?;
        let config = fields.text_config.ok_or_else(|| TextError::NoTower {
            model: folder.display().to_string(),
        })?;
        let sizes = config.sizes(fields.projection_dim)?;
        let tokenizer = tokenizer::read(folder)?;
        let misfit = |source| TextError::Weights {
            folder: folder.to_path_buf(),
            source,
        };
        let weights =
            tower::read(&read(&folder.join("model.safetensors"), WEIGHTS)?).map_err(misfit)?;
        let tower = Tower::new(&weights, &sizes).map_err(misfit)?;
        let unused = weights.unused();
        if !unused.is_empty() {
            return Err(TextError::Unused {
                folder: folder.to_path_buf(),
                count: unused.len(),
                names: unused.into_iter().take(3).collect(),
            });
        }
        Ok(TextEncoder {
            tokenizer,
            tower,
            context: config.max_position_embeddings,
            vocabulary: config.vocab_size,
            end: config.eos_token_id,
        })
    }

    /// Tokenises a text, with the start and end tokens, up to the most tokens that the model reads (77 for OpenAI's).
    ///
    /// # Errors
    /// If the text is empty or too long, or the tokenizer does not belong to the model. (transformers would embed an empty text's start and
    /// end tokens, which mean nothing, and cut a long one off.)
    pub fn tokens(&self, text: &str) -> Result<Vec<u32>, TextError> {
        if text.trim().is_empty() {
            return Err(TextError::Empty);
        }
        let ids = tokenizer::encode(&self.tokenizer, text)?;
        if ids.len() > self.context {
            return Err(TextError::TooLong {
                found: ids.len(),
                fits: self.context,
            });
        }
        match ids.iter().find(|id| **id as usize >= self.vocabulary) {
            Some(&token) => Err(TextError::UnknownToken {
                token,
                size: self.vocabulary,
            }),
            None => Ok(ids),
        }
    }

    /// Embeds a text, without normalisation, as transformers' `get_text_features`; the embedding is as long as an image's.
    ///
    /// # Errors
    /// As [`tokens`](TextEncoder::tokens), and if the weights are damaged.
    pub fn embed(&self, text: &str) -> Result<Vec<f32>, TextError> {
        let ids = self.tokens(text)?;
        let end = end(&ids, self.end).ok_or(TextError::NoEnd { end: self.end })?;
        let embedding = self.tower.embed(&ids[..=end])?;
        if embedding.iter().all(|value| value.is_finite()) {
            Ok(embedding)
        } else {
            Err(TextError::NotFinite)
        }
    }
}

/// Finds the position where the output is read: the first end token, as in transformers.
///
/// Early configurations wrongly state 2 as the end token; for them it is the first of the largest tokens.
fn end(ids: &[u32], end: u32) -> Option<usize> {
    match end {
        2 => {
            let largest = ids.iter().max()?;
            ids.iter().position(|id| id == largest)
        }
        _ => ids.iter().position(|id| *id == end),
    }
}

impl Model {
    /// Loads the text tower from the model's [folder](Model::folder), which may come from the hub.
    ///
    /// # Errors
    /// If the model has no text tower, or it cannot be loaded; see [`TextEncoder::from_folder`].
    pub fn text_encoder(&self) -> Result<TextEncoder, TextError> {
        let no_tower = || TextError::NoTower {
            model: self.name.clone(),
        };
        let folder = self.folder.as_deref().ok_or_else(no_tower)?;
        TextEncoder::from_folder(folder).map_err(|error| match error {
            TextError::NoTower { .. } => no_tower(),
            other => other,
        })
    }
}

#[cfg(test)]
mod tests;
