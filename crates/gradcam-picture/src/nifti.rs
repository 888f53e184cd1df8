//! NIfTI-1 volumes (`.nii`, `.nii.gz`): one slice across the third axis.
//!
//! The header is 348 bytes with fields at fixed offsets (<https://nifti.nimh.nih.gov/nifti-1>). Only the slice is kept: the data before it
//! in a compressed file are inflated and dropped.

use std::io::{self, Read};

use flate2::read::GzDecoder;
use image::metadata::Orientation;

use crate::picture::shown;
use crate::window::Values;
use crate::{Header, Options, Picture, PictureError};

const NAME: &str = "NIfTI";
/// The header's length, and the offset of its last field, the magic.
const LENGTH: usize = 348;
const MAGIC: usize = 344;

fn broken(reason: impl Into<String>) -> PictureError {
    PictureError::Decode {
        format: NAME,
        reason: reason.into(),
    }
}

/// Reads the header's bytes, inflating a compressed file.
fn head(bytes: &[u8]) -> Vec<u8> {
    let mut head = Vec::with_capacity(LENGTH);
    // After an error the head is too short for a header.
    let _ = if bytes.starts_with(b"\x1f\x8b") {
        GzDecoder::new(bytes)
            .take(LENGTH as u64)
            .read_to_end(&mut head)
    } else {
        bytes.take(LENGTH as u64).read_to_end(&mut head)
    };
    head
}

pub(crate) fn is_nifti(bytes: &[u8]) -> bool {
    // The first bytes rule out most pictures.
    if !(bytes.starts_with(b"\x1f\x8b") || length_of(bytes).is_some()) {
        return false;
    }
    let head = head(bytes);
    length_of(&head).is_some() && matches!(head.get(MAGIC..), Some(b"n+1\0" | b"ni1\0"))
}

/// Tells from the length at the start whether the most significant byte comes first.
fn length_of(head: &[u8]) -> Option<bool> {
    match head.get(..4)? {
        [0, 0, 1, 0x5c] => Some(true),
        [0x5c, 1, 0, 0] => Some(false),
        _ => None,
    }
}

/// The header's fields that are needed.
struct Volume {
    big: bool,
    width: u32,
    height: u32,
    /// Slices along the third axis, and in total.
    slices: (u64, u64),
    kind: Kind,
    /// Where the data begin.
    offset: u64,
    slope: f32,
    intercept: f32,
    /// The values that the file maps to black and white.
    range: Option<(f64, f64)>,
}

/// The type of a sample.
#[derive(Clone, Copy)]
enum Kind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    F32,
    F64,
}

impl Kind {
    fn of(code: i16) -> Result<Self, PictureError> {
        Ok(match code {
            2 => Kind::U8,
            4 => Kind::I16,
            8 => Kind::I32,
            16 => Kind::F32,
            64 => Kind::F64,
            256 => Kind::I8,
            512 => Kind::U16,
            768 => Kind::U32,
            code => {
                return Err(broken(format!(
                    "its samples have the type {code}, expected whole numbers of 8, 16 or 32 bits or floating-point numbers"
                )));
            }
        })
    }

    fn bytes(self) -> usize {
        match self {
            Kind::U8 | Kind::I8 => 1,
            Kind::U16 | Kind::I16 => 2,
            Kind::U32 | Kind::I32 | Kind::F32 => 4,
            Kind::F64 => 8,
        }
    }

