//! Two-dimensional convolution.

mod backward;
mod forward;
mod layer;
mod options;

pub(super) use backward::Backward;
pub(crate) use backward::before;
pub use layer::Conv2d;
pub use options::{ConvOptions, Padding};
