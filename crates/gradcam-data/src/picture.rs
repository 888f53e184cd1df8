//! A picture that is decoded when it is asked for.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageReader, RgbImage};

use crate::generators::Generator;
use crate::idx::Images;
use crate::{Error, Result};

/// Where a picture comes from.
#[derive(Debug, Clone)]
pub enum Picture {
    /// A JPEG, PNG or WebP file; its content decides which.
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
        match self {
            Picture::File(path) => Ok(decode(path)?.into_rgb8()),
            Picture::Record { images, index } => {
                Ok(DynamicImage::ImageLuma8(images.picture(*index)?).into_rgb8())
            }
            Picture::Generated {
                generator,
                seed,
                index,
            } => Ok(generator.draw(*seed, *index)?.image),
            Picture::Memory(image) => Ok((**image).clone()),
        }
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
                let mut decoder = open(path)?.into_decoder().map_err(Error::picture(path))?;
                let orientation = decoder.orientation().map_err(Error::picture(path))?;
                let (width, height) = decoder.dimensions();
                return Ok(((height as usize, width as usize), orientation));
            }
            Picture::Record { images, .. } => (images.width, images.height),
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

fn open(path: &Path) -> Result<ImageReader<BufReader<File>>> {
    let reader = ImageReader::open(path).map_err(Error::read(path))?;
    reader.with_guessed_format().map_err(Error::read(path))
}

/// A picture file as it is stored.
pub(crate) fn decode(path: &Path) -> Result<DynamicImage> {
    open(path)?.decode().map_err(Error::picture(path))
}

/// A picture file as it is to be looked at.
pub(crate) fn decode_upright(path: &Path) -> Result<DynamicImage> {
    let mut image = decode(path)?;
    image.apply_orientation(Picture::File(path.to_path_buf()).orientation()?);
    Ok(image)
}
