//! What is checked.

use candle_core::Tensor;
use gradcam::Inputs;
use gradcam_nn::Network;

/// What is checked.
pub(super) struct Subject<'a> {
    pub(super) network: &'a dyn Network,
    pub(super) image: Tensor,
    /// The same network and picture in `f64`: rounding is no fault, and in `f32` it may be larger than what is measured.
    pub(super) exact: &'a dyn Network,
    pub(super) exact_image: Tensor,
    /// What the network's inputs look like.
    pub(super) inputs: Inputs,
}
