//! Why a metric has no value for a sample.

use serde::{Deserialize, Serialize};

/// Why a metric has no value for a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Undefined {
    /// The map, or a score of the network, is NaN or infinite.
    #[error("a value is not finite")]
    NonFinite,
    /// Every value of the map is 0.
    #[error("the map is zero everywhere")]
    Zero,
    /// The values of the map differ by less than a millionth of the largest.
    #[error("the map is constant")]
    Constant,
    /// The map has no positive value, or no positive sum, where the metric divides by it.
    #[error("the map has no positive mass")]
    NoMass,
    /// The mask marks no pixel.
    #[error("the mask is empty")]
    EmptyMask,
    /// Neither mask marks a pixel.
    #[error("both masks are empty")]
    EmptyUnion,
    /// The scores, or the saliencies that they are correlated with, are all equal.
    #[error("a correlation needs values that differ")]
    ConstantScores,
    /// The score of the whole image is 0, where the metric divides by it.
    #[error("the score of the image is 0")]
    NoScore,
    /// The score of the whole image is 1, and the metric divides by its distance from 1.
    #[error("the score of the image is 1")]
    FullScore,
    /// No patch was found that leaves the network's output unchanged.
    #[error("no patch without meaning was found")]
    NoPatch,
    /// There are no samples.
    #[error("there is no value")]
    Empty,
}
