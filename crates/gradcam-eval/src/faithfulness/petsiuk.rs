//! Deletion and insertion after Petsiuk et al. 2018 (RISE).

use gradcam_map::Grid;

use super::blur::rise_blurred;
use super::curve::{Curve, Steps};
use super::order::{Ties, order};
use super::sample::Sample;
use crate::{Error, Result};

/// The protocol of deletion and insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Petsiuk {
    /// Pixels changed at each step; `None` for eight rows' worth, as in the published evaluation of many images (28 steps at 224 × 224; its
    /// evaluation of single images uses one row's worth).
    pub step: Option<usize>,
    /// How ties between pixels of equal saliency are broken.
    pub ties: Ties,
}

/// Records the target's probability while pixels are set to 0, the data set's mean, starting with the most salient. A lower area is better.
///
/// `map` is at the image's resolution. Each step costs one forward pass, plus one for the whole image.
///
/// # Errors
/// If the map does not fit, a step is 0 or the network fails; the errors of [`check`](crate::check).
///
/// ```
/// use gradcam_eval::candle_core::{DType, Device, Result, Tensor};
/// use gradcam_eval::faithfulness::{Petsiuk, Sample, deletion, insertion};
/// use gradcam_eval::gradcam::{Network, Pass};
/// use gradcam_eval::nulls::centre_map;
/// use gradcam_eval::gradcam_map::Size;
///
/// /// Two logits: five times the image's mean, and 0.
/// struct Brightness;
///
/// impl Network for Brightness {
///     fn forward(&self, x: &Tensor, _pass: &mut dyn Pass) -> Result<Tensor> {
///         let mean = (x.mean((1, 2, 3))?.unsqueeze(1)? * 5.0)?;
///         Tensor::cat(&[&mean, &mean.zeros_like()?], 1)
///     }
/// }
///
/// let image = Tensor::ones((1, 3, 16, 16), DType::F32, &Device::Cpu)?;
/// let sample = Sample::new(&Brightness, &image, 0);
/// let map = centre_map(Size::new(16, 16)?);
/// // From a bright image to a black one, for which both classes are equally likely.
/// let deleted = deletion(&sample, &map, Petsiuk::default())?;
/// assert!(deleted.scores[0] > 0.99);
/// assert_eq!(deleted.scores.last(), Some(&0.5));
/// // From a blurred image to the bright one.
/// let inserted = insertion(&sample, &map, Petsiuk::default())?;
/// assert_eq!(inserted.scores.last(), deleted.scores.first());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn deletion(sample: &Sample<'_>, map: &Grid, protocol: Petsiuk) -> Result<Curve> {
    let (channels, ..) = sample.shape()?;
    run(sample, map, protocol, &vec![0.0; channels], true)
}

/// Records the target's probability while pixels of the image replace those of a blurred copy ([`rise_kernel`](super::rise_kernel)),
/// starting with the most salient. A higher area is better.
///
/// # Errors
/// As [`deletion`].
pub fn insertion(sample: &Sample<'_>, map: &Grid, protocol: Petsiuk) -> Result<Curve> {
    sample.shape()?;
    run(sample, map, protocol, &rise_blurred(sample.image)?, false)
}

/// Computes the curve while the first pixels show the `substrate` and the others the image, or the reverse.
fn run(
    sample: &Sample<'_>,
    map: &Grid,
    protocol: Petsiuk,
    substrate: &[f32],
    delete: bool,
) -> Result<Curve> {
    sample.check(map)?;
    let size = protocol.step.unwrap_or(8 * map.width());
    let size = size.min(map.size().area());
    if size == 0 {
        return Err(Error::option("step", "at least 1", size));
    }
    let steps = Steps {
        size,
        substrate,
        delete,
        cumulative: true,
    };
    steps.curve(sample, map, &order(map, protocol.ties)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Undefined;
    use crate::nulls::random_map;
    use crate::testing::{Patch, SIDE, on_any_threads, size, undefined};

    fn sigmoid(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    /// 30 pixels of 1 decide; after `d` of them are removed the logit is 4 (1 - d / 30).
    #[test]
    fn the_curve_of_a_network_that_sees_one_patch() {
        let (network, protocol) = (
            Patch::new(),
            Petsiuk {
                step: Some(7),
                ..Petsiuk::default()
            },
        );
        let image = network.image();
        let found = on_any_threads(|| {
            deletion(&network.sample(&image), &network.perfect(), protocol).unwrap()
        });
        assert_eq!(found.scores.len(), 400_usize.div_ceil(7) + 1);
        for (i, score) in found.scores.iter().enumerate() {
            let left = 30_usize.saturating_sub(7 * i) as f64 / 30.0;
            assert!((score - sigmoid(4.0 * left)).abs() < 1e-6, "{i}");
        }
        assert_eq!(found.shares[1], 7.0 / 400.0);
        assert_eq!(found.shares.last(), Some(&1.0));
    }

    #[test]
    fn insertion_begins_with_the_blurred_image_and_ends_with_the_image() {
        let network = Patch::new();
        let image = network.image();
        let sample = network.sample(&image);
        let found = insertion(&sample, &network.perfect(), Petsiuk::default()).unwrap();
        let blurred = rise_blurred(&image).unwrap();
        let inside = blurred
            .iter()
            .zip(network.mask())
            .filter(|(_, inside)| *inside);
        let mean = inside.map(|(&v, _)| f64::from(v)).sum::<f64>() / 30.0;
        assert!((found.scores[0] - sigmoid(4.0 * mean)).abs() < 1e-6);
        for score in &found.scores[1..] {
            assert!(
                (score - sigmoid(4.0)).abs() < 1e-6,
                "the patch fits into a step"
            );
        }
        let random = random_map(size(SIDE, SIDE), 0);
        assert!(
            insertion(&sample, &random, Petsiuk::default())
                .unwrap()
                .area
                < found.area
        );
    }

    #[test]
    fn the_rule_for_ties_decides_a_map_of_ties() {
        let network = Patch::new();
        let image = network.image();
        let sample = network.sample(&image);
        // Only the last pixel stands out.
        let mut map = network.perfect().map(|_| 0.0);
        map.values_mut()[399] = 1.0;
        let area = |ties: Ties| {
            let protocol = Petsiuk {
                step: Some(10),
                ties,
            };
            deletion(&sample, &map, protocol).unwrap()
        };
        let raster = area(Ties::Raster);
        assert_eq!(raster.tie_fraction, 399.0 / 400.0);
        assert_ne!(raster.area, area(Ties::Random(0)).area);
        assert_ne!(area(Ties::Random(1)).area, area(Ties::Random(0)).area);
        let flat = map.map(|_| 1.0);
        assert_eq!(
            undefined(deletion(&sample, &flat, Petsiuk::default())),
            Undefined::Constant
        );
        let zero = Petsiuk {
            step: Some(0),
            ..Petsiuk::default()
        };
        assert!(deletion(&sample, &map, zero).is_err());
        assert!(deletion(&sample, &random_map(size(4, 4), 0), Petsiuk::default()).is_err());
    }
}
