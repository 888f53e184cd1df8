//! The contradictions that make a card invalid.

use super::agreement::Agreement;
use super::schema::SCHEMA_VERSION;
use crate::statistics::{Grade, RULE};

/// A contradiction that makes a card invalid.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The card has another version of the schema.
    #[error("expected the schema version `{SCHEMA_VERSION}`, found `{0}`")]
    Version(String),
    /// The grading rule is unknown.
    #[error("expected grades by the rule `{RULE}` or an earlier one, found `{0}`")]
    Rule(String),
    /// An id is empty, or has characters other than lower-case letters, digits, `_`, `-` and `.`.
    #[error("the id `{0}` must be of lower-case letters, digits, `_`, `-` and `.`")]
    Id(String),
    /// Two items have the same name.
    #[error("the {what} `{id}` occurs twice")]
    Twice {
        /// The kind of item.
        what: &'static str,
        /// The name.
        id: String,
    },
    /// A section has neither tests nor a reason, or both.
    #[error("the section `{0}` needs either tests or a reason why it has none")]
    Section(&'static str),
    /// A number is not finite, or not in its range.
    #[error("`{place}` must be {expected}, found {found}")]
    Number {
        /// The number's location.
        place: String,
        /// Its valid values.
        expected: &'static str,
        /// Its value.
        found: f64,
    },
    /// An interval's ends are not finite or not in order.
    #[error("the interval of `{place}` must be finite and in order, found {low} to {high}")]
    Interval {
        /// The interval's location.
        place: String,
        /// The first end.
        low: f64,
        /// The second end.
        high: f64,
    },
    /// A value is missing without a reason.
    #[error("`{0}` has no value and no reason for it")]
    Reason(String),
    /// The lists of a curve have different lengths.
    #[error("the curve `{0}` has lists of different lengths")]
    Curve(String),
    /// A grade contradicts the rest of its test.
    #[error("the grade `{grade}` of `{id}` {why}")]
    Grade {
        /// The test.
        id: String,
        /// Its grade.
        grade: Grade,
        /// The contradiction.
        why: &'static str,
    },
    /// The stated agreement does not follow from the two grades.
    #[error("`{id}` states `{stated}`, which the published card does not bear out")]
    Agreement {
        /// The test.
        id: String,
        /// The stated agreement.
        stated: Agreement,
    },
    /// A named file is not among the artifacts.
    #[error("`{0}` is not among the artifacts")]
    Artifact(String),
    /// An artifact's path leaves the card's folder.
    #[error("the path `{0}` must be relative and stay in the card's folder")]
    Path(String),
    /// A text is not a SHA-256 in hexadecimal.
    #[error("`{0}` is not a SHA-256 of 64 lower-case hexadecimal digits")]
    Hash(String),
}
