#![doc = include_str!("../README.md")]

use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, RgbImage};

pub mod bounded;
mod dicom;
mod error;
mod format;
mod header;
mod nifti;
mod options;
mod picture;
mod window;

use bounded::ReadError;
use format::{Format, is_complete};
use picture::develop;

#[doc(no_inline)]
pub use image;

pub use error::PictureError;
pub use header::Header;
pub use options::{Limits, Options, Turn};
pub use picture::{Picture, Samples, high_bytes};
pub use window::{NoWindow, Range, Rgb16Image, Window};

/// Extensions of supported files, in lower case and without the dot. `gz` alone is not one of them; [`has_ending`] knows `nii.gz`.
pub const ENDINGS: &[&str] = &[
    "jpg", "jpeg", "png", "webp", "bmp", "gif", "tif", "tiff", "dcm", "nii",
];

/// Checks whether a file's name has a picture's extension, ignoring case.
pub fn has_ending(path: &Path) -> bool {
    let lower =
        |text: Option<&std::ffi::OsStr>| text.unwrap_or_default().to_string_lossy().to_lowercase();
    let ending = lower(path.extension());
    ENDINGS.contains(&ending.as_str()) || lower(path.file_name()).ends_with(".nii.gz")
}

/// Reads the picture in the file `path` at full bit depth.
///
/// # Errors
/// [`PictureError`], without the path. A file that is not a picture is refused after its first bytes.
pub fn open(path: &Path, options: &Options) -> Result<Picture, PictureError> {
    load(&bytes(path, options.limits)?, options)
}

/// Decodes the picture in `bytes` at full bit depth.
///
/// # Errors
/// [`PictureError`] for an unsupported format, a zero side, more pixels than the limits allow, truncated or broken data, or a missing frame.
///
/// ```
/// use gradcam_picture::image::{ImageFormat, Rgb, RgbImage};
/// use gradcam_picture::{Options, Samples, load};
///
/// let mut png = std::io::Cursor::new(Vec::new());
/// RgbImage::from_pixel(3, 2, Rgb([1, 2, 3])).write_to(&mut png, ImageFormat::Png)?;
/// let picture = load(png.get_ref(), &Options::default())?;
/// let Samples::Bytes(rgb) = &picture.samples else {
///     return Err("8 bits a sample were written".into());
/// };
/// assert_eq!(rgb.dimensions(), (3, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn load(bytes: &[u8], options: &Options) -> Result<Picture, PictureError> {
    let (decoded, orientation) = match Format::of(bytes)? {
        Format::Dicom => return dicom::decode(bytes, options),
        Format::Nifti => return nifti::decode(bytes, options),
        Format::Image(format, name) => decoded(bytes, format, name, options.limits)?,
    };
    let picture = develop(decoded, options.window);
    Ok(match options.turn {
        Turn::Upright => picture.turned(orientation),
        Turn::AsStored => picture,
    })
}

/// Reads the file `path` with its own channels, for masks and cut-outs: alpha is kept, and the EXIF orientation is not applied.
///
/// # Errors
/// As [`open`].
pub fn channels(path: &Path, limits: Limits) -> Result<DynamicImage, PictureError> {
    let bytes = bytes(path, limits)?;
    if let Format::Image(format, name) = Format::of(&bytes)? {
        return Ok(decoded(&bytes, format, name, limits)?.0);
    }
    let options = Options {
        limits,
        ..Options::default()
    };
    Ok(match load(&bytes, &options)?.samples {
        Samples::Bytes(image) => DynamicImage::ImageRgb8(image),
        Samples::Words(image) => DynamicImage::ImageRgb16(image),
    })
}

