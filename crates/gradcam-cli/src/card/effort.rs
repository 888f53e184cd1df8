//! How much of a card is measured.

use serde::Serialize;

/// How much is measured.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Effort {
    /// Images of the data set.
    pub(crate) images: usize,
    /// Images under randomised parameters, and of the determinism test.
    pub(crate) few: usize,
    /// Steps of the cascade at most.
    pub(crate) blocks: usize,
    /// Images for the metrics that ask the network hundreds of times; 0 leaves them out.
    pub(crate) slow: usize,
    /// Small pictures that the networks of the label test are trained on.
    pub(crate) digits: usize,
    /// Whether the label test is run on the paper's network too.
    pub(crate) paper: bool,
    /// Drawn scenes with an object.
    pub(crate) scenes: usize,
    /// Runs of the clock.
    pub(crate) runs: usize,
}

impl Effort {
    /// A card in minutes, with the least number of images that the rule asks for.
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
