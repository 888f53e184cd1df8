//! The extent of a card's measurements.

use serde::Serialize;

/// The extent of a card's measurements.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Effort {
    /// Number of images of the data set.
    pub(crate) images: usize,
    /// Number of images for the tests with randomised parameters and the determinism test.
    pub(crate) few: usize,
    /// The most steps of the cascade.
    pub(crate) blocks: usize,
    /// Number of images for metrics that run the network hundreds of times; 0 leaves these out.
    pub(crate) slow: usize,
    /// Number of small pictures that the networks of the label test are trained on.
    pub(crate) digits: usize,
    /// Whether the label test also uses the paper's network.
    pub(crate) paper: bool,
    /// Number of drawn scenes with an object.
    pub(crate) scenes: usize,
    /// Number of timed runs.
    pub(crate) runs: usize,
}

impl Effort {
    /// A card in minutes, with the fewest images that the rule allows.
    pub(crate) const QUICK: Effort = Effort {
        images: 30,
        few: 30,
        blocks: 4,
        slow: 0,
        digits: 500,
        paper: false,
        scenes: 50,
        runs: 30,
    };
    /// All images.
    pub(crate) const FULL: Effort = Effort {
        images: usize::MAX,
        few: 60,
        blocks: usize::MAX,
        slow: 80,
        digits: 1000,
        paper: true,
        scenes: 200,
        runs: 30,
    };
}
