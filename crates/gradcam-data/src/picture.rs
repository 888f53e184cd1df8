//! A picture that is decoded when it is asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gradcam_picture::{Limits, Options, Samples, Turn};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use crate::generators::Generator;
use crate::idx::Images;
use crate::{Error, Result};

/// Where a picture comes from.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Picture {
    /// A file of one of the formats that `gradcam_picture` reads; its content decides which.
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
        /// What draws it.
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
    /// The picture in 8-bit RGB, as stored: alpha is dropped, grey copied to all channels, the EXIF orientation not applied
    /// ([`Sample::rgb`](crate::Sample::rgb) is for what is looked at).
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

    /// The picture with all its bits, read as `options` say where it is a file.
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

    /// Height and width in pixels, as stored. A file's header alone is read.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Picture`].
    pub fn size(&self) -> Result<(usize, usize)> {
        Ok(self.header()?.0)
    }

    /// How the stored picture is to be turned before it is looked at, by its EXIF data. A file's header alone is read.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Picture`].
    pub fn orientation(&self) -> Result<Orientation> {
        Ok(self.header()?.1)
    }

    /// Height and width as stored, and how to turn the picture.
    pub(crate) fn header(&self) -> Result<((usize, usize), Orientation)> {
        let (width, height) = match self {
            Picture::File(path) => {
                let header = gradcam_picture::header(path, Limits::default());
                let header = header.map_err(Error::picture(path))?;
                let size = (header.height as usize, header.width as usize);
                return Ok((size, header.orientation));
            }
            Picture::Record { images, .. } => images.size(),
            Picture::Generated { generator, .. } => (generator.size(), generator.size()),
            Picture::Memory(image) => (image.width() as usize, image.height() as usize),
        };
        Ok(((height, width), Orientation::NoTransforms))
    }

    /// The file, where the picture has one of its own.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Picture::File(path) => Some(path),
            _ => None,
        }
    }
}

/// A mask, a cut-out or a scene as it is stored, with the channels that it has.
pub(crate) fn decode(path: &Path) -> Result<DynamicImage> {
    gradcam_picture::channels(path, Limits::default()).map_err(Error::picture(path))
}

/// A picture file as it is to be looked at.
pub(crate) fn decode_upright(path: &Path) -> Result<DynamicImage> {
    let mut image = decode(path)?;
    image.apply_orientation(Picture::File(path.to_path_buf()).orientation()?);
    Ok(image)
}
