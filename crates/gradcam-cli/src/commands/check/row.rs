//! What a check found.

use serde::Serialize;

/// One check.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    pub(super) check: String,
    /// What was measured: a deviation as a share, or how many maps differ.
    pub(super) found: f64,
    /// What is allowed.
    pub(super) limit: f64,
    /// `None` where there is nothing to tell by.
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

    /// A check that says nothing of this network and picture, and why.
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
