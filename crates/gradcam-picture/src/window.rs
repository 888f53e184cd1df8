//! The values that become black and white, if a picture has more than a screen can show.

use std::fmt;
use std::str::FromStr;

use image::{ImageBuffer, Rgb};

/// A picture with 16 bits per sample.
pub type Rgb16Image = ImageBuffer<Rgb<u16>, Vec<u16>>;

/// The values that become black and white. Values beyond are clipped; values between are spread linearly over 16 bits.
///
/// ```
/// use gradcam_picture::Window;
///
/// let lungs = Window::Between { low: -1350.0, high: 150.0 };
/// assert_eq!("-1350:150".parse::<Window>()?, lungs);
/// assert_eq!(lungs.to_string(), "-1350:150");
/// assert!("150:-1350".parse::<Window>().is_err());
/// # Ok::<(), gradcam_picture::NoWindow>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Window {
    /// From the smallest to the largest value of each picture. 8-bit pictures stay unchanged.
    Auto,
    /// From `low` to `high`, in the picture's own values. In DICOM these are rescaled values, such as Hounsfield units.
    Between {
        /// The value that becomes black.
        low: f64,
        /// The value that becomes white; larger than `low`.
        high: f64,
    },
}

/// A text that is not a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected `auto` or LO:HI, two numbers with the smaller one first, found `{0}`")]
pub struct NoWindow(String);

impl FromStr for Window {
    type Err = NoWindow;

    fn from_str(text: &str) -> Result<Self, NoWindow> {
        if text == "auto" {
            return Ok(Window::Auto);
        }
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|v| v.is_finite());
        match text.split_once(':').map(|(a, b)| (number(a), number(b))) {
            Some((Some(low), Some(high))) if low < high => Ok(Window::Between { low, high }),
            _ => Err(NoWindow(text.to_string())),
        }
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Window::Auto => f.write_str("auto"),
            Window::Between { low, high } => write!(f, "{low}:{high}"),
        }
    }
}

/// The range of a picture's values, and the range that is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Range {
    /// The smallest and the largest value of the picture.
    pub found: (f64, f64),
    /// The values that became black and white.
    pub shown: (f64, f64),
}

impl Range {
    /// Returns the fraction of the shown range that the picture's values cover, 0 to 1.
    pub fn share(&self) -> f64 {
        let (low, high) = self.shown;
        let span = self.found.1.min(high) - self.found.0.max(low);
        if high > low {
            (span / (high - low)).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }

    /// Checks for low contrast: the values cover less than a quarter of the shown range, as 12-bit values in a 16-bit file do.
    pub fn is_narrow(&self) -> bool {
        self.share() < 0.25
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (low, high) = self.found;
        let (black, white) = self.shown;
        write!(
            f,
            "its values range from {low} to {high}, which is {:.1} % of the shown range, {black} to {white}",
            100.0 * self.share()
        )
    }
}

/// Samples, pixel by pixel; the first one or three of each pixel are colours.
pub(crate) struct Values<'a, T> {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Samples per pixel: grey (1), grey and alpha (2), colour (3), colour and alpha (4).
    pub(crate) channels: usize,
    pub(crate) samples: &'a [T],
}

impl<T: Copy + Into<f64>> Values<'_, T> {
    fn colours(&self) -> usize {
        if self.channels < 3 { 1 } else { 3 }
    }

    /// Returns the smallest and largest finite value; zeros if there are none.
    pub(crate) fn extent(&self) -> (f64, f64) {
        let mut extent: Option<(f64, f64)> = None;
        for pixel in self.samples.chunks_exact(self.channels) {
            for &sample in &pixel[..self.colours()] {
                let value: f64 = sample.into();
                if value.is_finite() {
                    let (low, high) = extent.unwrap_or((value, value));
                    extent = Some((low.min(value), high.max(value)));
                }
            }
        }
        extent.unwrap_or((0.0, 0.0))
    }

    /// Spreads the values from `low` to `high` over all 16 bits, reversed if `inverted`.
    pub(crate) fn spread(&self, (low, high): (f64, f64), inverted: bool) -> Rgb16Image {
        let white = f64::from(u16::MAX);
        let scale = if high > low {
            white / (high - low)
        } else {
            0.0
        };
        let shade = |sample: T| {
            let value: f64 = sample.into();
            // A conversion to an integer saturates, and turns NaN into 0.
            let shade = match scale {
                0.0 if value > low => u16::MAX,
                _ => ((value - low) * scale).round() as u16,
            };
            if inverted { u16::MAX - shade } else { shade }
        };
        let colours = self.colours();
        let mut out = Rgb16Image::new(self.width, self.height);
        for (to, from) in out
            .pixels_mut()
            .zip(self.samples.chunks_exact(self.channels))
        {
            to.0 = match from[..colours] {
                [red, green, blue] => [red, green, blue].map(shade),
                _ => [shade(from[0]); 3],
            };
        }
        out
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_read_and_written() {
        for text in ["auto", "0:4095", "-1000:400", "0.5:1.25"] {
            assert_eq!(text.parse::<Window>().unwrap().to_string(), text);
        }
        for text in [
            "", "Auto", "4095", "5:5", "9:1", "a:b", "0:inf", "nan:1", "0:1:2",
        ] {
            let error = text.parse::<Window>().unwrap_err().to_string();
            assert!(error.contains("expected `auto` or LO:HI"), "{error}");
        }
    }

    #[test]
    fn values_are_spread_over_all_bits() {
        let values = |samples| Values {
            width: 4,
            height: 1,
            channels: 1,
            samples,
        };
        let grey = |image: Rgb16Image| image.pixels().map(|p| p.0[0]).collect::<Vec<_>>();
        let own = values(&[0.0_f64, 1.0, 2.0, f64::NAN]);
        assert_eq!(own.extent(), (0.0, 2.0));
        assert_eq!(grey(own.spread((0.0, 2.0), false)), [0, 32768, 65535, 0]);
        assert_eq!(grey(own.spread((0.0, 1.0), true)), [65535, 0, 0, 65535]);
        assert_eq!(grey(own.spread((1.0, 1.0), false)), [0, 0, 65535, 0]);
        // The full 16-bit range keeps every value.
        let all: Vec<u16> = (0..=u16::MAX).collect();
        let all = Values {
            width: 256,
            height: 256,
            channels: 1,
            samples: &all,
        };
        assert_eq!(grey(all.spread((0.0, 65535.0), false)), all.samples);
    }

    #[test]
    fn little_of_the_range_is_narrow() {
        let range = |found, shown| Range { found, shown };
        let deep = (0.0, 65535.0);
        assert!(range((0.0, 4095.0), deep).is_narrow());
        assert!(range((0.0, 16383.0), deep).is_narrow());
        assert!(!range((0.0, 65535.0), deep).is_narrow());
        assert!(!range((0.0, 4095.0), (0.0, 4095.0)).is_narrow());
        assert!(range((5000.0, 6000.0), (0.0, 4095.0)).is_narrow());
        assert!(range((7.0, 7.0), (7.0, 7.0)).is_narrow());
        let text = range((0.0, 4095.0), deep).to_string();
        assert_eq!(
            text,
            "its values range from 0 to 4095, which is 6.2 % of the shown range, 0 to 65535"
        );
    }
}
