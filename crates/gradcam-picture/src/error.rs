//! Errors of pictures.

use crate::bounded::ReadError;

/// Why bytes cannot be read as a picture. The error omits the file's name, which the caller knows.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file cannot be opened or read.
    #[error("cannot read the file")]
    Read(#[from] ReadError),
    /// The content is not one of the supported formats, whatever the file's name says.
    #[error(
        "not a picture that can be read: expected JPEG, PNG, WebP, BMP, GIF, TIFF, DICOM or NIfTI, found {found}"
    )]
    Format {
        /// What the content looks like.
        found: String,
    },
    /// A known format that is not supported.
    #[error(
        "{found} pictures are not supported; convert them to PNG or JPEG first, for example with `{tool}`"
    )]
    Unread {
        /// The format.
        found: &'static str,
        /// A command that converts it to PNG.
        tool: &'static str,
    },
    /// A side is zero.
    #[error("the picture is empty: {width} × {height} pixels")]
    Empty {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The header claims more pixels than [`Limits::max_pixels`](crate::Limits::max_pixels).
    #[error(
        "the picture is too large: {width} × {height} is {} pixels, the limit is {limit}",
        u64::from(*width) * u64::from(*height)
    )]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The limit in pixels.
        limit: u64,
    },
    /// The file has more bytes than a picture of [`Limits::max_pixels`](crate::Limits::max_pixels) can need.
    #[error("the file is too large for a picture: it has more than {limit} bytes")]
    TooLong {
        /// The limit in bytes.
        limit: u64,
    },
    /// There is no frame with this number.
    #[error("there is no frame {frame}: the {format} data have {frames}, counted from 0")]
    NoFrame {
        /// `DICOM` or `NIfTI`.
        format: &'static str,
        /// The requested frame.
        frame: usize,
        /// The number of frames.
        frames: u64,
    },
    /// The data end before the picture is complete.
    #[error("the {format} data end before the picture does: the file is truncated")]
    Truncated {
        /// `JPEG`, `PNG`, and so on.
        format: &'static str,
    },
    /// The data break the rules of their format, or use an unsupported part of it.
    #[error("the {format} data cannot be decoded: {reason}")]
    Decode {
        /// `JPEG`, `PNG`, and so on.
        format: &'static str,
        /// The decoder's message.
        reason: String,
    },
}
