#![doc = include_str!("../README.md")]

mod class;
mod compose;
mod dataset;
mod describe;
mod error;
mod files;
mod generate;
mod generators;
mod idx;
mod layouts;
mod mask;
mod open;
mod picture;
mod raster;
mod rect;
mod runs;
mod sample;
mod shape;
mod write;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fixtures;

#[doc(no_inline)]
pub use gradcam_picture;
#[doc(no_inline)]
pub use image;

pub use class::Class;
pub use compose::{Compose, compose};
pub use dataset::{Annotation, Dataset, Kind};
pub use describe::{ClassCount, LOOKED_AT, Sizes, Summary, describe};
pub use error::{Error, Result};
pub use generate::generate;
pub use generators::{Drawn, DrawnObject, Generator, Glyphs, Labels, Lesions, Pasted, Shapes};
pub use idx::{Images, read_labels};
pub use layouts::Layout;
pub use mask::Mask;
pub use open::{open, open_as};
pub use picture::Picture;
pub use raster::{fill_polygons, fill_rect};
pub use rect::Rect;
pub use runs::{check_runs, decompress, from_relative, from_runs, to_runs};
pub use sample::{Object, Sample, Split};
pub use shape::{Ink, Shape};
pub use write::write;
