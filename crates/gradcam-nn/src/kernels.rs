//! The arithmetic on plain slices: no tensor, no shape inference, no gradient bookkeeping.
//!
//! Every kernel is generic over [`Element`] (`f32` for work, `f64` for the gradient checks), splits its work into tasks whose size
//! depends on the shapes alone, and reduces in a fixed order. The result is therefore the same to the bit for any number of threads
//! and for any batch size.

pub(crate) mod convolution;
mod depthwise;
pub(crate) mod element;
pub(crate) mod epilogue;
mod gemm;
pub(crate) mod geometry;
mod im2col;
pub(crate) mod linear;
mod shared;

pub(crate) use element::Element;
