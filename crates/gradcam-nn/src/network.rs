//! The interface of networks.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use crate::pass::Pass;

/// How the tokens of a transformer are arranged over its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tokens {
    /// The number of tokens before those of the patches: class token, registers.
    pub prefix: usize,
    /// Rows and columns of a patch in pixels.
    pub patch: (usize, usize),
}

/// A network whose named activations can be observed and replaced.
///
/// A custom model needs [`forward`](Network::forward), with one [`Pass::tap`] for each layer worth explaining.
///
/// ```
/// use gradcam_nn::candle_core::{Device, Result, Tensor};
/// use gradcam_nn::{Network, Pass, logits};
///
/// /// The mean of each channel's positive part is the logit of a class.
/// struct Means;
///
/// impl Network for Means {
///     fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
///         pass.tap("maps", x.relu()?)?.mean((2, 3))
///     }
/// }
///
/// let image = Tensor::new(&[[[[1.0_f32, -1.0]], [[2.0, 4.0]]]], &Device::Cpu)?;
/// assert_eq!(logits(&Means, &image)?.to_vec2::<f32>()?, [[0.5, 3.0]]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Network: Send + Sync {
    /// Computes logits `(n, classes)` from a batch `(n, channels, height, width)`; every named module offers its output to `pass`.
    ///
    /// # Errors
    /// When the network cannot take the input's shape, or the pass refuses an activation.
    fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor>;

    /// Returns whether every operation between the input and the logits goes through the pass. If so, a [`Tape`](crate::Tape) can
    /// compute the gradient; otherwise candle's own graph must.
    fn passes_all(&self) -> bool {
        false
    }

    /// Returns how activations `(n, tokens, channels)` are arranged over the input; `None` if they have no positions.
    fn tokens(&self) -> Option<Tokens> {
        None
    }

    /// Returns the names of all parameters with their element counts; a module owns those that begin with its name and a dot.
    fn parameters(&self) -> Vec<(String, usize)> {
        Vec::new()
    }
}

/// Computes the logits `(n, classes)` of a batch `(n, channels, height, width)` under plain inference.
///
/// On a CPU the images are spread over the cores, since one image's activations fit the caches where a batch's would not.
///
/// # Errors
/// As [`Network::forward`].
pub fn logits(network: &dyn Network, images: &Tensor) -> Result<Tensor> {
    let batch = images.dim(0)?;
    if batch < 2 || !images.device().is_cpu() {
        return network.forward(images, &mut ());
    }
    let each: Vec<_> = (0..batch)
        .into_par_iter()
        .with_max_len(1)
        .map(|i| network.forward(&images.narrow(0, i, 1)?, &mut ()))
        .collect();
    Tensor::cat(&each.into_iter().collect::<Result<Vec<_>>>()?, 0)
}
