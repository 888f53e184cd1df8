//! Pictures at full bit depth, and their making from decoded values.

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, Pixel, RgbImage};

use crate::window::Values;
use crate::{Range, Rgb16Image, Window};

/// A picture at full bit depth.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Picture {
    /// The pixels.
    pub samples: Samples,
    /// The values before windowing, if there are more than 8 bits or a window of numbers was requested.
    pub range: Option<Range>,
}

/// Pixels at the picture's bit depth. No format has more than 16 bits that can be shown, so a match can be exhaustive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// 8 bits per sample.
    Bytes(RgbImage),
    /// 16 bits per sample.
    Words(Rgb16Image),
}

impl Picture {
    /// Makes a picture without a range of values.
    pub fn new(samples: Samples) -> Picture {
        Picture {
            samples,
            range: None,
        }
    }

    /// Returns the width and height in pixels.
    pub fn dimensions(&self) -> (u32, u32) {
        match &self.samples {
            Samples::Bytes(image) => image.dimensions(),
            Samples::Words(image) => image.dimensions(),
        }
    }

    /// Applies an EXIF orientation.
    pub fn turned(self, orientation: Orientation) -> Picture {
        let samples = match self.samples {
            Samples::Bytes(image) => {
                let mut image = DynamicImage::ImageRgb8(image);
                image.apply_orientation(orientation);
                Samples::Bytes(image.into_rgb8())
            }
            Samples::Words(image) => {
                let mut image = DynamicImage::ImageRgb16(image);
                image.apply_orientation(orientation);
                Samples::Words(image.into_rgb16())
            }
        };
        Picture { samples, ..self }
    }

    /// Converts to 8 bits, keeping the high byte of 16.
    pub fn into_rgb8(self) -> RgbImage {
        match self.samples {
            Samples::Bytes(image) => image,
            Samples::Words(image) => high_bytes(&image),
        }
    }
}

/// Keeps the high byte of every 16-bit sample.
pub fn high_bytes(picture: &Rgb16Image) -> RgbImage {
    let mut out = RgbImage::new(picture.width(), picture.height());
    for (to, from) in out.iter_mut().zip(picture.iter()) {
        *to = (from >> 8) as u8;
    }
    out
}

/// Converts any decoded layout to RGB by the rules of this crate's documentation.
pub(crate) fn develop(decoded: DynamicImage, window: Option<Window>) -> Picture {
    const WORDS: (f64, f64) = (0.0, 65_535.0);
    match decoded {
        DynamicImage::ImageLuma16(image) => deep(&image, WORDS, window),
        DynamicImage::ImageLumaA16(image) => deep(&image, WORDS, window),
        DynamicImage::ImageRgb16(image) => deep(&image, WORDS, window),
        DynamicImage::ImageRgba16(image) => deep(&image, WORDS, window),
        DynamicImage::ImageRgb32F(image) => deep(&image, (0.0, 1.0), window),
        DynamicImage::ImageRgba32F(image) => deep(&image, (0.0, 1.0), window),
        // The 8-bit layouts.
        other => shallow(other.into_rgb8(), window),
    }
}

/// Makes a picture from 8-bit pixels.
pub(crate) fn shallow(image: RgbImage, window: Option<Window>) -> Picture {
    match window {
        Some(Window::Between { .. }) => deep(&image, (0.0, 255.0), window),
        Some(Window::Auto) | None => Picture {
            samples: Samples::Bytes(image),
            range: None,
        },
    }
}

/// Makes a picture from deeper pixels; without a window it shows the values in `whole`.
fn deep<P>(
    image: &ImageBuffer<P, Vec<P::Subpixel>>,
    whole: (f64, f64),
    window: Option<Window>,
) -> Picture
where
    P: Pixel,
    P::Subpixel: Into<f64>,
{
    let values = Values {
        width: image.width(),
        height: image.height(),
        channels: usize::from(P::CHANNEL_COUNT),
        samples: image.as_raw(),
    };
    shown(&values, whole, window, false)
}

/// Makes a picture of the values within the window, or within `usual` without one.
pub(crate) fn shown<T: Copy + Into<f64>>(
    values: &Values<'_, T>,
    usual: (f64, f64),
    window: Option<Window>,
    inverted: bool,
) -> Picture {
    let found = values.extent();
    let shown = match window {
        None => usual,
        Some(Window::Auto) => found,
        Some(Window::Between { low, high }) => (low, high),
    };
    Picture {
        samples: Samples::Words(values.spread(shown, inverted)),
        range: Some(Range { found, shown }),
    }
}
