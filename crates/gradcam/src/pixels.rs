//! Maps from gradients at the pixels, and from what other rules take back to them.

pub(crate) mod blur;
pub(crate) mod deep_lift;
pub(crate) mod full_gradient;
pub(crate) mod gradient;
pub(crate) mod integrated;
mod quadrature;
pub(crate) mod rectified;
pub(crate) mod reduce;
pub(crate) mod relevance;
pub(crate) mod smooth;
pub(crate) mod through;
pub(crate) mod xrai;
