//! How far a map moves when its image barely changes: Yeh et al. 2019.

use candle_core::Tensor;
use gradcam_map::Grid;
use gradcam_random::Random;
use rayon::prelude::*;

use super::sample::{Explain, Sample};
use crate::degenerate::{check, check_finite, check_pair};
use crate::{Error, Result};

/// The neighbours of an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ball {
    /// The largest change of an input value, in the input's own units.
    pub radius: f64,
    /// The number of neighbours.
    pub count: usize,
    /// Their seed.
    pub seed: u64,
}

impl Default for Ball {
    /// 10 neighbours within 0.1.
    fn default() -> Self {
        Ball {
            radius: 0.1,
            count: 10,
            seed: 0,
        }
    }
}

/// Computes the largest change of the map, `‖φ(x + d) - φ(x)‖ / ‖φ(x)‖`, over neighbours drawn uniformly with `|d| ≤ radius` at each value
/// (Yeh et al. 2019, max-sensitivity, relative to the map's own norm). At least 0, lower is better.
///
/// Each neighbour costs one explanation, plus one for the image. A neighbour's map may be constant; the image's may not.
///
/// # Errors
/// If the radius is not positive, there are no neighbours, `explain` fails or its maps have different sizes; the errors of [`check`].
pub fn max_sensitivity(sample: &Sample<'_>, explain: &Explain<'_>, ball: Ball) -> Result<f64> {
    if !(ball.radius > 0.0 && ball.radius.is_finite()) {
        return Err(Error::option("radius", "a positive number", ball.radius));
    }
    if ball.count == 0 {
        return Err(Error::option("count", "at least 1", 0));
    }
    sample.shape()?;
    let map = explain(sample.network, sample.image)?;
    check(&map)?;
    let pixels = sample.pixels()?;
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let change = |draw: usize| -> Result<f64> {
        let mut random = Random::of_draw(ball.seed, draw);
        let moved = |&v: &f32| v + (ball.radius * (2.0 * random.unit() - 1.0)) as f32;
        let moved: Vec<f32> = pixels.iter().map(moved).collect();
        let image = Tensor::from_vec(moved, sample.image.shape(), sample.image.device())?;
        let found: Grid = explain(sample.network, &image.to_dtype(sample.image.dtype())?)?;
        check_finite(&found)?;
        check_pair(&map, &found)?;
        let pairs = found.values().iter().zip(map.values());
        Ok(norm(&mut pairs.map(|(a, b)| f64::from(*a) - f64::from(*b))))
    };
    let changes: Vec<_> = (0..ball.count)
        .into_par_iter()
        .with_max_len(1)
        .map(change)
        .collect();
    let mut most = 0.0_f64;
    for change in changes {
        most = most.max(change?);
    }
    Ok(most / norm(&mut map.values().iter().map(|&v| f64::from(v))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{Patch, SIDE, grid, on_any_threads};

    fn pixels(image: &Tensor) -> Vec<f32> {
        image.flatten_all().unwrap().to_vec1().unwrap()
    }

    /// A map equal to the image moves by `‖d‖`, which for 400 uniform numbers is near `20 r / √3`.
    #[test]
    fn a_map_that_is_the_image_moves_with_it() {
        let network = Patch::new();
        let image = network.image();
        let sample = network.sample(&image);
        let found = on_any_threads(|| {
            max_sensitivity(
                &sample,
                &|_, x| Ok(grid(SIDE, SIDE, &pixels(x))),
                Ball::default(),
            )
            .unwrap()
        });
        let norm = pixels(&image)
            .iter()
            .map(|&v| f64::from(v).powi(2))
            .sum::<f64>()
            .sqrt();
        let expected = 20.0 * 0.1 / 3.0_f64.sqrt() / norm;
        assert!((found / expected - 1.0).abs() < 0.12 && found > expected);
        let twice = Ball {
            radius: 0.2,
            ..Ball::default()
        };
        let moved =
            max_sensitivity(&sample, &|_, x| Ok(grid(SIDE, SIDE, &pixels(x))), twice).unwrap();
        assert!((moved / found - 2.0).abs() < 1e-4);
        let still = max_sensitivity(&sample, &|_, _| Ok(network.perfect()), Ball::default());
        assert_eq!(still.unwrap(), 0.0);
    }
}
