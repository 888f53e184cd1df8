//! Whether a map's values predict the drop of the score when squares of the image are removed: Yeh et al. 2019.

use gradcam_map::Grid;
use gradcam_random::Random;

use super::sample::{Output, Sample};
use crate::{Error, Result};

/// The perturbations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Squares {
    /// How many squares are removed, one at a time.
    pub count: usize,
    /// The side of a square in pixels; `None` for a quarter of the image's shorter side.
    pub side: Option<usize>,
    /// The seed of their positions.
    pub seed: u64,
    /// Whether to scale the map so that it predicts best: Grad-CAM's maps are not in units of score per pixel.
    pub scaled: bool,
}

impl Default for Squares {
    /// 100 squares, with scaling.
    fn default() -> Self {
        Squares {
            count: 100,
            side: None,
            seed: 0,
            scaled: true,
        }
    }
}

/// Computes the mean of `(β I·φ - (F(x) - F(x - I)))²` over perturbations `I` that set a square of the image to 0 (Yeh et al. 2019,
/// definition 2.1). `F` is the target's logit, and a pixel's saliency `φ` counts for each of its channels. At least 0, lower is better.
///
/// `β` is the best scale, `Σ (I·φ) ΔF / Σ (I·φ)²`, or 1. The value is in squared units of the logit, so compare only maps of one network.
///
/// # Errors
/// If the map does not fit, there are no squares or they do not fit, or the network fails; the errors of [`check`](crate::check).
pub fn infidelity(sample: &Sample<'_>, map: &Grid, squares: Squares) -> Result<f64> {
    sample.check(map)?;
    let (channels, height, width) = sample.shape()?;
    let shorter = height.min(width);
    let side = squares.side.unwrap_or((shorter / 4).max(1));
    if side == 0 || side > shorter {
        return Err(Error::option(
            "side",
            "from 1 to the image's shorter side",
            side,
        ));
    }
    if squares.count == 0 {
        return Err(Error::option("count", "at least 1", 0));
    }
    let place = |i: usize| {
        let mut random = Random::of_draw(squares.seed, i);
        let top = random.below(height - side + 1);
        (top, random.below(width - side + 1))
    };
    let inside = |i: usize| {
        let (top, left) = place(i);
        (top..top + side).flat_map(move |y| (left..left + side).map(move |x| y * width + x))
    };
    // The first mask hides nothing.
    let scores = sample.masked(
        Output::Logit,
        &vec![0.0; channels],
        squares.count + 1,
        |i| {
            let mut mask = map.map(|_| 1.0);
            if i > 0 {
                inside(i - 1).for_each(|pixel| mask.values_mut()[pixel] = 0.0);
            }
            mask
        },
    )?;
    let pixels = sample.pixels()?;
    let predicted = |i: usize| -> f64 {
        let planes = pixels.chunks_exact(height * width);
        let parts = planes.flat_map(|plane| {
            inside(i).map(move |p| f64::from(plane[p]) * f64::from(map.values()[p]))
        });
        parts.sum()
    };
    let pairs: Vec<(f64, f64)> = (0..squares.count)
        .map(|i| (predicted(i), scores[0] - scores[i + 1]))
        .collect();
    let product: f64 = pairs.iter().map(|(p, d)| p * d).sum();
    let square: f64 = pairs.iter().map(|(p, _)| p * p).sum();
    let beta = if !squares.scaled {
        1.0
    } else if square > 0.0 {
        product / square
    } else {
        0.0
    };
    let errors = pairs.iter().map(|(p, d)| (beta * p - d).powi(2));
    Ok(errors.sum::<f64>() / squares.count as f64)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{Patch, SIDE, grid, on_any_threads};

    /// The gradient of a linear network predicts every change; for a map of zeros the error would be the changes themselves.
    #[test]
    fn the_gradient_of_a_linear_network_is_without_error() {
        let network = Patch::new();
        let image = network.image();
        let sample = network.sample(&image);
        let weights: Vec<f32> = network
            .mask()
            .iter()
            .map(|&m| if m { 4.0 / 30.0 } else { 0.0 })
            .collect();
        let gradient = grid(SIDE, SIDE, &weights);
        let plain = Squares {
            scaled: false,
            ..Squares::default()
        };
        let found = on_any_threads(|| infidelity(&sample, &gradient, plain).unwrap());
        assert!(found < 1e-9, "{found}");
        let half = gradient.map(|v| v / 2.0);
        assert!(infidelity(&sample, &half, Squares::default()).unwrap() < 1e-9);
        // Half the gradient misses half of each change; twice the gradient overshoots by a whole change.
        let (half, twice) = (
            infidelity(&sample, &half, plain).unwrap(),
            infidelity(&sample, &gradient.map(|v| 2.0 * v), plain).unwrap(),
        );
        assert!((twice / half - 4.0).abs() < 1e-3 && half > 0.01);
        let wide = Squares {
            side: Some(21),
            ..plain
        };
        assert!(infidelity(&sample, &gradient, wide).is_err());
    }
}
