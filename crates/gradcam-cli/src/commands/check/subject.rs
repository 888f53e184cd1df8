//! The subject of the checks.

use candle_core::Tensor;
use gradcam::Inputs;
use gradcam_nn::Network;

/// The subject of the checks.
pub(super) struct Subject<'a> {
    pub(super) network: &'a dyn Network,
    pub(super) image: Tensor,
    /// The same network and picture in `f64`: in `f32`, rounding may exceed what is measured, and it is not an error.
    pub(super) exact: &'a dyn Network,
    pub(super) exact_image: Tensor,
    /// The properties of the network's inputs.
    pub(super) inputs: Inputs,
}
