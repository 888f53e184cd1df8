//! Uninformed maps that methods are compared with.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The number of random orders of a map's saliency for [`Null::Shuffled`].
pub const SHUFFLES: usize = 100;

/// A map without the information that a method has, measured on the same images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Null {
    /// The pixels in a random order.
    Random,
    /// A Gaussian around the centre.
    Centre,
    /// The method's own map with its values shuffled over the positions; the network is run again.
    Permuted,
    /// The mean over [`SHUFFLES`] shuffles of the values of the method's own map. Only metrics that correlate a map with scores already
    /// computed have it.
    Shuffled,
    /// The method itself on the network with random parameters.
    Untrained,
    /// The mean mask of the other images.
    MeanMask,
}

impl Null {
    /// All nulls.
    pub const ALL: &[Null] = &[
        Null::Random,
        Null::Centre,
        Null::Permuted,
        Null::Shuffled,
        Null::Untrained,
        Null::MeanMask,
    ];

    /// Returns its name.
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

    /// Returns whether each method has its own null, rather than one shared by all methods of a resolution.
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
