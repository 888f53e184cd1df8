//! The error of an unknown architecture.

use gradcam_names::hint;

/// No architecture has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown architecture `{name}`{}", hint(.nearest))]
#[non_exhaustive]
pub struct UnknownArchitecture {
    /// The unknown name.
    pub name: String,
    /// Similar names, the nearest first.
    pub nearest: Vec<String>,
}
