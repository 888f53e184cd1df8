//! Whether the map's sum over pixels predicts the drop of the score without them: Ancona et al. 2018.

use gradcam_map::Grid;
use gradcam_random::Random;

use super::sample::{Output, Sample};
use crate::metrics::pearson;
use crate::{Error, Result};

/// The pixels to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subsets {
    /// Pixels removed at a time; `None` for a tenth of the image.
    pub size: Option<usize>,
    /// The number of sets of that size.
    pub count: usize,
    /// The seed of the sets.
    pub seed: u64,
}

impl Default for Subsets {
    /// 100 sets of a tenth of the image.
    fn default() -> Self {
        Subsets {
            size: None,
            count: 100,
            seed: 0,
        }
    }
}

/// Computes Pearson's correlation between the map's sum over random sets of pixels and the drop of the target's logit when they are set to
/// 0 (Ancona et al. 2018, sensitivity-n). -1 to 1, higher is better.
///
/// The map is taken as contributions to the score; the gradient times the input is that, but Grad-CAM's map is not meant to be.
///
/// # Errors
/// If the map does not fit, a set is empty or as large as the image, or the network fails; the errors of [`check`](crate::check);
/// [`Undefined::ConstantScores`](crate::Undefined::ConstantScores) if no set changes the score.
pub fn sensitivity_n(sample: &Sample<'_>, map: &Grid, subsets: Subsets) -> Result<f64> {
    sample.check(map)?;
    let (channels, ..) = sample.shape()?;
    let all = map.size().area();
    let size = subsets.size.unwrap_or((all / 10).max(1));
    if size == 0 || size >= all {
        return Err(Error::option(
            "size",
            "at least 1 and less than the image's pixels",
            size,
        ));
    }
    if subsets.count < 2 {
        return Err(Error::option("count", "at least 2", subsets.count));
    }
    let set = |i: usize| Random::of_draw(subsets.seed, i).draws(size, all);
    // The first mask hides nothing.
    let scores = sample.masked(
        Output::Logit,
        &vec![0.0; channels],
        subsets.count + 1,
        |i| {
            let mut mask = map.map(|_| 1.0);
            if i > 0 {
                set(i - 1)
                    .into_iter()
                    .for_each(|pixel| mask.values_mut()[pixel] = 0.0);
            }
            mask
        },
    )?;
    let sum = |i: usize| -> f64 { set(i).into_iter().map(|p| f64::from(map.values()[p])).sum() };
    let sums: Vec<f64> = (0..subsets.count).map(sum).collect();
    let lost: Vec<f64> = scores.iter().skip(1).map(|s| scores[0] - s).collect();
    pearson(&sums, &lost)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{Patch, SIDE, grid, on_any_threads};

    /// Gradient times input of a linear network sums to every loss.
    #[test]
    fn contributions_to_a_linear_network_correlate_wholly() {
        let network = Patch::new();
        let image = network.image();
        let sample = network.sample(&image);
        let parts = network
            .mask()
            .into_iter()
            .map(|m| if m { 4.0 / 30.0 } else { 0.0 });
        let map = grid(SIDE, SIDE, &parts.collect::<Vec<_>>());
        let found = on_any_threads(|| sensitivity_n(&sample, &map, Subsets::default()).unwrap());
        assert!((found - 1.0).abs() < 1e-9);
        let opposite = sensitivity_n(&sample, &map.map(|v| -v), Subsets::default()).unwrap();
        assert!((found + opposite).abs() < 1e-9);
        let whole = Subsets {
            size: Some(400),
            ..Subsets::default()
        };
        assert!(sensitivity_n(&sample, &map, whole).is_err());
    }
}
