//! The measured saliency card: what was asked of a method, what came out, and what it means.
//!
//! A saliency card (Boggust et al. 2023, arXiv:2206.02958) documents a saliency method under fixed headings. The published ones collect
//! grades from papers. This one is *measured*: each grade follows from numbers by a rule that the card names ([`crate::statistics::grade`]),
//! and the numbers, their intervals and the nulls that they were held against stand beside it. What the published card says is printed next
//! to what was measured and is never mixed with it ([`agreement`]).
//!
//! A card is plain data, [`Card`], with a JSON schema ([`SCHEMA`]). Its pages, [`render_markdown`] and [`render_html`], are functions of it
//! alone, and [`diff`] says what changed between two.
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
//! **Null, not NaN.** JSON has no number that is not finite: it is `null`, with the reason beside it.
//!
//! **The same bytes.** A card holds no time unless somebody puts one in, and its renderings read nothing but the card and its pictures.

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
