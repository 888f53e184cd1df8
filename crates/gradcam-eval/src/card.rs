//! The measured saliency card: a method's measurements, their results, and what the results mean.
//!
//! A saliency card (Boggust et al. 2023, arXiv:2206.02958) documents a saliency method under fixed headings. The published cards collect
//! grades from papers. This card is *measured*: each grade follows from numbers by a rule that the card names
//! ([`crate::statistics::grade`]). The numbers, their intervals and the nulls that they were compared with are listed with it. The
//! published grades are printed next to the measured ones and never mixed with them ([`agreement`]).
//!
//! A card is plain data, [`Card`], with a JSON schema ([`SCHEMA`]). Its pages, [`render_markdown`] and [`render_html`], depend on the card
//! alone, and [`diff`] lists the changes between two cards.
//!
//! ```
//! use gradcam_eval::card::{Agreement, PublishedGrade, agreement, published};
//! use gradcam_eval::statistics::Grade;
//!
//! let published = published()?;
//! let deletion = published.card.entry("deletion").map(|entry| entry.grade);
//! assert_eq!(deletion, Some(PublishedGrade::Inconclusive));
//! let found = agreement(Grade::Pass, PublishedGrade::Inconclusive, true);
//! assert_eq!(found, Agreement::Disagree);
//! # Ok::<(), gradcam_eval::card::Error>(())
//! ```
//!
//! **Null, not NaN.** JSON cannot represent a number that is not finite: it is `null`, with the reason beside it.
//!
//! **The same bytes.** A card has no timestamp unless the caller adds one, and its renderings read only the card and its pictures.

mod agreement;
mod chart;
mod correct;
mod diff;
mod document;
mod error;
mod html;
mod invalid;
mod markdown;
mod measured;
mod methodology;
mod number;
mod published;
mod schema;
mod section;
mod sections;
mod validate;
mod view;

#[cfg(test)]
mod tests;

pub use agreement::{Agreement, PublishedGrade, agreement};
pub use diff::{Change, Difference, GradeChange, ValueChange, diff};
pub use document::{
    Accuracy, Annotation, Artifact, Card, Data, Environment, Generator, Kind, Method, Model, Role,
    Score, Weights,
};
pub use error::{Error, Result};
pub use html::render_html;
pub use invalid::Invalid;
pub use markdown::render_markdown;
pub use measured::{
    Blur, Compatibility, Curve, Measurement, Null, Protocol, Reference, Source, TargetPolicy, Test,
};
pub use methodology::{
    Agnosticism, Directness, Efficiency, Hyperparameters, Methodology, Operation, Setting,
};
pub use published::{
    Erratum, Figure, Provenance, Published, PublishedCard, PublishedEntry, published,
};
pub use schema::{SCHEMA, SCHEMA_VERSION};
pub use section::Section;
pub use sections::Sections;
