#![doc = include_str!("../README.md")]

mod bounding_box;
mod error;
mod grid;
mod interpolation;
mod rank;
mod size;

pub use bounding_box::{BoundingBox, bounding_box};
pub use error::Error;
pub use grid::Grid;
pub use interpolation::Interpolation;
pub use rank::rank_correlations;
pub use size::Size;
