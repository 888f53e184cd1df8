//! DICOM files: one frame of the pixel data, with the file's rescale and window.
//!
//! The data set is walked in place. Every length is checked against the bytes that remain, only the requested frame is copied, and unneeded
//! elements are skipped. Sources: DICOM PS3.5 (encoding; annexes A for transfer syntaxes and G for RLE), PS3.10 section 7 (the file), PS3.3
//! C.7.6.3 (pixels) and C.11.2 (window).

use std::borrow::Cow;
use std::io::Read;

use flate2::read::DeflateDecoder;
use image::RgbImage;
use image::metadata::Orientation;

use crate::picture::{shallow, shown};
use crate::window::Values;
use crate::{Header, Limits, Options, Picture, PictureError, Window};

mod broken;
mod data_set;
mod pixels;

use broken::{NAME, broken};
use data_set::{DataSet, Encoding, Pixels};

/// Where the file meta elements begin, after a preamble and `DICM`.
const START: usize = 132;

pub(crate) fn is_dicom(bytes: &[u8]) -> bool {
    bytes.get(START - 4..START) == Some(b"DICM")
}

/// How a transfer syntax encodes pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Native,
    Rle,
    /// 8 bits per sample.
    Jpeg,
    /// Lossless, up to 16 bits.
    JpegLossless,
}

/// Looks up how a transfer syntax (PS3.5 annex A, PS3.6 table A-1) encodes elements and pixels, and whether it deflates the data set.
fn syntax(uid: &str) -> Result<(Encoding, Coding, bool), PictureError> {
    let explicit = Encoding {
        explicit: true,
        big: false,
    };
    let named = match uid.strip_prefix("1.2.840.10008.1.2").unwrap_or("?") {
        "" => {
            let implicit = Encoding {
                explicit: false,
                ..explicit
            };
            return Ok((implicit, Coding::Native, false));
        }
        ".1" => return Ok((explicit, Coding::Native, false)),
        ".1.99" => return Ok((explicit, Coding::Native, true)),
        ".2" => {
            let big = Encoding {
                big: true,
                ..explicit
            };
            return Ok((big, Coding::Native, false));
        }
        ".5" => return Ok((explicit, Coding::Rle, false)),
        ".4.50" => return Ok((explicit, Coding::Jpeg, false)),
        ".4.57" | ".4.70" => return Ok((explicit, Coding::JpegLossless, false)),
        ".4.51" => "JPEG of 12 bits",
        ".4.80" | ".4.81" => "JPEG-LS",
        ".4.90" | ".4.91" | ".4.92" | ".4.93" => "JPEG 2000",
        ".4.110" | ".4.111" | ".4.112" => "JPEG XL",
        ".4.201" | ".4.202" | ".4.203" => "High-Throughput JPEG 2000",
        other if other.starts_with(".4.10") => "video",
        _ => "an unknown format",
    };
    Err(broken(format!(
        "its pixels are compressed as {named} (transfer syntax `{uid}`); decompress the file first, for example with `gdcmconv --raw IN.dcm OUT.dcm`"
    )))
}

/// Returns the data set, inflated if need be, with its encoding of elements and pixels.
fn open<'a>(
    bytes: &'a [u8],
    limits: Limits,
) -> Result<(Cow<'a, [u8]>, Encoding, Coding), PictureError> {
    let (uid, rest) = data_set::transfer_syntax(&bytes[START..])?;
    let (encoding, coding, deflated) = syntax(uid)?;
    if !deflated {
        return Ok((Cow::Borrowed(rest), encoding, coding));
    }
    let limit = limits.max_bytes();
    let mut body = Vec::new();
    let read = DeflateDecoder::new(rest).take(limit).read_to_end(&mut body);
    read.map_err(|error| broken(error.to_string()))?;
    if body.len() as u64 >= limit {
        return Err(PictureError::TooLong { limit });
    }
    Ok((Cow::Owned(body), encoding, coding))
}

