//! What a method costs, what it depends on besides the network and the image, and what its map consists of: the first section of the
//! saliency card (Boggust et al. 2023).

mod determinism;
mod directness;
mod efficiency;
mod hyperparameters;

pub use determinism::{Determinism, ExplainBatch, Variation, Varied, determinism};
pub use directness::{Directness, directness};
pub use efficiency::{Efficiency, efficiency, efficiency_of};
pub use hyperparameters::{Setting, sweep};