    /// Reads a value from bytes in native order.
    fn value(self, bytes: &[u8]) -> f64 {
        let mut all = [0; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        let [a, b, c, d, ..] = all;
        match self {
            Kind::U8 => a.into(),
            Kind::I8 => i8::from_ne_bytes([a]).into(),
            Kind::U16 => u16::from_ne_bytes([a, b]).into(),
            Kind::I16 => i16::from_ne_bytes([a, b]).into(),
            Kind::U32 => u32::from_ne_bytes([a, b, c, d]).into(),
            Kind::I32 => i32::from_ne_bytes([a, b, c, d]).into(),
            Kind::F32 => f32::from_ne_bytes([a, b, c, d]).into(),
            Kind::F64 => f64::from_ne_bytes(all),
        }
    }
}

impl Volume {
    fn of(bytes: &[u8]) -> Result<Self, PictureError> {
        let head = head(bytes);
        let (Some(big), LENGTH) = (length_of(&head), head.len()) else {
            return Err(PictureError::Truncated { format: NAME });
        };
        if &head[MAGIC..] == b"ni1\0" {
            return Err(broken(
                "its data are in a separate `.img` file; join the two first, for example with `fslchfiletype NIFTI` or `nifti_tool`",
            ));
        }
        let short = |at: usize| {
            if big {
                i16::from_be_bytes([head[at], head[at + 1]])
            } else {
                i16::from_le_bytes([head[at], head[at + 1]])
            }
        };
        let float = |at: usize| {
            let bytes = [head[at], head[at + 1], head[at + 2], head[at + 3]];
            if big {
                f32::from_be_bytes(bytes)
            } else {
                f32::from_le_bytes(bytes)
            }
        };
        let axes = short(40);
        if !(2..=7).contains(&axes) {
            return Err(broken(format!("it has {axes} axes, expected 2 to 7")));
        }
        let mut sides = [1_u64; 7];
        for (axis, side) in sides.iter_mut().enumerate().take(axes as usize) {
            let found = short(42 + 2 * axis);
            *side = u64::try_from(found)
                .map_err(|_| broken(format!("its axis {} has the length {found}", axis + 1)))?;
        }
        // Five sides below 2¹⁵ may overflow 64 bits, so the product is checked.
        let all = sides[2..]
            .iter()
            .try_fold(1_u64, |all, side| all.checked_mul(*side));
        let all = all.ok_or_else(|| broken("it has too many slices"))?;
        let offset = float(108);
        if !(0.0..=1e9).contains(&offset) {
            return Err(broken(format!("its data begin at {offset}")));
        }
        let (slope, intercept) = (float(112), float(116));
        let (most, least) = (float(124), float(128));
        let scaled = slope.is_finite() && slope != 0.0 && intercept.is_finite();
        Ok(Volume {
            big,
            width: sides[0] as u32,
            height: sides[1] as u32,
            slices: (sides[2], all),
            kind: Kind::of(short(70))?,
            offset: (offset as u64).max(LENGTH as u64),
            slope: if scaled { slope } else { 1.0 },
            intercept: if scaled { intercept } else { 0.0 },
            range: (least < most).then_some((least.into(), most.into())),
        })
    }
}

/// Reads the size from the header; `bytes` is the start of the file.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, PictureError> {
    let volume = Volume::of(bytes)?;
    Ok(Header {
        width: volume.width,
        height: volume.height,
        pixel_bytes: 6,
        unfolded: 0,
        orientation: Orientation::NoTransforms,
    })
}

