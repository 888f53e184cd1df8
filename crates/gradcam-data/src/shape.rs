//! Where an object is, in the form in which its data set says it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::mask::same_size;
use crate::raster::{fill_polygons, fill_rect};
use crate::runs::from_runs;
use crate::{Mask, Picture, Rect, Result};

/// Where an object is. Only [`Shape::mask`] makes pixels of it.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Shape {
    /// A box.
    Box(Rect),
    /// Outlines; the object is their union. See [`fill_polygons`].
    Polygons {
        /// Rows of the picture that they were drawn on.
        height: usize,
        /// Columns of that picture.
        width: usize,
        /// Lists of corners `[x, y]` in pixels.
        polygons: Vec<Vec<[f64; 2]>>,
    },
    /// Run lengths down the columns, as COCO has them; see [`from_runs`].
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
        /// Which of its pixels are the object's.
        ink: Ink,
    },
    /// The pixels themselves.
    Mask(Arc<Mask>),
}

/// Which pixels of a mask file belong to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ink {
    /// Those at least as bright (luma, 0-255).
    AtLeast(u8),
    /// Those of this colour.
    Color([u8; 3]),
}

impl Shape {
    /// The object's pixels in a picture of `height` × `width` pixels, the picture's own size.
    ///
    /// # Errors
    /// [`Error::Size`](crate::Error::Size) where a mask or outlines belong to a picture of another size, [`Error::Runs`](crate::Error::Runs),
    /// [`Error::Picture`](crate::Error::Picture), [`Error::Read`](crate::Error::Read).
    pub fn mask(&self, height: usize, width: usize) -> Result<Mask> {
        // Before anything is filled: sizes come from files.
        let check = |rows, columns| same_size((rows, columns), (height, width));
        match self {
            Shape::Box(rect) => fill_rect(*rect, height, width),
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

    /// Rows and columns of the picture that the shape was drawn on; `None` for a box, which does not say.
    ///
    /// # Errors
    /// [`Error::Picture`](crate::Error::Picture), [`Error::Read`](crate::Error::Read).
    pub(crate) fn drawn_on(&self) -> Result<Option<(usize, usize)>> {
        match self {
            Shape::Box(_) => Ok(None),
            Shape::Polygons { height, width, .. } | Shape::Runs { height, width, .. } => {
                Ok(Some((*height, *width)))
            }
            Shape::File { path, .. } => Picture::File(path.clone()).size().map(Some),
            Shape::Mask(mask) => Ok(Some((mask.height, mask.width))),
        }
    }

    /// Whether the shape is only a box.
    pub fn is_box(&self) -> bool {
        matches!(self, Shape::Box(_))
    }
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

/// An object's rectangle: the annotated one, or the smallest around its pixels.
pub(crate) fn rectangle(
    shape: &Shape,
    annotated: Option<Rect>,
    height: usize,
    width: usize,
) -> Result<Option<Rect>> {
    match (annotated, shape) {
        (Some(rect), _) => Ok(Some(rect)),
        (None, Shape::Box(rect)) => Ok(Some(*rect)),
        _ => Ok(shape.mask(height, width)?.bounds()),
    }
}