/// Decodes the pixels and the EXIF orientation.
fn decoded(
    bytes: &[u8],
    format: ImageFormat,
    name: &'static str,
    limits: Limits,
) -> Result<(DynamicImage, Orientation), PictureError> {
    let truncated = || !is_complete(format, bytes);
    let failed = |error| {
        if truncated() {
            PictureError::Truncated { format: name }
        } else {
            decoding_error(name, error)
        }
    };

    // The reader's own limits stay in force for the header's contents (profiles, text).
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format)
        .into_decoder()
        .map_err(failed)?;
    let (width, height) = decoder.dimensions();
    limits.check(width, height)?;
    // Some decoders would fill missing pixels with grey.
    if truncated() {
        return Err(PictureError::Truncated { format: name });
    }
    // A decoder also needs room for the pixels, and again for a frame or page before conversion.
    let mut memory = image::Limits::default();
    let pixels = decoder.total_bytes().saturating_mul(2);
    memory.max_alloc = memory.max_alloc.map(|most| most.saturating_add(pixels));
    decoder.set_limits(memory).map_err(failed)?;
    let orientation = decoder.orientation().map_err(failed)?;
    let image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    Ok((image, orientation))
}

/// Reads the picture in the file `path`, upright, as 8-bit RGB.
///
/// # Errors
/// As [`open`].
pub fn read(path: &Path, limits: Limits) -> Result<RgbImage, PictureError> {
    decode(&bytes(path, limits)?, limits)
}

/// Decodes the picture in `bytes`, upright, as 8-bit RGB.
///
/// # Errors
/// As [`load`].
///
/// # Example
/// ```
/// use gradcam_picture::{Limits, PictureError, decode};
///
/// let error = decode(b"plain text", Limits::default()).unwrap_err();
/// assert!(matches!(error, PictureError::Format { .. }));
/// ```
pub fn decode(bytes: &[u8], limits: Limits) -> Result<RgbImage, PictureError> {
    let options = Options {
        limits,
        ..Options::default()
    };
    Ok(load(bytes, &options)?.into_rgb8())
}

/// Reads what the file `path` says about its picture, without decoding it.
///
/// # Errors
/// [`PictureError`], as [`open`]; [`Limits::max_pixels`] is not checked.
pub fn header(path: &Path, limits: Limits) -> Result<Header, PictureError> {
    let head = head(path)?;
    let (format, name) = match Format::of(&head)? {
        Format::Dicom => return dicom::header(&whole(path, limits)?, limits),
        Format::Nifti => return nifti::header(&head),
        Format::Image(format, name) => (format, name),
    };
    let decoder =
        ImageReader::with_format(BufReader::new(bounded::open(path)?), format).into_decoder();
    let failed = |error| decoding_error(name, error);
    let mut decoder = decoder.map_err(failed)?;
    let (width, height) = decoder.dimensions();
    let orientation = decoder.orientation().map_err(failed)?;
    let color = decoder.color_type();
    let deep = color.bytes_per_pixel() > color.channel_count();
    Ok(Header {
        width,
        height,
        pixel_bytes: if deep { 6 } else { 3 },
        unfolded: 0,
        orientation,
    })
}

/// Enough bytes to recognise a file.
const HEAD: u64 = 4096;

/// Reads the first bytes of a file.
fn head(path: &Path) -> Result<Vec<u8>, ReadError> {
    bounded::all(bounded::open(path)?.take(HEAD), HEAD)
}

/// Reads a file that begins like a picture.
fn bytes(path: &Path, limits: Limits) -> Result<Vec<u8>, PictureError> {
    Format::of(&head(path)?)?;
    whole(path, limits)
}

/// Reads a file within the limits.
fn whole(path: &Path, limits: Limits) -> Result<Vec<u8>, PictureError> {
    bounded::file(path, limits.max_bytes()).map_err(|error| match error {
        ReadError::TooLong { limit } => PictureError::TooLong { limit },
        other => other.into(),
    })
}

/// Converts the decoder's error, telling truncated data from broken data.
fn decoding_error(format: &'static str, error: ImageError) -> PictureError {
    use std::error::Error;

    let inner = match &error {
        ImageError::IoError(io) if io.kind() == io::ErrorKind::UnexpectedEof => {
            return PictureError::Truncated { format };
        }
        // The outer text repeats the format and the inner text.
        ImageError::Decoding(decoding) => decoding.source(),
        _ => None,
    };
    let reason = inner.map_or_else(|| error.to_string(), ToString::to_string);
    PictureError::Decode { format, reason }
}

#[cfg(test)]
mod tests;
