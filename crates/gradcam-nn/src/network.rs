//! What the methods ask of a network.

use candle_core::{Result, Tensor};

use crate::Pass;

/// A network whose named activations can be observed and replaced.
///
/// An own model needs [`forward`](Network::forward) with one [`Pass::tap`] for each layer that is worth looking at.
pub trait Network: Send + Sync {
    /// Logits `(n, classes)` from a batch `(n, channels, height, width)`; every named module offers its output to `pass`.
    ///
    /// # Errors
    /// When the input has a shape that the network cannot take, or the pass refuses an activation.
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor>;

    /// The names of all parameters with their numbers of elements; a module owns those that begin with its name and a dot.
    fn parameters(&self) -> Vec<(String, usize)> {
        Vec::new()
    }
}
