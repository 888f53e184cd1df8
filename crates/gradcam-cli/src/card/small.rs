//! The card's method on the small networks that some tests need.

use candle_core::Tensor;
use gradcam::{Explainer, Grid, Inputs, Interpolation, Method, Size, Target};
use gradcam_nn::Network;

/// Computes the method's signed map at a small network's last maps, at the input's resolution. The input is a picture, 0 to 1.
///
/// # Errors
/// When the method does not suit the network.
pub(crate) fn explain(
    method: &Method,
    layer: &str,
    network: &dyn Network,
    image: &Tensor,
    class: usize,
) -> gradcam_eval::Result<Grid> {
    let (_, channels, height, width) = image.dims4()?;
    let explainer = Explainer::of(method.clone()).at(layer).inputs(Inputs {
        black: vec![0.0; channels],
        white: vec![1.0; channels],
        background: None,
    });
    let found = explainer.explain_one(network, image, Target::Index(class))?;
    Ok(Interpolation::Bilinear.resize(found.raw(), Size::new(height, width)?))
}
