//! Reads a picture and fits it to a network's input.

use anyhow::{Result, anyhow};
use candle_core::{DType, Device, Tensor};
use gradcam_models::Model;
use gradcam_models::picture::{self, Picture, PictureError, Range};
use gradcam_models::preprocess::{Fit, Preprocess, Region};
use image::RgbImage;

use crate::args::{Network, Pictures};
use crate::console::Console;
use crate::digest;
use crate::inputs::Input;

/// A picture ready for a network.
pub(crate) struct Loaded<'a> {
    /// Its source.
    pub(crate) input: &'a Input,
    /// The part of the original that the network sees, at the original's resolution; at the network's if the original is not kept.
    pub(crate) photo: RgbImage,
    /// `(3, height, width)`.
    pub(crate) tensor: Tensor,
    /// The [`half`](digest::half) digest of its file.
    pub(crate) digest: String,
    /// A remark for the user about the picture.
    pub(crate) remark: Option<String>,
}

/// The part of a picture that is kept beside the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The photo that maps are painted on.
    Photo,
    /// Nothing that grows with the picture.
    View,
}

/// How pictures are read and fitted to a network's input.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) preprocess: &'a Preprocess,
    pub(crate) fit: Fit,
    pub(crate) limits: picture::Limits,
    pub(crate) pictures: Pictures,
    /// The network's device.
    pub(crate) device: &'a Device,
    /// The type of the network's inputs.
    pub(crate) dtype: DType,
}

impl<'a> Reading<'a> {
    /// Combines the network's preprocessing and the arguments.
    pub(crate) fn of(model: &'a Model, options: &Network) -> Self {
        Reading {
            preprocess: &model.preprocess,
            fit: options.fit,
            limits: picture::Limits {
                max_pixels: options.max_pixels,
            },
            pictures: options.pictures,
            device: &model.device,
            dtype: model.dtype,
        }
    }

    /// Returns the options for decoding a file.
    pub(crate) fn options(&self, turn: picture::Turn) -> picture::Options {
        picture::Options {
            limits: self.limits,
            window: self.pictures.window,
            frame: self.pictures.frame,
            turn,
        }
    }

    /// Returns height and width of the network's inputs; `None` if each picture keeps its own.
    pub(crate) fn input_size(&self) -> Option<(usize, usize)> {
        let (height, width) = self.preprocess.input_size;
        match self.fit {
            Fit::None => None,
            Fit::Crop | Fit::Squash => Some((height as usize, width as usize)),
        }
    }
}

/// Reads one picture, prepares it for the network, and prints a remark about it, if any.
pub(crate) fn load<'a>(
    input: &'a Input,
    reading: &Reading<'_>,
    console: &mut Console<'_>,
) -> Result<Loaded<'a>> {
    let loaded = prepared(input, reading, Keep::Photo)?;
    if let Some(remark) = &loaded.remark {
        console.warn(format!("`{}`: {remark}", input.name()));
    }
    Ok(loaded)
}

/// Reads one picture and prepares it for the network.
pub(crate) fn prepared<'a>(
    input: &'a Input,
    reading: &Reading<'_>,
    keep: Keep,
) -> Result<Loaded<'a>> {
    let options = reading.options(picture::Turn::Upright);
    let bytes = input.read(reading.limits)?;
    let original = picture::load(&bytes, &options).map_err(with_flag)?;
    let prepared = reading
        .preprocess
        .prepare(&original, reading.fit, reading.device)?;
    let remark = remark(&original);
    let tensor = prepared.tensor.to_dtype(reading.dtype)?;
    Ok(Loaded {
        input,
        photo: match keep {
            Keep::Photo => seen(original.into_rgb8(), prepared.view, prepared.region),
            Keep::View => prepared.view,
        },
        tensor,
        digest: digest::half(&bytes),
        remark,
    })
}

/// Adds to the error the flag that changes its limit.
pub(crate) fn with_flag(error: PictureError) -> anyhow::Error {
    match error {
        PictureError::TooLarge { .. } | PictureError::TooLong { .. } => {
            anyhow!("{error} (`--max-pixels` sets the limit)")
        }
        PictureError::NoFrame { .. } => anyhow!("`--frame`: {error}"),
        other => other.into(),
    }
}

/// Returns a remark on a picture whose values lie close together: the network would see almost nothing of it.
pub(crate) fn remark(picture: &Picture) -> Option<String> {
    let narrow = picture.range.filter(Range::is_narrow)?;
    Some(format!(
        "{narrow}: the network sees little contrast; `--window auto` or `--window LO:HI` raises it"
    ))
}

/// Returns the part of the original that the network sees, or the network's view if it reaches beyond the picture.
fn seen(original: RgbImage, view: RgbImage, region: Region) -> RgbImage {
    let (width, height) = (f64::from(original.width()), f64::from(original.height()));
    let inside = region.x >= -0.5
        && region.y >= -0.5
        && region.x + region.width <= width + 0.5
        && region.y + region.height <= height + 0.5;
    if !inside {
        return view;
    }
    let round = |v: f64| v.round().max(0.0) as u32;
    let (x, y) = (round(region.x), round(region.y));
    let width = (round(region.x + region.width).min(original.width()) - x).max(1);
    let height = (round(region.y + region.height).min(original.height()) - y).max(1);
    cropped(original, (x, y), (width, height)).unwrap_or(view)
}

/// Cuts a rectangle out of a picture in its own memory, so that a large one is not held twice. `None` if the rectangle does not lie inside.
fn cropped(
    original: RgbImage,
    (x, y): (u32, u32),
    (width, height): (u32, u32),
) -> Option<RgbImage> {
    let bytes = |pixels: u32| 3 * pixels as usize;
    let (row, length) = (bytes(original.width()), bytes(width));
    if x + width > original.width() || y + height > original.height() {
        return None;
    }
    let mut raw = original.into_raw();
    for line in 0..height as usize {
        let from = (y as usize + line) * row + bytes(x);
        raw.copy_within(from..from + length, line * length);
    }
    raw.truncate(height as usize * length);
    raw.shrink_to_fit();
    RgbImage::from_raw(width, height, raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_cut_in_its_own_memory() {
        let picture = RgbImage::from_fn(7, 5, |x, y| image::Rgb([x as u8, y as u8, 9]));
        for (at, size) in [((0, 0), (7, 5)), ((2, 1), (3, 4)), ((6, 4), (1, 1))] {
            let expected =
                image::imageops::crop_imm(&picture, at.0, at.1, size.0, size.1).to_image();
            assert_eq!(cropped(picture.clone(), at, size), Some(expected));
        }
        assert_eq!(cropped(picture, (3, 0), (5, 5)), None);
    }
}
