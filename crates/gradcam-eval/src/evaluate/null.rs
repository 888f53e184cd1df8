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

impl FromStr for Null {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let known = Null::ALL.iter().copied();
        known
            .clone()
            .find(|null| null.name() == text)
            .ok_or_else(|| {
                let names: Vec<&str> = known.map(Null::name).collect();
                format!("unknown null `{text}`, expected {}", names.join(", "))
            })
    }
}
