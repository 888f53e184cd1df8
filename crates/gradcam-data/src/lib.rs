//! Data sets with annotations.
//!
//! A measured claim about saliency maps needs pictures whose objects are known: as boxes, as outlines, or pixel by pixel. This crate
//! reads them from the layouts in which such data is published, and draws others from a seed. It knows nothing of networks or tensors. A
//! [`Dataset`] is plain data: a list of [`Sample`]s, each a picture, its class, and its objects.
//!
//! - [`open`] finds out which layout a folder has, and checks its annotations: what is wrong is said with its file and line, and
//!   annotations without their pictures are an error. [`describe`] counts what is there.
//! - **Nothing is decoded before it is asked for.** A [`Picture`] is a place, and a [`Shape`] what the annotation says; [`Picture::rgb`],
//!   [`Sample::mask`] and [`Sample::target_mask`] make pixels of them. A data set takes the memory of its annotations. The one exception is a
//!   gzipped IDX file, which can only be unpacked as a whole.
//! - **The target is the first.** Where a picture's annotations name several classes, [`Sample::class`] is that of the first object.
//! - **Masks have the picture's own size.** [`Mask::view`] and [`Rect::view`] take them through the crop and the resize that the picture
//!   takes on its way to a network.
//! - **Synthetic data is always called so.** [`generate`] draws a set, [`write()`] puts any set in a folder, and the `synthetic.json` there
//!   makes [`open`] label it again. Such figures are not comparable with published ones. [`compose`] pastes cut-outs on photos.
//!
//! The same folder, or the same parameters and seed, give the same data set on every machine.
//!
//! ```
//! use gradcam_data::{Annotation, Generator, Kind, Rect, Shapes, describe, generate, open, write};
//!
//! // Six pictures of shapes to train with and four to test with, drawn from the seed 7, written and read back.
//! let drawn = generate(Generator::Shapes(Shapes::default()), 7, 6, 4)?;
//! let folder = tempfile::tempdir()?;
//! write(&drawn, &folder.path().join("shapes"))?;
//! let read = open(&folder.path().join("shapes"))?;
//!
//! let summary = describe(&read);
//! assert_eq!((summary.pictures, summary.annotation), (10, Annotation::Mask));
//! assert!(matches!(read.kind, Kind::Synthetic { seed: 7, .. }));
//!
//! // The target's pixels as a network sees them that takes 32 × 32 pixels of the whole picture.
//! let sample = &read.samples[2];
//! let mask = sample.target_mask()?.ok_or("no target")?;
//! let seen = mask.view(Rect::whole(mask.height, mask.width), 32, 32)?;
//! assert_eq!(&*sample.class.as_ref().ok_or("no class")?.name, "square");
//! assert!((4 * seen.area()).abs_diff(mask.area()) < mask.area() / 4);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

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
mod shape;
mod write;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod fixtures;

pub use class::Class;
pub use compose::{Compose, compose};
pub use dataset::{Annotation, Dataset, Kind, Layout, Object, Sample, Split};
pub use describe::{ClassCount, LOOKED_AT, Sizes, Summary, describe};
pub use error::{Error, Result};
pub use generate::generate;
pub use generators::{Drawn, DrawnObject, Generator, Glyphs, Labels, Lesions, Pasted, Shapes};
pub use idx::{Images, read_labels};
pub use mask::Mask;
pub use open::{open, open_as};
pub use picture::Picture;
pub use raster::{fill_polygons, fill_rect};
pub use rect::Rect;
pub use runs::{check_runs, decompress, from_relative, from_runs, to_runs};
pub use shape::{Ink, Shape};
pub use write::write;
