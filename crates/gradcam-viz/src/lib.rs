//! Pictures of saliency maps.
//!
//! A saliency map says how much each pixel of a photo counts for a network's answer. This crate draws such maps: over
//! the photo ([`overlay`]), alone ([`heatmap`]), next to it ([`side_by_side`]), as lines of equal evidence
//! ([`contour`]), as the box of the Grad-CAM paper's localisation protocol ([`boxes`]), and several on a [`sheet`]
//! with titles and one colour bar. It knows nothing of networks or tensors: a map is a [`Grid`] of `f32`, a picture an
//! [`image::RgbImage`], and each view a function from one to the other.
//!
//! Three rules keep the pictures honest.
//!
//! - **Zero evidence paints nothing.** A map is divided by its maximum, never min-max normalised, and the opacity
//!   goes to zero with the value. An all-zero map leaves the photo as it was, byte for byte.
//! - **Maps can be compared.** [`Style::scale`] gives several maps one scale, and the colour bar shows it in the
//!   maps' own unit.
//! - **Signs show.** On the diverging map [`ColorMap::Coolwarm`] a map is scaled by its largest absolute value: red
//!   speaks for, blue against, grey is zero. The other colour maps show positive evidence alone.
//!
//! Photo and map must have the same size; which of the two is resized, and how, is the caller's choice. NaN and the
//! infinities paint nothing. The same input gives the same pixels on every machine.
//!
//! ```
//! use gradcam_viz::{ColorBar, ColorMap, Format, Grid, Panel, Style, View, encode, sheet};
//! use image::{Rgb, RgbImage};
//!
//! // A grey photo, and a map with one bump in its middle.
//! let photo = RgbImage::from_pixel(64, 64, Rgb([120, 120, 120]));
//! let square = |i: usize| (i as f32 - 31.5).powi(2);
//! let values: Vec<f32> = (0..64 * 64).map(|i| (-(square(i / 64) + square(i % 64)) / 200.0).exp()).collect();
//! let map = Grid::new(64, 64, &values)?;
//!
//! let style = Style { colors: ColorMap::Viridis, ..Style::default() };
//! let overlay = View::Overlay.draw(&photo, map, &style)?;
//! let boxes = View::Boxes.draw(&photo, map, &style)?;
//! assert_eq!(overlay.get_pixel(0, 0), photo.get_pixel(0, 0)); // no evidence, no paint
//!
//! let panels = [
//!     Panel { title: "overlay", caption: "p = 0.386", image: &overlay },
//!     Panel { title: "box", caption: "", image: &boxes },
//! ];
//! let bar = ColorBar { colors: style.colors, scale: map.max(), label: "evidence" };
//! let png = encode(&sheet(&panels, 2, Some(&bar))?, Format::from_path("sheet.png".as_ref())?)?;
//! assert_eq!(&png[1..4], b"PNG");
//! # Ok::<(), gradcam_viz::Error>(())
//! ```

mod boxes;
mod color;
mod contour;
mod error;
mod grid;
mod label;
mod matrix;
mod note;
mod output;
mod overlay;
mod sheet;
mod stroke;
mod style;
mod terminal;
mod text;
mod view;

pub use boxes::{BoundingBox, bounding_box, boxes};
pub use color::ColorMap;
pub use contour::contour;
pub use error::{Error, Result};
pub use grid::Grid;
pub use label::label;
pub use matrix::{matrix, stack};
pub use note::note;
pub use output::{Format, encode, encode_with_note};
pub use overlay::{GAP, heatmap, overlay, side_by_side};
pub use sheet::{ColorBar, Panel, sheet};
pub use style::Style;
pub use terminal::terminal;
pub use view::View;
