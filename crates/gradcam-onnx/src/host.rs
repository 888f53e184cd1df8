//! Arithmetic on values that are known without the image.
//!
//! A graph computes shapes, position tables and masks by the same operators as the image. Their numbers are plain arrays here, in 32-bit
//! floats, 64-bit integers and Booleans. Every size, index and divisor of a file is checked, and one output has at most 2^28 elements.

mod arithmetic;
mod arrange;
pub(crate) mod broadcast;
mod candle;
mod cast;
mod elementwise;
mod fill;
pub(crate) mod index;
mod inputs;
mod join;
mod lanes;
mod logic;
mod normal;
mod number;
mod pad;
mod product;
mod quantise;
mod reduce;
mod registry;
mod scatter;
pub(crate) mod shape;
mod value;
pub(crate) mod walk;
mod width;

pub(crate) use registry::evaluate;
pub(crate) use shape::shape_of;
pub(crate) use value::{Data, Host};

#[cfg(test)]
pub(crate) mod tests;
