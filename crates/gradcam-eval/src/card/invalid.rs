//! How a card contradicts itself.

use super::agreement::Agreement;
use super::schema::SCHEMA_VERSION;
use crate::statistics::{Grade, RULE};

/// How a card contradicts itself.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// The card is of another version of the schema.
    #[error("expected the schema version `{SCHEMA_VERSION}`, found `{0}`")]
    Version(String),
    /// The grades are by a rule that is not known.
    #[error("expected grades by the rule `{RULE}` or an earlier one, found `{0}`")]
    Rule(String),
    /// An id has other characters than lower-case letters, digits, `_`, `-` and `.`, or none.
    #[error("the id `{0}` must be of lower-case letters, digits, `_`, `-` and `.`")]
    Id(String),
    /// Two things have one name.
    #[error("the {what} `{id}` is there twice")]
    Twice {
        /// What they are.
        what: &'static str,
        /// Their name.
        id: String,
    },
    /// A section has neither tests nor a reason, or both.
    #[error("the section `{0}` needs either tests or a reason why it has none")]
    Section(&'static str),
    /// A number is not finite, or not in its range.
    #[error("`{place}` must be {expected}, found {found}")]
    Number {
        /// Where it stands.
        place: String,
        /// What it may be.
        expected: &'static str,
        /// What it is.
        found: f64,
    },
    /// An interval's ends are not finite or not in order.
    #[error("the interval of `{place}` must be finite and in order, found {low} to {high}")]
    Interval {
        /// Where it stands.
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
    /// A grade does not fit what stands beside it.
    #[error("the grade `{grade}` of `{id}` {why}")]
    Grade {
        /// The test.
        id: String,
        /// Its grade.
        grade: Grade,
        /// What does not fit.
        why: &'static str,
    },
    /// The stated agreement does not follow from the two grades.
    #[error("`{id}` states `{stated}`, which the published card does not bear out")]
    Agreement {
        /// The test.
        id: String,
        /// What it states.
        stated: Agreement,
    },
    /// A file is named that is not among the artifacts.
    #[error("`{0}` is not among the artifacts")]
    Artifact(String),
    /// An artifact's path leaves the card's folder.
    #[error("the path `{0}` must be relative and stay in the card's folder")]
    Path(String),
    /// This is no SHA-256 in hexadecimal.
    #[error("`{0}` is no SHA-256 of 64 lower-case hexadecimal digits")]
    Hash(String),
}
