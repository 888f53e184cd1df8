//! A picture that is decoded when it is asked for.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::{DynamicImage, ImageReader, RgbImage};

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
    /// The picture in 8-bit RGB, as stored: alpha is dropped, grey copied to all channels, the EXIF orientation not applied, because
    /// annotations count the stored pixels.
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

    /// Height and width in pixels. A file's header alone is read.
    ///
    /// # Errors
    /// [`Error::Read`], [`Error::Picture`].
    pub fn size(&self) -> Result<(usize, usize)> {
        let (width, height) = match self {
            Picture::File(path) => open(path)?
                .into_dimensions()
                .map_err(Error::picture(path))?,
            Picture::Record { images, .. } => return Ok((images.height, images.width)),
            Picture::Generated { generator, .. } => {
                let side = generator.size();
                return Ok((side, side));
            }
            Picture::Memory(image) => image.dimensions(),
        };
        Ok((height as usize, width as usize))
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

pub(crate) fn decode(path: &Path) -> Result<DynamicImage> {
    open(path)?.decode().map_err(Error::picture(path))
}
