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
    /// The model takes only images.
    #[error(
        "`{model}` has no text tower; texts need a complete CLIP in the form of Hugging Face transformers, such as `hf:openai/clip-vit-base-patch32`"
    )]
    NoTower {
        /// The folder or the model's name.
        model: String,
    },
    /// The text tower is of an unsupported kind.
    #[error("the text tower's `{field}` is {found}, expected {expected}")]
    Unsupported {
        /// The field of `text_config`.
        field: &'static str,
        /// Its value.
        found: String,
        /// The values it may have.
        expected: &'static str,
    },
    /// The folder has no tokenizer.
    #[error(
        "`{}` has neither `tokenizer.json` nor `vocab.json` with `merges.txt`; copy `tokenizer.json` there from the model's repository", folder.display()
    )]
    NoTokenizer {
        /// The folder.
        folder: PathBuf,
    },
    /// The tokenizer's file is invalid.
    #[error("the tokenizer of `{}` cannot be read: {reason}", folder.display())]
    Tokenizer {
        /// The folder.
        folder: PathBuf,
        /// The reason.
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
    /// The weights hold parameters that the description does not have.
    #[error(
        "the weights in `{}` hold {count} parameters that the text tower of `config.json` does not have: `{}`", folder.display(), names.join("`, `")
    )]
    Unused {
        /// The folder.
        folder: PathBuf,
        /// The number of such parameters.
        count: usize,
        /// The first few names.
        names: Vec<String>,
    },
    /// The tokenizer cannot encode the text.
    #[error("the tokenizer cannot encode the text: {reason}")]
    Refused {
        /// The tokenizer's message.
        reason: String,
    },
    /// There is no text.
    #[error("the text is empty")]
    Empty,
    /// The text has more tokens than the model reads.
    #[error(
        "the text has {found} tokens with its start and end, but the model reads {fits}; shorten it"
    )]
    TooLong {
        /// The text's tokens, with the start and end tokens.
        found: usize,
        /// The most tokens that the model reads.
        fits: usize,
    },
    /// The tokenizer makes tokens that the network does not know.
    #[error(
        "the tokenizer does not belong to the weights: it makes the token {token}, but they have {size} tokens"
    )]
    UnknownToken {
        /// The token.
        token: u32,
        /// The number of tokens that have an embedding.
        size: usize,
    },
    /// The tokenizer does not write the end token.
    #[error(
        "the tokenizer does not belong to the model: a text ends with the token {end}, which the tokenizer does not write"
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
