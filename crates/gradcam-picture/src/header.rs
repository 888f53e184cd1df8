//! A picture's size before it is decoded.

use image::metadata::Orientation;

/// What a file says about its picture before it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header {
    /// Width in pixels, as stored.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
    /// Bytes of a pixel of the decoded picture: 3, or 6 where it has more than 8 bits.
    pub pixel_bytes: u32,
    /// Bytes that reading holds beside the file and the decoded picture: what a compressed file unfolds to.
    pub unfolded: u64,
    /// How the stored picture is to be turned, by its EXIF data.
    pub orientation: Orientation,
}

impl Header {
    /// The bytes that the decoded picture takes.
    pub fn bytes(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height) * u64::from(self.pixel_bytes)
    }
}
