//! Which of a map's two resolutions a metric looks at.

use serde::Serialize;

/// One of the two resolutions that a map has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// The method's: a layer's, or the pixels'. Values of maps of different resolutions are not of one scale: the entropy of 49 places is at
    /// most log 49, and places of 32 × 32 pixels take away more than single ones.
    Own,
    /// The network's input, to which every map is brought. Maps that a metric asks the method for are compared there too.
    Input,
}
