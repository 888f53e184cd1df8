//! Which of a map's two resolutions a metric uses.

use serde::Serialize;

/// One of the two resolutions that a map has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resolution {
    /// The method's own: a layer's, or the pixels'. Values at different resolutions are not comparable: the entropy of 49 positions is at
    /// most log 49, and a position of 32 × 32 pixels hides more than a single pixel.
    Own,
    /// The network's input, to which every map is upsampled. Maps that a metric asks the method for are compared there too.
    Input,
}
