//! A picture with all its bits, and how decoded values become one.

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, Pixel, RgbImage};

use crate::window::Values;
use crate::{Range, Rgb16Image, Window};

/// A picture.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Picture {
    /// Its pixels.
    pub samples: Samples,
    /// Its values before they were shown, where it has more than 8 bits, or was asked for by its values.
    pub range: Option<Range>,
}

/// Pixels, with as many bits as the picture has: no format has more than 16 that can be shown, so that a match can be exhaustive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Samples {
    /// 8 bits a sample.
    Bytes(RgbImage),
    /// 16 bits a sample.
    Words(Rgb16Image),
}

impl Picture {
    /// A picture without a range of values.
    pub fn new(samples: Samples) -> Picture {
        Picture {
            samples,
            range: None,
        }
    }

    /// Width and height in pixels.
    pub fn dimensions(&self) -> (u32, u32) {
        match &self.samples {
            Samples::Bytes(image) => image.dimensions(),
            Samples::Words(image) => image.dimensions(),
        }
    }

    /// The picture turned as `orientation` says.
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

    /// The picture as it is shown: of 16 bits the high byte.
    pub fn into_rgb8(self) -> RgbImage {
        match self.samples {
            Samples::Bytes(image) => image,
            Samples::Words(image) => high_bytes(&image),
        }
    }
}

/// The high byte of every 16-bit sample.
pub fn high_bytes(picture: &Rgb16Image) -> RgbImage {
    let mut out = RgbImage::new(picture.width(), picture.height());
    for (to, from) in out.iter_mut().zip(picture.iter()) {
        *to = (from >> 8) as u8;
    }
    out
}

/// Every decoded layout as RGB, under the rules of this crate's documentation.
pub(crate) fn develop(decoded: DynamicImage, window: Option<Window>) -> Picture {
    const WORDS: (f64, f64) = (0.0, 65_535.0);
    match decoded {
        DynamicImage::ImageLuma16(image) => deep(&image, WORDS, window),
        DynamicImage::ImageLumaA16(image) => deep(&image, WORDS, window),
        DynamicImage::ImageRgb16(image) => deep(&image, WORDS, window),
        DynamicImage::ImageRgba16(image) => deep(&image, WORDS, window),
        DynamicImage::ImageRgb32F(image) => deep(&image, (0.0, 1.0), window),
        DynamicImage::ImageRgba32F(image) => deep(&image, (0.0, 1.0), window),
        // The layouts of 8 bits.
        other => shallow(other.into_rgb8(), window),
    }
}

/// A picture of 8 bits.
pub(crate) fn shallow(image: RgbImage, window: Option<Window>) -> Picture {
    match window {
        Some(Window::Between { .. }) => deep(&image, (0.0, 255.0), window),
        Some(Window::Auto) | None => Picture {
            samples: Samples::Bytes(image),
            range: None,
        },
    }
}

/// A picture of more bits, which shows the values of `whole` where no window is asked for.
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

/// Values as a picture, with what lies in the window or else in `usual`.
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
