//! Reading a picture: bytes or a file in, upright 8-bit RGB out.
//!
//! The format comes from the content, never from the file's name. Every pixel format becomes RGB
//! the way Pillow's `Image.convert("RGB")` does it, because that is what the Python pipelines that
//! trained the networks fed them, and a map is only comparable when the network sees the same bytes:
//!
//! - alpha is dropped, not composited: a transparent pixel shows the colour stored beneath it;
//! - 16-bit samples keep their high byte (Pillow does so for colour; it clips 16-bit grey at 255,
//!   which turns most such pictures white, and that we do not follow);
//! - a palette is looked up, grey is copied into all three channels, CMYK is converted;
//! - colour profiles are ignored, and an animation is its first frame.
//!
//! The EXIF orientation is applied, as `PIL.ImageOps.exif_transpose` does.
//!
//! PNG and WebP decode to Pillow's bytes. A JPEG decoder may choose its rounding and how it enlarges the colour
//! channels: one with halved colour differs from Pillow's by up to 4 of 255, 0.23 in the mean, after a resize to 224.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use image::{
    DynamicImage, ImageBuffer, ImageDecoder, ImageError, ImageFormat, ImageReader, Luma, LumaA,
    Pixel, Rgb, RgbImage, Rgba,
};

/// How much a picture may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest width × height. It is checked against the header, before any pixel is decoded,
    /// so that a few hostile bytes cannot claim gigabytes.
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

/// Why bytes are no picture. The file's name is not part of it: the caller knows it.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// The file cannot be opened or read.
    #[error("cannot read the file")]
    Read(#[from] io::Error),
    /// The content is not one of the supported formats, whatever the file's name says.
    #[error("not a picture that can be read: expected JPEG, PNG or WebP, found {found}")]
    Format {
        /// What the content looks like.
        found: String,
    },
    /// A side is zero.
    #[error("the picture is empty: {width} × {height} pixels")]
    Empty {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
    },
    /// The header claims more pixels than [`Limits::max_pixels`].
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
    /// The data end before the picture does.
    #[error("the {format} data end before the picture does: the file is truncated")]
    Truncated {
        /// `JPEG`, `PNG` or `WebP`.
        format: &'static str,
    },
    /// The data break the rules of their format, or use a part of it that is not supported.
    #[error("the {format} data cannot be decoded: {reason}")]
    Decode {
        /// `JPEG`, `PNG` or `WebP`.
        format: &'static str,
        /// The decoder's own words.
        reason: String,
    },
}

/// Reads the picture in the file `path`, upright, as RGB.
///
/// # Errors
/// [`PictureError`], without the path. A file that is no picture is refused after its first bytes.
pub fn read(path: &Path, limits: Limits) -> Result<RgbImage, PictureError> {
    let mut file = File::open(path)?;
    let mut bytes = Vec::new();
    file.by_ref().take(512).read_to_end(&mut bytes)?;
    format_of(&bytes)?;
    file.read_to_end(&mut bytes)?;
    decode(&bytes, limits)
}

/// Decodes the JPEG, PNG or WebP picture in `bytes`, upright, as RGB.
///
/// # Errors
/// [`PictureError`]: another format, a zero side, more pixels than `limits` allow, truncated or broken data.
///
/// # Example
/// ```
/// use gradcam_models::picture::{self, Limits, PictureError};
///
/// let error = picture::decode(b"plain text", Limits::default()).unwrap_err();
/// assert!(matches!(error, PictureError::Format { .. }));
/// ```
pub fn decode(bytes: &[u8], limits: Limits) -> Result<RgbImage, PictureError> {
    let (format, name) = format_of(bytes)?;
    let truncated = || !is_complete(format, bytes);
    let failed = |error| {
        if truncated() {
            PictureError::Truncated { format: name }
        } else {
            decoding_error(name, error)
        }
    };

    // The reader's own limits stay in force for what the header carries (profiles, text).
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .map_err(failed)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PictureError::Empty { width, height });
    }
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        return Err(PictureError::TooLarge {
            width,
            height,
            limit: limits.max_pixels,
        });
    }
    // Some decoders would fill what is missing with grey.
    if truncated() {
        return Err(PictureError::Truncated { format: name });
    }
    let orientation = decoder.orientation().map_err(failed)?;
    let decoded = DynamicImage::from_decoder(decoder).map_err(failed)?;
    let mut upright = DynamicImage::ImageRgb8(into_rgb(decoded));
    upright.apply_orientation(orientation);
    Ok(upright.into_rgb8())
}

