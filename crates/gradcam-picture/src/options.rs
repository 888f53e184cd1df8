//! How a picture is read, and how much it may ask for.

use crate::{PictureError, Window};

/// How much a picture may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest width × height. It is checked against the header, before any pixel is decoded,
    /// so that a few hostile bytes cannot claim gigabytes. A file with more than 16 bytes for each of these pixels is not read either.
    ///
    /// Default: 178 956 970, where Pillow refuses a picture as a decompression bomb; three bytes a pixel
    /// make that half a gigabyte.
    pub max_pixels: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            max_pixels: 178_956_970,
        }
    }
}

impl Limits {
    /// Refuses a size.
    pub(crate) fn check(self, width: u32, height: u32) -> Result<(), PictureError> {
        if width == 0 || height == 0 {
            return Err(PictureError::Empty { width, height });
        }
        if u64::from(width) * u64::from(height) > self.max_pixels {
            return Err(PictureError::TooLarge {
                width,
                height,
                limit: self.max_pixels,
            });
        }
        Ok(())
    }

    /// The largest file in bytes: 16 a pixel are four channels of 32 bits. A small picture may have a large colour profile.
    pub fn max_bytes(self) -> u64 {
        self.max_pixels.saturating_mul(16).max(64 << 20)
    }
}

/// How a picture is read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    /// How much it may ask for.
    pub limits: Limits,
    /// What becomes black and white; `None` as the file says.
    pub window: Option<Window>,
    /// The frame of a DICOM file or the slice of a NIfTI volume, from 0; `None` for the first frame and the middle slice. Other formats show their
    /// first.
    pub frame: Option<usize>,
    /// Whether the picture is turned as its EXIF orientation says.
    pub turn: Turn,
}

/// Whether a picture is turned as its EXIF orientation says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Turn {
    /// It is, as a viewer shows it.
    #[default]
    Upright,
    /// It is not: annotations count the stored pixels.
    AsStored,
}
