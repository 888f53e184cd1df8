//! The results of backward rules other than the gradient's, at the pixels.

use candle_core::Tensor;
use gradcam_nn::{Network, Rules, Tape};

use crate::seen::record::in_pool;
use crate::{Error, Result};

/// Propagates `start(output)`, which has the output's shape, back through the network under `rules`. Returns the result at the pixels, in
/// the images' shape; zeros if nothing reaches them.
///
/// # Errors
/// If the network has operations that the rules do not see; the error names `method`.
pub(crate) fn through(
    method: &str,
    network: &dyn Network,
    images: &Tensor,
    rules: impl Rules + 'static,
    start: impl FnOnce(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    all_pass(method, network)?;
    let input = images.detach();
    let mut tape = Tape::new(&input).with(rules);
    let output = network.forward(&input, &mut tape)?;
    let begin = start(&output)?;
    let mut found = in_pool(images.device(), || tape.backward(&output, begin, &[&input]))?;
    match found.pop().flatten() {
        Some(pixels) => Ok(pixels.contiguous()?),
        None => Ok(images.zeros_like()?),
    }
}

/// Refuses a network with operations that no rule sees; the error names `method`.
pub(crate) fn all_pass(method: &str, network: &dyn Network) -> Result<()> {
    if network.passes_all() {
        Ok(())
    } else {
        Err(Error::NeedsPass(method.to_string()))
    }
}
