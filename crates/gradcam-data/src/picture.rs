//! Pictures that are decoded on demand.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gradcam_picture::{Limits, Options, Samples, Turn};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use crate::generators::Generator;
use crate::idx::Images;
use crate::{Error, Result};

/// The source of a picture.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Picture {
    /// A file in a format that `gradcam_picture` reads; its content determines the format.
    File(PathBuf),
    /// A record of an IDX file.
    Record {
        /// The file.
        images: Arc<Images>,
        /// The record, from 0.
        index: usize,
    },
    /// Drawn from a seed and a number.
    Generated {
        /// The generator.
        generator: Arc<Generator>,
        /// The data set's seed.
        seed: u64,
        /// The picture's number.
        index: u64,
    },
    /// Held in memory.
    Memory(Arc<RgbImage>),
}

impl Picture {
    /// Loads the picture as 8-bit RGB, as stored: alpha is dropped, grey is copied to all channels, and the EXIF orientation is not
    /// applied. For viewing, use [`Sample::rgb`](crate::Sample::rgb).
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Picture`], [`Error::Annotation`] for an IDX file that is cut off.
    pub fn rgb(&self) -> Result<RgbImage> {
        let stored = Options {
            turn: Turn::AsStored,
            ..Options::default()
        };
        Ok(self.load(&stored)?.into_rgb8())
    }

    /// Loads the picture at full bit depth. `options` apply to files only.
    ///
    /// # Errors
    /// As [`rgb`](Self::rgb).
    pub fn load(&self, options: &Options) -> Result<gradcam_picture::Picture> {
        let image = match self {
            Picture::File(path) => {
                return gradcam_picture::open(path, options).map_err(Error::picture(path));
            }
            Picture::Record { images, index } => {
                DynamicImage::ImageLuma8(images.picture(*index)?).into_rgb8()
            }
            Picture::Generated {
                generator,
                seed,
                index,
            } => generator.draw(*seed, *index)?.image,
            Picture::Memory(image) => (**image).clone(),
        };
        Ok(gradcam_picture::Picture::new(Samples::Bytes(image)))
    }

    /// Returns height and width in pixels, as stored. Of a file, only the header is read.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Picture`].
    pub fn size(&self) -> Result<(usize, usize)> {
        Ok(self.header()?.0)
    }

    /// Returns the EXIF rotation or flip to apply before the stored picture is viewed. Of a file, only the header is read.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Picture`].
    pub fn orientation(&self) -> Result<Orientation> {
        Ok(self.header()?.1)
    }

    /// Returns the stored height and width, and the turn to apply.
    pub(crate) fn header(&self) -> Result<((usize, usize), Orientation)> {
        let size = match self {
            Picture::File(path) => {
                let header = gradcam_picture::header(path, Limits::default());
                let header = header.map_err(Error::picture(path))?;
                let size = (header.height as usize, header.width as usize);
                return Ok((size, header.orientation));
            }
            Picture::Record { images, .. } => images.size(),
            Picture::Generated { generator, .. } => (generator.size(), generator.size()),
            Picture::Memory(image) => (image.height() as usize, image.width() as usize),
        };
        Ok((size, Orientation::NoTransforms))
    }

    /// Returns the picture's own file; `None` if it has none.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Picture::File(path) => Some(path),
            _ => None,
        }
    }
}

/// Decodes a mask, a cut-out or a scene as stored, with its own channels.
pub(crate) fn decode(path: &Path) -> Result<DynamicImage> {
    gradcam_picture::channels(path, Limits::default()).map_err(Error::picture(path))
}

/// Decodes a picture file and turns it upright.
pub(crate) fn decode_upright(path: &Path) -> Result<DynamicImage> {
    let mut image = decode(path)?;
    image.apply_orientation(Picture::File(path.to_path_buf()).orientation()?);
    Ok(image)
}