/// Reads the size from the data set.
pub(crate) fn header(bytes: &[u8], limits: Limits) -> Result<Header, PictureError> {
    let (body, encoding, _) = open(bytes, limits)?;
    let set = DataSet::read(&body, encoding)?;
    let deep = set.samples_per_pixel == 1;
    Ok(Header {
        width: set.columns,
        height: set.rows,
        pixel_bytes: if deep { 6 } else { 3 },
        unfolded: match body {
            Cow::Borrowed(_) => 0,
            Cow::Owned(ref body) => body.len() as u64,
        },
        orientation: Orientation::NoTransforms,
    })
}

/// Decodes the requested frame.
pub(crate) fn decode(bytes: &[u8], options: &Options) -> Result<Picture, PictureError> {
    let (body, encoding, coding) = open(bytes, options.limits)?;
    let set = DataSet::read(&body, encoding)?;
    options.limits.check(set.columns, set.rows)?;
    let frame = options.frame.unwrap_or(0);
    if frame as u64 >= u64::from(set.frames) {
        return Err(PictureError::NoFrame {
            format: NAME,
            frame,
            frames: set.frames.into(),
        });
    }
    let plane = match (coding, &set.pixels) {
        (_, None) => return Err(broken("it has no pixel data, so it is not a picture")),
        (Coding::Native, Some(Pixels::Native(data))) => pixels::native(&set, data, frame)?,
        (Coding::Native, Some(Pixels::Fragments { .. })) => {
            return Err(broken("uncompressed pixels lie in fragments"));
        }
        (_, Some(Pixels::Native(_))) => {
            return Err(broken("compressed pixels do not lie in fragments"));
        }
        (coding, Some(Pixels::Fragments { offsets, fragments })) => {
            let coded = pixels::of_frame(&set, offsets, fragments, frame)?;
            match coding {
                Coding::Rle => pixels::rle(&set, &coded)?,
                Coding::JpegLossless => pixels::jpeg_lossless(&set, &coded)?,
                Coding::Jpeg | Coding::Native => pixels::jpeg(&set, &coded)?,
            }
        }
    };
    match plane {
        pixels::Plane::Rgb(image) => Ok(shallow(image, options.window)),
        pixels::Plane::Grey {
            values,
            bits,
            signed,
        } => Ok(grey(&set, &values, bits, signed, options.window)),
    }
}

/// Applies the rescale and the window to stored values.
fn grey(
    set: &DataSet<'_>,
    stored: &[f32],
    bits: u32,
    signed: bool,
    window: Option<Window>,
) -> Picture {
    let inverted = set.photometric == "MONOCHROME1";
    let rescale = |value: f64| set.slope * value + set.intercept;
    let (least, most) = if signed {
        (
            -(2f64.powi(bits as i32 - 1)),
            2f64.powi(bits as i32 - 1) - 1.0,
        )
    } else {
        (0.0, 2f64.powi(bits as i32) - 1.0)
    };
    let (a, b) = (rescale(least), rescale(most));
    let usual = set.window.unwrap_or((a.min(b), a.max(b)));
    if usual == (0.0, 255.0) && (set.slope, set.intercept) == (1.0, 0.0) && bits <= 8 && !signed {
        // Bytes that are shown unchanged.
        let byte = |value: f32| {
            if inverted {
                255 - value as u8
            } else {
                value as u8
            }
        };
        let bytes = stored.iter().flat_map(|value| [byte(*value); 3]).collect();
        if let Some(image) = RgbImage::from_raw(set.columns, set.rows, bytes) {
            return shallow(image, window);
        }
    }
    let values: Vec<f32> = stored
        .iter()
        .map(|v| rescale(f64::from(*v)) as f32)
        .collect();
    let values = Values {
        width: set.columns,
        height: set.rows,
        channels: 1,
        samples: &values,
    };
    shown(&values, usual, window, inverted)
}

#[cfg(test)]
mod tests;
