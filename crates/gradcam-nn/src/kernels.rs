//! The arithmetic on plain slices: no tensor, no shape inference, no gradient bookkeeping.
//!
//! Feature maps are `(n, h, w, c)` here: the channels of a position are neighbours in memory. Every kernel is generic over [`Element`]
//! (`f32` for work, `f64` for the gradient checks), splits its work into tasks whose size depends on the shapes alone, and reduces in a
//! fixed order. The result is therefore the same to the bit for any number of threads and for any batch size.

pub(crate) mod convolution;
mod copies;
mod depthwise;
pub(crate) mod element;
pub(crate) mod epilogue;
mod gather;
pub(crate) mod gemm;
pub(crate) mod geometry;
pub(crate) mod linear;
pub(crate) mod micro;
pub(crate) mod output;
mod panels;
mod product;
#[cfg(test)]
mod tests;
mod wide;
mod winograd;

pub(crate) use element::Element;
