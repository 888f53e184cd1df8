//! Maps of numbers: grids, their enlargement, and how much two agree.

pub(crate) mod grid;
pub(crate) mod interpolation;
pub(crate) mod rank;
