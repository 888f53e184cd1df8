//! Maps that do not know what a method knows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Random orders of a map's saliency, for [`Null::Shuffled`].
pub const SHUFFLES: usize = 100;

/// A map that does not know what a method knows, measured on the same images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Null {
    /// The pixels in a random order.
    Random,
    /// A Gaussian around the centre.
    Centre,
    /// The method's own map with its values in random places, for which the network is asked anew.
    Permuted,
    /// The mean over [`SHUFFLES`] times the method's own map with its values in random places, for metrics that correlate a map with what the
    /// network said already; others do not have it.
    Shuffled,
    /// The method itself on the network with random parameters.
    Untrained,
    /// The mean mask of the other images.
    MeanMask,
}

impl Null {
    /// All of them.
    pub const ALL: &[Null] = &[
        Null::Random,
        Null::Centre,
        Null::Permuted,
        Null::Shuffled,
        Null::Untrained,
        Null::MeanMask,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Null::Random => "random",
            Null::Centre => "centre",
            Null::Permuted => "permuted",
            Null::Shuffled => "shuffled",
            Null::Untrained => "untrained",
            Null::MeanMask => "mean-mask",
        }
    }

    /// Whether each method has one of its own, rather than all methods of one resolution the same.
    pub fn is_of_a_method(self) -> bool {
        match self {
            Null::Permuted | Null::Shuffled | Null::Untrained => true,
            Null::Random | Null::Centre | Null::MeanMask => false,
        }
    }
}

impl fmt::Display for Null {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No null has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown null `{0}`, expected {names}", names = Null::ALL.iter().map(|null| null.name()).collect::<Vec<_>>().join(", "))]
pub struct UnknownNull(String);

impl FromStr for Null {
    type Err = UnknownNull;

    fn from_str(text: &str) -> Result<Self, UnknownNull> {
        let found = Null::ALL.iter().copied().find(|null| null.name() == text);
        found.ok_or_else(|| UnknownNull(text.to_string()))
    }
}
