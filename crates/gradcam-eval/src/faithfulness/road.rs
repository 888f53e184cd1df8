//! Remove and debias, after Rong et al. 2022 (ROAD).

use gradcam_map::Grid;
use gradcam_random::Random;

use super::impute::impute;
use super::order::{Ties, order};
use super::sample::{Output, Sample};
use crate::{Error, Result};

/// The protocol.
#[derive(Debug, Clone, PartialEq)]
pub struct Road {
    /// The shares of removed pixels, above 0 and below 1.
    pub shares: Vec<f64>,
    /// The standard deviation of the noise added to imputed pixels, in the units of the network's input.
    pub noise: f64,
    /// The seed of the noise.
    pub seed: u64,
    /// How ties between pixels of equal saliency are broken.
    pub ties: Ties,
}

impl Default for Road {
    /// A tenth to nine tenths of the pixels, and noise of 0.01.
    fn default() -> Self {
        Road {
            shares: (1..10).map(|i| f64::from(i) / 10.0).collect(),
            noise: 0.01,
            seed: 0,
            ties: Ties::default(),
        }
    }
}

/// The target's probability when shares of the pixels are removed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RoadCurves {
    /// With the most salient pixels removed, one value per share; lower is better.
    pub most_relevant_first: Vec<f64>,
    /// With the least salient pixels removed, one value per share; higher is better.
    pub least_relevant_first: Vec<f64>,
    /// The mean over the shares of half the difference, least minus most: -½ to ½, higher is better, and about 0 for a random map.
    pub combined: f64,
}

/// Measures the target's probability when the most and the least salient pixels are removed. They are imputed from their surroundings
/// ([`impute`], and noise), so that the shape of the removed region cannot give the class away.
///
/// `map` is at the image's resolution. Each share costs two forward passes.
///
/// # Errors
/// If the map does not fit, a share is not between 0 and 1, the noise is negative or the network fails; the errors of
/// [`check`](crate::check).
pub fn road(sample: &Sample<'_>, map: &Grid, protocol: &Road) -> Result<RoadCurves> {
    sample.check(map)?;
    let shares = &protocol.shares;
    if let Some(share) = shares.iter().find(|&&s| !(s > 0.0 && s < 1.0)) {
        return Err(Error::option("shares", "above 0 and below 1", share));
    }
    if shares.is_empty() {
        return Err(Error::option("shares", "at least one number", "none"));
    }
    if !(protocol.noise >= 0.0 && protocol.noise.is_finite()) {
        return Err(Error::option("noise", "at least 0", protocol.noise));
    }
    let most_first = order(map, protocol.ties)?;
    let least_first: Vec<usize> = most_first.iter().rev().copied().collect();
    let pixels = sample.pixels()?;
    let curve = |order: &[usize], stream: usize| {
        sample.scores(Output::Probability, shares.len(), |i| {
            // At least one pixel stays visible.
            let count = (shares[i] * order.len() as f64).round() as usize;
            let mut hidden = vec![false; order.len()];
            let removed = order.iter().take(count.min(order.len() - 1));
            removed.for_each(|&pixel| hidden[pixel] = true);
            let mut random = Random::of_draw(protocol.seed, 2 * i + stream);
            let mut filled = impute(&pixels, &hidden, map.height(), map.width())?;
            for plane in filled.chunks_exact_mut(order.len()) {
                let removed = plane.iter_mut().zip(&hidden).filter(|(_, hidden)| **hidden);
                removed.for_each(|(v, _)| *v += (protocol.noise * random.normal()) as f32);
            }
            Ok(filled)
        })
    };
    let most_relevant_first = curve(&most_first, 0)?;
    let least_relevant_first = curve(&least_first, 1)?;
    let differences = least_relevant_first.iter().zip(&most_relevant_first);
    let sum: f64 = differences.map(|(least, most)| (least - most) / 2.0).sum();
    Ok(RoadCurves {
        combined: sum / shares.len() as f64,
        most_relevant_first,
        least_relevant_first,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::nulls::random_map;
    use crate::testing::{Patch, SIDE, on_any_threads, size};

    #[test]
    fn a_patch_is_filled_from_around_or_not_touched() {
        let network = Patch::new();
        let image = network.image();
        let sample = network.sample(&image);
        let protocol = Road::default();
        let found = on_any_threads(|| road(&sample, &network.perfect(), &protocol).unwrap());
        let whole = sample.whole(Output::Probability).unwrap();
        for score in &found.least_relevant_first {
            assert_eq!(*score, whole, "the patch is a thirteenth of the image");
        }
        for score in &found.most_relevant_first {
            assert!((0.4..0.75).contains(score), "{score}");
        }
        let random = road(&sample, &random_map(size(SIDE, SIDE), 0), &protocol).unwrap();
        assert!(random.combined.abs() < 0.05 && found.combined > 0.15);
        // The noise follows the seed.
        let other = Road {
            seed: 1,
            ..protocol
        };
        assert_ne!(road(&sample, &network.perfect(), &other).unwrap(), found);
        let wrong = Road {
            shares: vec![1.0],
            ..Road::default()
        };
        assert!(road(&sample, &network.perfect(), &wrong).is_err());
    }
}
