//! Why a text cannot be embedded.

use std::path::PathBuf;

use crate::LoadError;

/// Why a text cannot be embedded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A file cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The model has images only.
    #[error(
        "`{model}` has no text tower; texts need a whole CLIP in the form of Hugging Face transformers, such as `hf:openai/clip-vit-base-patch32`"
    )]
    NoTower {
        /// The folder or the model's name.
        model: String,
    },
    /// The text tower is of a kind that cannot be run.
    #[error("the text tower's `{field}` is {found}, expected {expected}")]
    Unsupported {
        /// The field of `text_config`.
        field: &'static str,
        /// Its value.
        found: String,
        /// What it may be.
        expected: &'static str,
    },
    /// No file says how a text becomes tokens.
    #[error(
        "`{}` has neither `tokenizer.json` nor `vocab.json` with `merges.txt`; copy `tokenizer.json` there from the model's repository", folder.display()
    )]
    NoTokenizer {
        /// The folder.
        folder: PathBuf,
    },
    /// The tokenizer's file is not what it should be.
    #[error("the tokenizer of `{}` cannot be read: {reason}", folder.display())]
    Tokenizer {
        /// The folder.
        folder: PathBuf,
        /// Why.
        reason: String,
    },
    /// The weights do not fit the description.
    #[error("the text tower's weights in `{}` do not fit", folder.display())]
    Weights {
        /// The folder.
        folder: PathBuf,
        /// What is wrong.
        source: gradcam_nn::WeightsError,
    },
    /// The weights hold parameters that the description has no place for.
    #[error(
        "the weights in `{}` hold {count} parameters that the text tower of `config.json` does not have: `{}`", folder.display(), names.join("`, `")
    )]
    Unused {
        /// The folder.
        folder: PathBuf,
        /// How many.
        count: usize,
        /// The first of them.
        names: Vec<String>,
    },
    /// The tokenizer fails at the text.
    #[error("the tokenizer fails at the text: {reason}")]
    Refused {
        /// Why, in the tokenizer's words.
        reason: String,
    },
    /// There is no text.
    #[error("the text is empty")]
    Empty,
    /// The text is longer than the longest that the network knows.
    #[error(
        "the text has {found} tokens with those around it, and the model reads {fits}; shorten it"
    )]
    TooLong {
        /// Its tokens, with those before and behind.
        found: usize,
        /// How many the model reads.
        fits: usize,
    },
    /// The tokenizer makes tokens of which the network knows nothing.
    #[error(
        "the tokenizer does not belong to the weights: it makes the token {token}, and they have {size}"
    )]
    UnknownToken {
        /// The token.
        token: u32,
        /// The number of tokens that have an embedding.
        size: usize,
    },
    /// The tokenizer does not close the text.
    #[error(
        "the tokenizer does not belong to the model: the end of a text is the token {end}, which it does not write"
    )]
    NoEnd {
        /// The `eos_token_id` of `config.json`.
        end: u32,
    },
    /// The embedding is NaN or infinite: the weights are damaged.
    #[error("the embedding of the text is not finite (NaN or infinity): the weights are damaged")]
    NotFinite,
    /// A failure of the tensor library.
    #[error("cannot compute the embedding of the text")]
    Tensor(#[from] candle_core::Error),
}
