//! Decodes the pixels of a frame.

use std::borrow::Cow;
use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use jpeg_decoder::PixelFormat;

use super::broken::{TRUNCATED, broken};
use super::data_set::DataSet;
use crate::PictureError;

/// A decoded frame.
pub(super) enum Plane {
    /// Stored values of `bits` bits, before the rescale.
    Grey {
        values: Vec<f32>,
        bits: u32,
        signed: bool,
    },
    Rgb(RgbImage),
}

/// Decodes a frame of uncompressed pixel data.
pub(super) fn native(set: &DataSet<'_>, data: &[u8], frame: usize) -> Result<Plane, PictureError> {
    // 2³² frames of 2³² pixels of 8 bytes would overflow 64 bits.
    let size = frame_bytes(set)?;
    let start = (size as u64).checked_mul(frame as u64).ok_or(TRUNCATED)?;
    let start = usize::try_from(start).map_err(|_| TRUNCATED)?;
    let end = start.checked_add(size).ok_or(TRUNCATED)?;
    let data = data.get(start..end).ok_or(TRUNCATED)?;
    plane(set, data, set.planar, set.encoding.big)
}

/// Computes the bytes of an uncompressed frame.
fn frame_bytes(set: &DataSet<'_>) -> Result<usize, PictureError> {
    match (set.samples_per_pixel, set.bits_allocated) {
        (1, 8 | 16 | 32) | (3, 8) => {}
        (samples, bits) => {
            return Err(broken(format!(
                "it has {samples} samples per pixel of {bits} bits, expected one of 8, 16 or 32 or three of 8"
            )));
        }
    }
    let bits = u64::from(set.samples_per_pixel) * u64::from(set.bits_allocated);
    let size = u64::from(set.rows) * u64::from(set.columns) * bits / 8;
    usize::try_from(size).map_err(|_| TRUNCATED)
}

/// Converts uncompressed bytes to values.
fn plane(set: &DataSet<'_>, data: &[u8], planar: bool, big: bool) -> Result<Plane, PictureError> {
    if set.samples_per_pixel == 3 {
        return colours(set, data, planar).map(Plane::Rgb);
    }
    if !set.photometric.starts_with("MONOCHROME") {
        return Err(unknown_colours(set));
    }
    let (bits, high) = (u32::from(set.bits_stored), u32::from(set.high_bit));
    // Shifts the sample to the top of 32 bits, then back down with or without its sign.
    let value = |raw: u32| {
        let top = raw << (31 - high);
        if set.signed {
            (top as i32 >> (32 - bits)) as f32
        } else {
            (top >> (32 - bits)) as f32
        }
    };
    let values = match set.bits_allocated {
        8 => data.iter().map(|byte| value(u32::from(*byte))).collect(),
        16 => data
            .as_chunks()
            .0
            .iter()
            .map(|bytes| {
                if big {
                    value(u16::from_be_bytes(*bytes).into())
                } else {
                    value(u16::from_le_bytes(*bytes).into())
                }
            })
            .collect(),
        _ => data
            .as_chunks()
            .0
            .iter()
            .map(|bytes| {
                if big {
                    value(u32::from_be_bytes(*bytes))
                } else {
                    value(u32::from_le_bytes(*bytes))
                }
            })
            .collect(),
    };
    Ok(Plane::Grey {
        values,
        bits,
        signed: set.signed,
    })
}

fn unknown_colours(set: &DataSet<'_>) -> PictureError {
    broken(format!(
        "its colours are `{}`, expected MONOCHROME1, MONOCHROME2, RGB or YBR_FULL",
        set.photometric
    ))
}

/// Converts three bytes per pixel, interleaved or in planes.
fn colours(set: &DataSet<'_>, data: &[u8], planar: bool) -> Result<RgbImage, PictureError> {
    let count = data.len() / 3;
    let at = |pixel: usize| {
        if planar {
            [data[pixel], data[count + pixel], data[2 * count + pixel]]
        } else {
            [data[3 * pixel], data[3 * pixel + 1], data[3 * pixel + 2]]
        }
    };
    let convert: fn([u8; 3]) -> [u8; 3] = match set.photometric {
        "RGB" => |rgb| rgb,
        "YBR_FULL" => from_ybr,
        _ => return Err(unknown_colours(set)),
    };
    let bytes = (0..count).flat_map(|pixel| convert(at(pixel))).collect();
    RgbImage::from_raw(set.columns, set.rows, bytes).ok_or(TRUNCATED)
}

/// Converts YBR_FULL to RGB (PS3.3 C.7.6.3.1.2), as in JFIF.
fn from_ybr([y, b, r]: [u8; 3]) -> [u8; 3] {
    let (y, b, r) = (f32::from(y), f32::from(b) - 128.0, f32::from(r) - 128.0);
    [
        y + 1.402 * r,
        y - 0.344_136 * b - 0.714_136 * r,
        y + 1.772 * b,
    ]
    .map(|v| v.round() as u8)
}

