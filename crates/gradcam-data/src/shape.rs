//! An object's position, in the form of its data set.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::mask::same_size;
use crate::raster::{fill_polygons, fill_rect};
use crate::runs::from_runs;
use crate::{Mask, Picture, Rect, Result};

/// An object's position. Only [`Shape::mask`] turns it into pixels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// A box.
    Box(Rect),
    /// A box in shares of the upright picture's sides, 0 to 1.
    RelativeBox(Rect),
    /// Outlines in shares of the upright picture's sides: lists of corners `[x, y]`, 0 to 1. The object is their union.
    RelativePolygons(Vec<Vec<[f64; 2]>>),
    /// Outlines; the object is their union. See [`fill_polygons`].
    Polygons {
        /// Height in pixels of the picture on which they were drawn.
        height: usize,
        /// Width of that picture.
        width: usize,
        /// Lists of corners `[x, y]` in pixels.
        polygons: Vec<Vec<[f64; 2]>>,
    },
    /// Run lengths down the columns, as in COCO; see [`from_runs`].
    Runs {
        /// Rows of the mask.
        height: usize,
        /// Columns of the mask.
        width: usize,
        /// Lengths of the runs, the first of zeros.
        runs: Vec<u32>,
    },
    /// A picture of the mask, of the same size as the sample's.
    File {
        /// The file.
        path: PathBuf,
        /// Which of its pixels belong to the object.
        ink: Ink,
    },
    /// The pixels themselves.
    Mask(Arc<Mask>),
}

/// Which pixels of a mask file belong to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ink {
    /// Pixels of at least this luma, 0 to 255.
    AtLeast(u8),
    /// Pixels of this RGB colour.
    Color([u8; 3]),
}

impl Shape {
    /// Returns the object's pixels in a picture of `height` × `width` pixels, the picture's own size.
    ///
    /// # Errors
    /// [`Error::Size`](crate::Error::Size) if a mask or outlines belong to a picture of another size, [`Error::Runs`](crate::Error::Runs),
    /// [`Error::Picture`](crate::Error::Picture), [`Error::Read`](crate::Error::Read).
    pub fn mask(&self, height: usize, width: usize) -> Result<Mask> {
        // Checked before allocating, because sizes come from files.
        let check = |rows, columns| same_size((rows, columns), (height, width));
        match self {
            Shape::Box(rect) => fill_rect(*rect, height, width),
            Shape::RelativeBox(rect) => fill_rect(in_pixels(*rect, height, width), height, width),
            Shape::RelativePolygons(polygons) => {
                let sides = [width as f64, height as f64];
                let corner = |[x, y]: &[f64; 2]| [x * sides[0], y * sides[1]];
                let polygon = |polygon: &Vec<[f64; 2]>| polygon.iter().map(corner).collect();
                let polygons: Vec<_> = polygons.iter().map(polygon).collect();
                fill_polygons(&polygons, height, width)
            }
            Shape::Polygons {
                height: rows,
                width: columns,
                polygons,
            } => {
                check(*rows, *columns)?;
                fill_polygons(polygons, height, width)
            }
            Shape::Runs {
                height: rows,
                width: columns,
                runs,
            } => {
                check(*rows, *columns)?;
                from_runs(runs, height, width)
            }
            Shape::File { path, ink } => {
                let mask = read_mask(path, *ink)?;
                check(mask.height, mask.width).map(|()| mask)
            }
            Shape::Mask(mask) => check(mask.height, mask.width).map(|()| (**mask).clone()),
        }
    }

    /// Returns the height and width of the picture on which the shape was drawn; `None` for a box and for shares, which do not
    /// store them.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture), [`Error::Read`](crate::Error::Read).
    pub(crate) fn drawn_on(&self) -> Result<Option<(usize, usize)>> {
        match self {
            Shape::Box(_) | Shape::RelativeBox(_) | Shape::RelativePolygons(_) => Ok(None),
            Shape::Polygons { height, width, .. } | Shape::Runs { height, width, .. } => {
                Ok(Some((*height, *width)))
            }
            Shape::File { path, .. } => Picture::File(path.clone()).size().map(Some),
            Shape::Mask(mask) => Ok(Some((mask.height, mask.width))),
        }
    }

    /// Tells whether the shape is only a box.
    pub fn is_box(&self) -> bool {
        matches!(self, Shape::Box(_) | Shape::RelativeBox(_))
    }

    /// Tells whether the shape is in shares of the upright picture's sides.
    pub(crate) fn is_relative(&self) -> bool {
        matches!(self, Shape::RelativeBox(_) | Shape::RelativePolygons(_))
    }
}

/// Converts a box from shares of a picture's sides to pixels.
fn in_pixels(rect: Rect, height: usize, width: usize) -> Rect {
    rect.view(Rect::whole(1, 1), height, width)
}

fn read_mask(path: &Path, ink: Ink) -> Result<Mask> {
    let image = crate::picture::decode(path)?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    let values = match ink {
        Ink::AtLeast(level) => image.to_luma8().pixels().map(|p| p[0] >= level).collect(),
        Ink::Color(color) => image.to_rgb8().pixels().map(|p| p.0 == color).collect(),
    };
    Ok(Mask {
        height,
        width,
        values,
    })
}

/// Returns an object's rectangle: the annotated one, or else the bounding box of its pixels.
pub(crate) fn rectangle(
    shape: &Shape,
    annotated: Option<Rect>,
    height: usize,
    width: usize,
) -> Result<Option<Rect>> {
    match (annotated, shape) {
        (Some(rect), _) => Ok(Some(rect)),
        (None, Shape::Box(rect)) => Ok(Some(*rect)),
        (None, Shape::RelativeBox(rect)) => Ok(Some(in_pixels(*rect, height, width))),
        _ => Ok(shape.mask(height, width)?.bounds()),
    }
}