/// The format that the first bytes announce, with its name for a message.
fn format_of(bytes: &[u8]) -> Result<(ImageFormat, &'static str), PictureError> {
    let found = match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => return Ok((ImageFormat::Jpeg, "JPEG")),
        Ok(ImageFormat::Png) => return Ok((ImageFormat::Png, "PNG")),
        Ok(ImageFormat::WebP) => return Ok((ImageFormat::WebP, "WebP")),
        Ok(other) => format!("{} data", other.extensions_str()[0].to_uppercase()),
        Err(_) => describe(bytes),
    };
    Err(PictureError::Format { found })
}

/// What bytes of no known picture format look like.
fn describe(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(512)];
    if head.is_empty() {
        return "an empty file".into();
    }
    // The cut may fall inside a character; only what comes before it has to be text.
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or("")
        }
        Err(_) => "",
    };
    if !text.is_empty() && !text.contains(|c: char| c.is_control() && !c.is_whitespace()) {
        return "text".into();
    }
    let start: Vec<String> = head.iter().take(4).map(|b| format!("{b:02x}")).collect();
    format!("unknown data that start with `{}`", start.join(" "))
}

/// Whether the data reach the end that their container announces; a PNG's decoder sees to that itself.
fn is_complete(format: ImageFormat, bytes: &[u8]) -> bool {
    match format {
        ImageFormat::Jpeg => jpeg_is_complete(bytes),
        ImageFormat::WebP => webp_is_complete(bytes),
        _ => true,
    }
}

/// Whether the file is as long as its RIFF header says (RFC 9649, 2.4).
fn webp_is_complete(bytes: &[u8]) -> bool {
    match bytes.get(4..8) {
        Some(&[a, b, c, d]) => {
            bytes.len() as u64 >= 8 + u64::from(u32::from_le_bytes([a, b, c, d]))
        }
        _ => false,
    }
}

/// Whether the JPEG's marker `EOI` (end of image) follows its scan data.
///
/// Walks the segments (ITU T.81, B.1.1), so that the end of a thumbnail inside a segment does not count.
fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|&b| b == 0xff) {
        let Some(&marker) = rest.get(at + 1) else {
            return false;
        };
        match marker {
            0xd9 => return true,
            // A fill byte: the marker's code may still follow.
            0xff => rest = &rest[at + 1..],
            // A stuffed byte of the scan, or a marker without a segment (TEM, RSTn, SOI).
            0x00 | 0x01 | 0xd0..=0xd8 => rest = &rest[at + 2..],
            _ => {
                let length = match rest.get(at + 2..at + 4) {
                    Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
                    _ => return false,
                };
                rest = rest.get(at + 2 + length..).unwrap_or(&[]);
            }
        }
    }
    false
}

/// Every decoded layout as 8-bit RGB, under the rules of this module's documentation.
fn into_rgb(picture: DynamicImage) -> RgbImage {
    match picture {
        DynamicImage::ImageLuma16(p) => DynamicImage::ImageLuma8(high_bytes::<Luma<_>, _>(&p)),
        DynamicImage::ImageLumaA16(p) => DynamicImage::ImageLumaA8(high_bytes::<LumaA<_>, _>(&p)),
        DynamicImage::ImageRgb16(p) => DynamicImage::ImageRgb8(high_bytes::<Rgb<_>, _>(&p)),
        DynamicImage::ImageRgba16(p) => DynamicImage::ImageRgba8(high_bytes::<Rgba<_>, _>(&p)),
        other => other,
    }
    .into_rgb8()
}

/// The high byte of every 16-bit sample.
fn high_bytes<To, From>(picture: &ImageBuffer<From, Vec<u16>>) -> ImageBuffer<To, Vec<u8>>
where
    To: Pixel<Subpixel = u8>,
    From: Pixel<Subpixel = u16>,
{
    let mut out = ImageBuffer::new(picture.width(), picture.height());
    for (to, from) in out.iter_mut().zip(picture.iter()) {
        *to = (from >> 8) as u8;
    }
    out
}

/// The decoder's error, told apart from data that merely end too early.
fn decoding_error(format: &'static str, error: ImageError) -> PictureError {
    use std::error::Error;

    let inner = match &error {
        ImageError::IoError(io) if io.kind() == io::ErrorKind::UnexpectedEof => {
            return PictureError::Truncated { format };
        }
        // Its own text repeats the format and then the inner error's.
        ImageError::Decoding(decoding) => decoding.source(),
        _ => None,
    };
    let reason = inner.map_or_else(|| error.to_string(), ToString::to_string);
    PictureError::Decode { format, reason }
}

#[cfg(test)]
mod tests;
