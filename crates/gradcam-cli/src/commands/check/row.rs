//! The result of a check.

use serde::Serialize;

/// One check.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) check: String,
    /// The measured value: a deviation as a share, or the number of maps that differ.
    pub(super) found: f64,
    /// The largest value that passes.
    pub(super) limit: f64,
    /// `None` if nothing can be decided.
    pub(super) passes: Option<bool>,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) note: String,
}

impl Row {
    pub(super) fn new(
        check: impl Into<String>,
        found: f64,
        limit: f64,
        note: impl Into<String>,
    ) -> Self {
        Row {
            check: check.into(),
            found,
            limit,
            // Not `found > limit`: NaN fails.
            passes: Some(found <= limit),
            note: note.into(),
        }
    }

    /// Marks a check that decides nothing on this network and picture, and says why.
    pub(super) fn cannot_tell(self, why: impl Into<String>) -> Self {
        Row {
            passes: None,
            note: why.into(),
            ..self
        }
    }

    pub(super) fn verdict(&self) -> &'static str {
        match self.passes {
            Some(true) => "ok",
            Some(false) => "FAILS",
            None => "cannot tell",
        }
    }
}
