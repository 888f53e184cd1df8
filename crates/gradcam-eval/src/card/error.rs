//! Errors of reading, checking or rendering a card.

use super::Invalid;

/// An error of reading, checking or rendering a card.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is not the JSON of a card.
    #[error("this is not a measured saliency card")]
    Json(#[from] serde_json::Error),
    /// The card contradicts itself.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A page could not be written.
    #[error("the page of the card could not be written")]
    Page(#[from] minijinja::Error),
}

/// A result of this module.
pub type Result<T> = std::result::Result<T, Error>;
