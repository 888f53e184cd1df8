//! Helpers of the tests.

#![allow(clippy::unwrap_used)]

use gradcam_map::{Grid, Size};

pub(crate) fn grid(height: usize, width: usize, values: &[f32]) -> Grid {
    Grid::new(Size::new(height, width).unwrap(), values.to_vec()).unwrap()
}
