//! The observation of an image: one forward pass, the layers, and gradients taken from the pass.

pub(crate) mod head;
pub(crate) mod input_gradient;
pub(crate) mod layers;
pub(crate) mod masks;
pub(crate) mod observation;
pub(crate) mod record;
pub(crate) mod tokens;
