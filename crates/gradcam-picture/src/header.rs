//! A picture's size before it is decoded.

use image::metadata::Orientation;

/// What a file says about its picture, read without decoding it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Width in pixels, as stored.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
    /// Bytes per pixel of the decoded picture: 3, or 6 if a sample has more than 8 bits.
    pub pixel_bytes: u32,
    /// Further bytes that reading needs: the inflated size of a deflated DICOM data set, else 0.
    pub unfolded: u64,
    /// The EXIF orientation, which turns the stored picture upright.
    pub orientation: Orientation,
}

impl Header {
    /// Returns the bytes of the decoded picture.
    pub fn bytes(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.pixel_bytes)
    }
}
