//! Options and limits for reading pictures.

use crate::{PictureError, Window};

/// How much memory a picture may claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest width × height. The header is checked before any pixel is decoded, so that a few hostile bytes cannot claim gigabytes.
    /// [`Limits::max_bytes`] follows from it.
    ///
    /// Default: 178 956 970, at which Pillow refuses a picture as a decompression bomb; half a gigabyte at three bytes per pixel.
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
    /// Refuses an empty or too large size.
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

    /// Returns the largest file in bytes: 16 per pixel, as for four channels of 32 bits, but at least 64 MiB for large colour profiles.
    pub fn max_bytes(self) -> u64 {
        self.max_pixels.saturating_mul(16).max(64 << 20)
    }
}

/// How a picture is read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Options {
    /// Limits on the picture's size.
    pub limits: Limits,
    /// The values that become black and white; `None` for the file's own.
    pub window: Option<Window>,
    /// The frame of a DICOM file or the slice of a NIfTI volume, from 0; `None` for the first frame and the middle slice. Other formats
    /// always show their first.
    pub frame: Option<usize>,
    /// Whether the EXIF orientation is applied.
    pub turn: Turn,
}

/// Whether a picture's EXIF orientation is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Turn {
    /// Applied, as in a viewer.
    #[default]
    Upright,
    /// Not applied, because annotations refer to the stored pixels.
    AsStored,
}
