#![doc = include_str!("../README.md")]

mod boxes;
mod color;
mod contour;
mod error;
mod label;
mod matrix;
mod note;
mod output;
mod overlay;
mod photo;
mod sheet;
mod stroke;
mod style;
mod terminal;
mod text;
mod view;

#[cfg(test)]
mod testing;

#[doc(no_inline)]
pub use image;

pub use boxes::boxes;
pub use color::ColorMap;
pub use contour::contour;
pub use error::{Error, Result};
pub use label::label;
pub use matrix::{matrix, stack};
pub use note::note;
pub use output::{Format, encode, encode_with_note};
pub use overlay::{GAP, heatmap, overlay, side_by_side};
pub use sheet::{ColorBar, Panel, sheet};
pub use style::Style;
pub use terminal::terminal;
pub use view::View;

#[doc(inline)]
pub use gradcam_map::{BoundingBox, Error as MapError, Grid, Size, bounding_box};
