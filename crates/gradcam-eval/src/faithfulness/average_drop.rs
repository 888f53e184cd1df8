//! The network's score when it sees only what the map shows, or everything else.

use gradcam_map::Grid;

use super::sample::{Output, Sample};
use crate::metrics::brought_to_one;
use crate::{Result, Undefined};

/// The changes of the target's probability `p` on an image; the papers report means over images.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Drop {
    /// `max(0, p - p_shown) / p`, 0 to 1, lower is better: the mean is the average drop (Chattopadhay et al. 2018).
    pub drop: f64,
    /// Whether `p_shown > p`: the mean is the increase in confidence (Chattopadhay et al. 2018).
    pub increase: bool,
    /// `(p - p_hidden) / p`, at most 1, higher is better: the mean is the average drop in deletion (Jung and Oh 2021).
    pub drop_in_deletion: f64,
    /// `max(0, p_shown - p) / (1 - p)`, 0 to 1, higher is better: the mean is the average gain (Zhang et al. 2024, Opti-CAM).
    /// [`Undefined::FullScore`] if `p` is 1.
    pub gain: std::result::Result<f64, Undefined>,
}

/// Measures the target's probability when the image is multiplied by the map, rescaled to 0 to 1, and by one minus the map.
///
/// `map` is at the image's resolution. 0 in the image is the data set's mean, so hidden pixels are grey. It costs three forward passes.
///
/// # Errors
/// If the map does not fit or the network fails; the errors of [`check`](crate::check); [`Undefined::NoScore`] if `p` is 0.
pub fn average_drop(sample: &Sample<'_>, map: &Grid) -> Result<Drop> {
    sample.check(map)?;
    let (channels, ..) = sample.shape()?;
    let shown = brought_to_one(map)?;
    let mask = |index: usize| match index {
        0 => Grid::filled(map.size(), 1.0),
        1 => shown.clone(),
        _ => shown.map(|v| 1.0 - v),
    };
    let scores = sample.masked(Output::Probability, &vec![0.0; channels], 3, mask)?;
    match scores[..] {
        [whole, shown, hidden] if whole > 0.0 => Ok(Drop {
            drop: (whole - shown).max(0.0) / whole,
            increase: shown > whole,
            drop_in_deletion: (whole - hidden) / whole,
            gain: if whole < 1.0 {
                Ok((shown - whole).max(0.0) / (1.0 - whole))
            } else {
                Err(Undefined::FullScore)
            },
        }),
        _ => Err(Undefined::NoScore.into()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;
    use crate::testing::{Patch, SIDE, grid, on_any_threads};

    /// The patch alone keeps the logit of 4; without it the logit is 0, and half of it gives 2.
    #[test]
    fn the_patch_is_all_that_counts() {
        let network = Patch::new();
        let image = network.image();
        let sample = network.sample(&image);
        let p = |logit: f64| 1.0 / (1.0 + (-logit).exp());
        let whole: Vec<f32> = network
            .mask()
            .iter()
            .map(|&m| f32::from(u8::from(m)))
            .collect();
        let found = on_any_threads(|| average_drop(&sample, &grid(SIDE, SIDE, &whole)).unwrap());
        assert_eq!((found.drop, found.increase), (0.0, false));
        assert!((found.drop_in_deletion - (p(4.0) - 0.5) / p(4.0)).abs() < 1e-6);
        // The patch at half the height of the map's peak, which is elsewhere.
        let mut half: Vec<f32> = whole.iter().map(|v| 0.5 * v).collect();
        half[0] = 1.0;
        let found = average_drop(&sample, &grid(SIDE, SIDE, &half)).unwrap();
        let expected = (p(4.0) - p(2.0)) / p(4.0);
        assert!((found.drop - expected).abs() < 1e-6);
        assert!((found.drop_in_deletion - expected).abs() < 1e-6);
    }

    /// The upper half of the patch is as much evidence for the class as the lower one against it. The logit is 0, and 2 or -2 with one half
    /// alone.
    #[test]
    fn the_gain_is_a_share_of_what_the_probability_lacks() {
        let network = Patch::new();
        let half = |upper: bool| {
            let mask = network.mask().into_iter().enumerate();
            let inside = mask.map(|(i, m)| f32::from(u8::from(m && (i / SIDE < 6) == upper)));
            grid(SIDE, SIDE, &inside.collect::<Vec<_>>())
        };
        let (upper, lower) = (half(true), half(false));
        let pixels = upper.values().iter().zip(lower.values());
        let pixels: Vec<f32> = pixels.map(|(a, b)| a - b).collect();
        let image = Tensor::from_vec(pixels, (1, 1, SIDE, SIDE), &Device::Cpu).unwrap();
        let sample = network.sample(&image);
        let p = 1.0 / (1.0 + (-2.0_f64).exp());
        let gain = average_drop(&sample, &upper).unwrap().gain.unwrap();
        assert!((gain - (p - 0.5) / 0.5).abs() < 1e-6, "{gain}");
        assert_eq!(average_drop(&sample, &lower).unwrap().gain, Ok(0.0));
    }

    #[test]
    fn a_score_of_1_has_nothing_to_gain() {
        let network = Patch {
            sharpness: 100.0,
            ..Patch::new()
        };
        let image = network.image();
        let found = average_drop(&network.sample(&image), &network.perfect()).unwrap();
        assert_eq!((found.drop, found.gain), (0.0, Err(Undefined::FullScore)));
    }

    #[test]
    fn hiding_what_speaks_against_the_class_raises_the_confidence() {
        let network = Patch {
            sharpness: -4.0,
            ..Patch::new()
        };
        let image = network.image();
        let mut map = grid(SIDE, SIDE, &[0.0; SIDE * SIDE]);
        map.values_mut()[0] = 1.0;
        assert!(
            average_drop(&network.sample(&image), &map)
                .unwrap()
                .increase
        );
    }
}