/// Finds the code of a frame: its own fragment, or those between two offsets.
pub(super) fn of_frame<'a>(
    set: &DataSet<'_>,
    offsets: &[u8],
    fragments: &[&'a [u8]],
    frame: usize,
) -> Result<Cow<'a, [u8]>, PictureError> {
    if set.frames == 1 {
        return Ok(match fragments {
            [one] => Cow::Borrowed(*one),
            several => Cow::Owned(several.concat()),
        });
    }
    if fragments.len() as u64 == u64::from(set.frames) {
        return Ok(Cow::Borrowed(fragments[frame]));
    }
    let offsets = offsets.as_chunks().0;
    let begin = |frame: usize| {
        offsets
            .get(frame)
            .map(|bytes| u64::from(u32::from_le_bytes(*bytes)))
    };
    let Some(first) = begin(frame) else {
        return Err(broken(format!(
            "it has {} fragments for {} frames, and no table says where the frames begin",
            fragments.len(),
            set.frames
        )));
    };
    let end = begin(frame + 1).unwrap_or(u64::MAX);
    let (mut at, mut code) = (0, Vec::new());
    for fragment in fragments {
        if (first..end).contains(&at) {
            code.extend_from_slice(fragment);
        }
        // A tag and a length precede each fragment.
        at += fragment.len() as u64 + 8;
    }
    Ok(Cow::Owned(code))
}

/// Decodes 8-bit JPEG.
pub(super) fn jpeg(set: &DataSet<'_>, code: &[u8]) -> Result<Plane, PictureError> {
    let failed = |error: image::ImageError| broken(error.to_string());
    let decoder = ImageReader::with_format(Cursor::new(code), ImageFormat::Jpeg)
        .into_decoder()
        .map_err(failed)?;
    same_size(set, decoder.dimensions())?;
    match DynamicImage::from_decoder(decoder).map_err(failed)? {
        DynamicImage::ImageLuma8(image) => Ok(Plane::Grey {
            values: image.iter().map(|byte| f32::from(*byte)).collect(),
            bits: 8,
            signed: false,
        }),
        other => Ok(Plane::Rgb(other.into_rgb8())),
    }
}

/// Decodes lossless JPEG of 8 or 16 bits.
pub(super) fn jpeg_lossless(set: &DataSet<'_>, code: &[u8]) -> Result<Plane, PictureError> {
    let failed = |error: jpeg_decoder::Error| broken(error.to_string());
    let mut decoder = jpeg_decoder::Decoder::new(code);
    decoder.set_max_decoding_buffer_size(frame_bytes(set)?);
    decoder.read_info().map_err(failed)?;
    let info = decoder.info().ok_or(TRUNCATED)?;
    same_size(set, (info.width.into(), info.height.into()))?;
    let expected = match info.pixel_format {
        PixelFormat::L8 => (1, 8),
        PixelFormat::L16 => (1, 16),
        PixelFormat::RGB24 => (3, 8),
        PixelFormat::CMYK32 => (4, 8),
    };
    if expected != (set.samples_per_pixel, set.bits_allocated) {
        return Err(broken(format!(
            "its JPEG has {} samples per pixel of {} bits, its header says {} of {}",
            expected.0, expected.1, set.samples_per_pixel, set.bits_allocated
        )));
    }
    let data = decoder.decode().map_err(failed)?;
    if data.len() != frame_bytes(set)? {
        return Err(TRUNCATED);
    }
    plane(set, &data, false, cfg!(target_endian = "big"))
}

fn same_size(set: &DataSet<'_>, (width, height): (u32, u32)) -> Result<(), PictureError> {
    if (width, height) == (set.columns, set.rows) {
        return Ok(());
    }
    Err(broken(format!(
        "its JPEG has {width} × {height} pixels, its header says {} × {}",
        set.columns, set.rows
    )))
}

/// Decodes RLE (PS3.5 annex G): up to 15 segments, one per byte of a sample, the most significant byte first.
pub(super) fn rle(set: &DataSet<'_>, code: &[u8]) -> Result<Plane, PictureError> {
    let size = frame_bytes(set)?;
    let (count, bytes) = (
        usize::from(set.samples_per_pixel),
        usize::from(set.bits_allocated / 8),
    );
    let (header, _) = code.split_at_checked(64).ok_or(TRUNCATED)?;
    let numbers = header.as_chunks().0;
    let number = |i: usize| {
        numbers
            .get(i)
            .map_or(0, |bytes| u32::from_le_bytes(*bytes) as usize)
    };
    if number(0) != count * bytes {
        return Err(broken(format!(
            "it has {} segments, expected {}",
            number(0),
            count * bytes
        )));
    }
    let mut data = vec![0; size];
    let stride = count * bytes;
    for segment in 0..stride {
        let coded = code.get(number(segment + 1)..).ok_or(TRUNCATED)?;
        let (sample, significance) = (segment / bytes, bytes - 1 - segment % bytes);
        let places = data.iter_mut().skip(sample * bytes + significance);
        unpack(coded, places.step_by(stride))?;
    }
    plane(set, &data, false, false)
}

/// Unpacks the PackBits in `coded` into `places`.
fn unpack<'a>(
    mut coded: &[u8],
    mut places: impl ExactSizeIterator<Item = &'a mut u8>,
) -> Result<(), PictureError> {
    while places.len() > 0 {
        let (&control, rest) = coded.split_first().ok_or(TRUNCATED)?;
        coded = rest;
        match i16::from(control as i8) {
            -128 => {}
            control @ 0.. => {
                let (bytes, rest) = coded
                    .split_at_checked(control as usize + 1)
                    .ok_or(TRUNCATED)?;
                coded = rest;
                bytes
                    .iter()
                    .zip(&mut places)
                    .for_each(|(from, to)| *to = *from);
            }
            control => {
                let (&byte, rest) = coded.split_first().ok_or(TRUNCATED)?;
                coded = rest;
                let times = usize::from(control.unsigned_abs()) + 1;
                places.by_ref().take(times).for_each(|to| *to = byte);
            }
        }
    }
    Ok(())
}
