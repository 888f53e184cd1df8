//! The arithmetic on plain slices: no tensor, no shape inference, no gradient bookkeeping.
//!
//! Feature maps are `(n, h, w, c)` here: channels last. Every kernel is generic over [`Float`](float::Float): `f32` for work, `f64`
//! for the gradient checks. It splits its work into tasks whose size depends on the shapes alone, and reduces in a fixed order. The
//! result is therefore the same to the bit for any number of threads and any batch size.

pub(crate) mod activation;
mod bf16;
pub(crate) mod convolution;
mod copies;
mod depthwise;
pub(crate) mod element;
pub(crate) mod epilogue;
pub(crate) mod float;
mod gather;
pub(crate) mod gemm;
pub(crate) mod geometry;
pub(crate) mod linear;
mod micro;
pub(crate) mod output;
pub(crate) mod packed;
mod panels;
pub(crate) mod precision;
mod prefetch;
mod product;
#[cfg(test)]
mod tests;
pub(crate) mod view;
mod wide;
mod winograd;