/// Decodes the requested slice, by default the middle one of the first volume.
pub(crate) fn decode(bytes: &[u8], options: &Options) -> Result<Picture, PictureError> {
    let volume = Volume::of(bytes)?;
    options.limits.check(volume.width, volume.height)?;
    let (deep, all) = volume.slices;
    let slice = options.frame.map_or(deep / 2, |frame| frame as u64);
    if slice >= all {
        return Err(PictureError::NoFrame {
            format: NAME,
            frame: slice as usize,
            frames: all,
        });
    }
    let (width, height) = (volume.width as usize, volume.height as usize);
    let size = width * height * volume.kind.bytes();
    let truncated = |_| PictureError::Truncated { format: NAME };
    let start = slice
        .checked_mul(size as u64)
        .and_then(|start| start.checked_add(volume.offset))
        .ok_or(PictureError::Truncated { format: NAME })?;
    let mut data = Vec::new();
    if bytes.starts_with(b"\x1f\x8b") {
        let mut packed = GzDecoder::new(bytes);
        io::copy(&mut packed.by_ref().take(start), &mut io::sink()).map_err(truncated)?;
        packed
            .take(size as u64)
            .read_to_end(&mut data)
            .map_err(truncated)?;
    } else {
        let start = usize::try_from(start).unwrap_or(usize::MAX);
        data.extend(bytes.iter().skip(start).take(size));
    }
    if data.len() < size {
        return Err(PictureError::Truncated { format: NAME });
    }
    let length = volume.kind.bytes();
    if volume.big != cfg!(target_endian = "big") {
        data.chunks_exact_mut(length).for_each(<[u8]>::reverse);
    }
    let (slope, intercept) = (f64::from(volume.slope), f64::from(volume.intercept));
    let value = |bytes| (slope * volume.kind.value(bytes) + intercept) as f32;
    // The last row comes first, because the second axis points up.
    let rows = data.chunks_exact(width * length).rev();
    let values: Vec<f32> = rows
        .flat_map(|row| row.chunks_exact(length).map(value))
        .collect();
    let values = Values {
        width: volume.width,
        height: volume.height,
        channels: 1,
        samples: &values,
    };
    let usual = volume.range.unwrap_or_else(|| values.extent());
    Ok(shown(&values, usual, options.window, false))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{Limits, Samples, Window, load};

    /// Makes a volume of `slices` slices of 2 × 2 `i16`, which count from 0, with slope 2 and intercept -10.
    fn volume(big: bool, slices: i16) -> Vec<u8> {
        let short = |v: i16| {
            if big {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let float = |v: f32| {
            if big {
                v.to_be_bytes()
            } else {
                v.to_le_bytes()
            }
        };
        let mut bytes = vec![0; 352];
        bytes[..4].copy_from_slice(&if big {
            348_i32.to_be_bytes()
        } else {
            348_i32.to_le_bytes()
        });
        for (i, side) in [3, 2, 2, slices].into_iter().enumerate() {
            bytes[40 + 2 * i..][..2].copy_from_slice(&short(side));
        }
        bytes[70..72].copy_from_slice(&short(4));
        bytes[108..112].copy_from_slice(&float(352.0));
        bytes[112..116].copy_from_slice(&float(2.0));
        bytes[116..120].copy_from_slice(&float(-10.0));
        bytes[344..348].copy_from_slice(b"n+1\0");
        (0..4 * slices).for_each(|v| bytes.extend(short(v)));
        bytes
    }

    fn grey(bytes: &[u8], options: &Options) -> Vec<u16> {
        match load(bytes, options).unwrap().samples {
            Samples::Words(image) => image.pixels().map(|p| p.0[0]).collect(),
            Samples::Bytes(_) => panic!("8 bits"),
        }
    }

    #[test]
    fn a_slice_of_a_volume_in_either_order_and_compressed() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&volume(false, 3)).unwrap();
        for bytes in [volume(false, 3), volume(true, 3), packed.finish().unwrap()] {
            // The middle slice stores 4 to 7, which are -2 to 4, and its last row is on top.
            let wanted = [2, 3, 0, 1].map(|v| v * 21845);
            assert_eq!(grey(&bytes, &Options::default()), wanted);
            let options = Options {
                frame: Some(2),
                window: Some(Window::Between {
                    low: 6.0,
                    high: 12.0,
                }),
                ..Options::default()
            };
            assert_eq!(grey(&bytes, &options), [43690, 65535, 0, 21845]);
            let beyond = Options {
                frame: Some(3),
                ..options
            };
            let error = load(&bytes, &beyond).unwrap_err().to_string();
            assert_eq!(
                error,
                "there is no frame 3: the NIfTI data have 3, counted from 0"
            );
        }
    }

    #[test]
    fn broken_volumes_are_refused() {
        let whole = volume(false, 1);
        for end in 0..whole.len() {
            assert!(load(&whole[..end], &Options::default()).is_err());
        }
        for at in 0..352 {
            for flip in [0x01, 0x80, 0xff] {
                let mut broken = whole.clone();
                broken[at] ^= flip;
                // Success and an error are both right.
                let limits = Limits { max_pixels: 4096 };
                let _ = load(
                    &broken,
                    &Options {
                        limits,
                        ..Options::default()
                    },
                );
            }
        }
        let mut pair = whole;
        pair[344..348].copy_from_slice(b"ni1\0");
        let error = load(&pair, &Options::default()).unwrap_err().to_string();
        assert!(error.contains("`.img`"), "{error}");
    }
}
