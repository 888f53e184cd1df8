//! Pictures as file bytes.

use std::{fmt, path::Path};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError, ImageResult, RgbImage};

use crate::error::quoted;
use crate::{Error, Result, note};

/// JPEG quality, 1 to 100, high enough for no visible blocks.
const JPEG_QUALITY: u8 = 92;

/// A picture format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// PNG, lossless.
    Png,
    /// JPEG at quality 92.
    Jpeg,
    /// WebP, lossless; at most 16384 pixels per side.
    WebP,
}

impl Format {
    /// The extensions that [`Format::from_path`] accepts.
    pub const EXTENSIONS: &'static [&'static str] = &["png", "jpg", "jpeg", "webp"];

    /// Finds the format by the extension of `path`, ignoring case.
    ///
    /// # Errors
    /// [`Error::Extension`] for an unknown extension or none.
    pub fn from_path(path: &Path) -> Result<Self> {
        let extension = path
            .extension()
            .and_then(|extension| extension.to_str())
            .map(str::to_ascii_lowercase);
        match extension.as_deref() {
            Some("png") => Ok(Self::Png),
            Some("jpg" | "jpeg") => Ok(Self::Jpeg),
            Some("webp") => Ok(Self::WebP),
            _ => Err(Error::Extension {
                path: path.to_owned(),
                expected: quoted(Self::EXTENSIONS),
            }),
        }
    }

    /// Returns the usual extension, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
        })
    }
}

/// Encodes the picture as file bytes. The same picture gives the same bytes.
///
/// # Errors
/// [`Error::Encode`] if the picture is empty or too large for the format.
///
/// ```
/// use gradcam_viz::image::RgbImage;
/// use gradcam_viz::{Format, encode};
///
/// let png = encode(&RgbImage::new(3, 2), Format::from_path("map.png".as_ref())?)?;
/// assert_eq!(&png[1..4], b"PNG");
/// assert!(Format::from_path("map.bmp".as_ref()).is_err());
/// # Ok::<(), gradcam_viz::Error>(())
/// ```
pub fn encode(image: &RgbImage, format: Format) -> Result<Vec<u8>> {
    with_exif(image, format, None)
}

/// Encodes the picture as file bytes with `note` as the description, which [`note`](crate::note) reads back.
///
/// # Errors
/// [`Error::Encode`] as [`encode`], [`Error::Note`] for a note of 32 KiB or more.
///
/// ```
/// use gradcam_viz::image::RgbImage;
/// use gradcam_viz::{Format, encode_with_note, note};
///
/// let png = encode_with_note(&RgbImage::new(3, 2), Format::Png, "grad-cam at layer4")?;
/// assert_eq!(note(std::io::Cursor::new(png)).as_deref(), Some("grad-cam at layer4"));
/// # Ok::<(), gradcam_viz::Error>(())
/// ```
pub fn encode_with_note(image: &RgbImage, format: Format, note: &str) -> Result<Vec<u8>> {
    let block = note::block(note).ok_or(Error::Note(note.len()))?;
    with_exif(image, format, Some(block))
}

fn with_exif(image: &RgbImage, format: Format, exif: Option<Vec<u8>>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let encoded = match format {
        Format::Png => write(
            PngEncoder::new_with_quality(
                &mut bytes,
                CompressionType::Default,
                FilterType::Adaptive,
            ),
            image,
            exif,
        ),
        Format::Jpeg => write(
            JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY),
            image,
            exif,
        ),
        Format::WebP => write(WebPEncoder::new_lossless(&mut bytes), image, exif),
    };
    let (width, height) = image.dimensions();
    encoded.map_err(|source| Error::Encode {
        format: format.to_string(),
        width,
        height,
        source,
    })?;
    Ok(bytes)
}

fn write(
    mut encoder: impl ImageEncoder,
    image: &RgbImage,
    exif: Option<Vec<u8>>,
) -> ImageResult<()> {
    if let Some(exif) = exif {
        encoder
            .set_exif_metadata(exif)
            .map_err(ImageError::Unsupported)?;
    }
    let (width, height) = image.dimensions();
    encoder.write_image(image, width, height, ExtendedColorType::Rgb8)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn picture() -> RgbImage {
        RgbImage::from_fn(33, 17, |x, y| {
            image::Rgb([(x * 7) as u8, (y * 15) as u8, (x + y) as u8])
        })
    }

    #[test]
    fn lossless_formats_come_back_exactly() {
        for (format, kind) in [
            (Format::Png, image::ImageFormat::Png),
            (Format::WebP, image::ImageFormat::WebP),
        ] {
            let bytes = encode(&picture(), format).unwrap();
            assert_eq!(image::guess_format(&bytes).unwrap(), kind);
            assert_eq!(
                image::load_from_memory(&bytes).unwrap().to_rgb8(),
                picture()
            );
            assert_eq!(
                bytes,
                encode(&picture(), format).unwrap(),
                "the same bytes again"
            );
        }
    }

    #[test]
    fn jpeg_comes_back_nearly() {
        let smooth = RgbImage::from_fn(64, 64, |x, y| {
            image::Rgb([(x * 3) as u8, (y * 3) as u8, 90])
        });
        let bytes = encode(&smooth, Format::Jpeg).unwrap();
        assert_eq!(
            image::guess_format(&bytes).unwrap(),
            image::ImageFormat::Jpeg
        );
        let back = image::load_from_memory(&bytes).unwrap().to_rgb8();
        let worst = back
            .iter()
            .zip(smooth.iter())
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(worst.unwrap() <= 12, "{worst:?}");
    }

    #[test]
    fn formats_are_named_by_extensions() {
        let of = |path: &str| Format::from_path(Path::new(path));
        for extension in Format::EXTENSIONS {
            assert!(of(&format!("a/b.{extension}")).is_ok());
        }
        assert_eq!(of("CAT.JPEG").unwrap(), Format::Jpeg);
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            assert_eq!(of(&format!("x.{}", format.extension())).unwrap(), format);
        }
        assert_eq!(
            of("out/cat.tiff").unwrap_err().to_string(),
            "no picture format for `out/cat.tiff`: unknown extension `tiff`; \
             supported extensions are `png`, `jpg`, `jpeg`, `webp`"
        );
        assert_eq!(
            of("cat").unwrap_err().to_string(),
            "no picture format for `cat`: it has no extension; supported extensions are `png`, `jpg`, `jpeg`, `webp`"
        );
    }

    #[test]
    fn what_a_format_cannot_hold_is_an_error() {
        let long = RgbImage::new(70_000, 1);
        for format in [Format::Jpeg, Format::WebP] {
            let text = encode(&long, format).unwrap_err().to_string();
            assert_eq!(text, format!("cannot encode a 70000x1 picture as {format}"));
        }
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            assert!(encode(&RgbImage::new(0, 0), format).is_err(), "{format}");
        }
    }
}
