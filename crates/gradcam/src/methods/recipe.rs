//! The contract of a method of this crate.

use candle_core::Tensor;
use gradcam_map::Size;
use gradcam_nn::Network;

use super::about::About;
use crate::saliency::{SignedMap, Subject};
use crate::target::Target;
use crate::{Error, Result};

/// A method with its options. The table in `table.rs` gives it its name and makes it a [`Saliency`](crate::Saliency), whose functions say
/// more about those of the same name here.
pub(crate) trait Recipe {
    /// Returns paper, cost and needs.
    fn about(&self) -> About;

    /// Refuses options with invalid values.
    fn check(&self, _check: &Check) -> Result<()> {
        Ok(())
    }

    /// Refuses a network that the method cannot explain, whatever the image.
    fn suits(&self, _setting: &Setting<'_>) -> Result<()> {
        Ok(())
    }

    /// Whether the map changes with the score's sign.
    fn is_signed(&self) -> bool {
        true
    }

    /// Returns another score whose gradient the method takes; `None` for the target's own.
    fn objective(&self, _target: &Target, _logits: &[f32]) -> Result<Option<Target>> {
        Ok(None)
    }

    /// Computes the signed map of one image for one score.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap>;
}

/// The network and the layers for a method, before there is an image.
pub(crate) struct Setting<'a> {
    /// The method's name.
    pub(crate) method: &'static str,
    pub(crate) network: &'a dyn Network,
    /// An image of the size of the network's inputs, with meaningless values.
    pub(crate) image: &'a Tensor,
    /// Empty for a method that works on the pixels.
    pub(crate) layers: &'a [&'a str],
}

/// The most Gauss-Legendre points; they are found in a moment.
const STEPS: usize = 10_000;
/// The most forward passes: nobody waits for so many, and times a layer's channels they are still a number.
const COUNT: usize = 1_000_000_000;
/// The most superpixels: a regression's matrix has the square of their number.
const SEGMENTS: usize = 5000;

/// Refuses invalid values of options.
pub(crate) struct Check {
    /// The method's name.
    pub(crate) method: &'static str,
    /// Height and width of the input, if they are known.
    pub(crate) input: Option<Size>,
}

impl Check {
    /// Returns the input's shorter side; if it is not known, more than any option can be.
    pub(crate) fn shorter_side(&self) -> usize {
        self.input
            .map_or(usize::MAX, |size| size.height().min(size.width()))
    }

    pub(crate) fn that(
        &self,
        fits: bool,
        option: &'static str,
        expected: &'static str,
        found: impl ToString,
    ) -> Result<()> {
        if fits {
            Ok(())
        } else {
            Err(Error::option(self.method, option, expected, found))
        }
    }

    pub(crate) fn count(&self, option: &'static str, found: usize) -> Result<()> {
        let fits = (1..=COUNT).contains(&found);
        self.that(fits, option, "at least 1 and at most 1000000000", found)
    }

    pub(crate) fn segments(&self, found: usize) -> Result<()> {
        let fits = (1..=SEGMENTS).contains(&found);
        self.that(fits, "segments", "1 to 5000", found)
    }

    pub(crate) fn steps(&self, found: usize) -> Result<()> {
        let fits = (1..=STEPS).contains(&found);
        self.that(fits, "steps", "1 to 10000", found)
    }

    pub(crate) fn at_least_zero(&self, option: &'static str, found: f64) -> Result<()> {
        let fits = found >= 0.0 && found.is_finite();
        self.that(fits, option, "a number of at least 0", found)
    }

    pub(crate) fn finite(&self, option: &'static str, found: f64) -> Result<()> {
        self.that(found.is_finite(), option, "a finite number", found)
    }
}
