//! The similarity of maps, by several metrics at once.

use gradcam_map::Grid;
use gradcam_random::Random;
use serde::Serialize;

use super::images::each;
use crate::statistics::Measured;
use crate::{Error, Evidence, Metric, Result, Tally};

/// The similarities of the sanity checks: SSIM in Gaussian windows (Adebayo et al. 2018) and in equal ones (Arun et al. 2021), and rank
/// correlations of the map, of its absolute values, and of histograms of gradients. The last needs 48 × 48 pixels.
pub const MAP_METRICS: [Metric; 5] = [
    Metric::SsimGaussian,
    Metric::Ssim,
    Metric::Spearman,
    Metric::SpearmanAbsolute,
    Metric::Hog,
];

/// The number of pairs of different images in a null (Arun et al. 2021).
pub const PAIRS: usize = 50;

/// One metric over pairs of maps.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Likeness {
    /// The metric.
    pub metric: Metric,
    /// The values, one per pair, and their mean.
    pub measured: Measured,
}

/// Returns the likeness by this metric.
///
/// # Errors
/// If it was not measured.
pub fn named(all: &[Likeness], metric: Metric) -> Result<&Measured> {
    let found = all.iter().find(|likeness| likeness.metric == metric);
    found
        .map(|likeness| &likeness.measured)
        .ok_or_else(|| Error::option("metric", "one of the measured metrics", metric))
}

/// The similarity of `a` and `b`, one value per metric.
pub(crate) type Row = Vec<Result<f64>>;

/// Compares two maps of one size by each metric.
pub(crate) fn compare(metrics: &[Metric], a: &Grid, b: &Grid) -> Row {
    let evidence = Evidence {
        map: a,
        upsampled: a,
        mask: None,
        sample: None,
        other: Some(b),
        explain: None,
        rank: None,
        threshold: None,
        seed: 0,
    };
    let measured = metrics.iter().map(|metric| metric.measure(&evidence));
    measured.collect()
}

/// Turns rows of values, one row per pair, into one [`Likeness`] per metric.
pub(crate) fn gathered(
    metrics: &[Metric],
    rows: impl IntoIterator<Item = Row>,
    seed: u64,
) -> Result<Vec<Likeness>> {
    let mut columns: Vec<Row> = metrics.iter().map(|_| Vec::new()).collect();
    for row in rows {
        let places = columns.iter_mut().zip(row);
        places.for_each(|(column, value)| column.push(value));
    }
    let each = metrics.iter().zip(columns);
    each.map(|(&metric, column)| {
        let measured = Measured::of(Tally::collect(column)?, seed)?;
        Ok(Likeness { metric, measured })
    })
    .collect()
}

/// Measures the similarity of `count` random pairs of different maps: the null of every similarity. With fewer than two maps there are no
/// pairs.
///
/// A map may be in several pairs; the interval treats the pairs as independent.
///
/// # Errors
/// If the maps have different sizes, or a metric needs more than two maps.
pub fn likeness_of_pairs(
    maps: &[Grid],
    metrics: &[Metric],
    count: usize,
    seed: u64,
) -> Result<Vec<Likeness>> {
    let count = if maps.len() < 2 { 0 } else { count };
    let rows = each(count, |draw| {
        let (a, b) = pair(&mut Random::of_draw(seed, draw), maps.len());
        Ok(compare(metrics, &maps[a], &maps[b]))
    })?;
    gathered(metrics, rows, seed)
}

/// Draws two different numbers below `end`, which is at least 2.
fn pair(random: &mut Random, end: usize) -> (usize, usize) {
    let first = random.below(end);
    (first, (first + 1 + random.below(end - 1)) % end)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Undefined;
    use crate::testing::{grid, on_any_threads, wave};

    #[test]
    fn pairs_are_of_different_maps_and_all_of_them_come_up() {
        let mut seen = std::collections::BTreeSet::new();
        for draw in 0..200 {
            let (a, b) = pair(&mut Random::of_draw(1, draw), 4);
            assert!(a != b && a < 4 && b < 4);
            seen.insert((a, b));
        }
        assert_eq!(seen.len(), 12);
    }

    #[test]
    fn degenerate_maps_are_counted_in_pairs_too() {
        let maps = [wave(8, 8, 0.7), wave(8, 8, 1.9), grid(8, 8, &[0.0; 64])];
        let found = on_any_threads(|| {
            likeness_of_pairs(&maps, &[Metric::Ssim, Metric::Spearman], 40, 3).unwrap()
        });
        let ssim = named(&found, Metric::Ssim).unwrap();
        assert_eq!(ssim.values.outcomes.len(), 40);
        assert!(
            ssim.values
                .undefined()
                .iter()
                .all(|u| u.1 == Undefined::Zero)
        );
        assert!((0.3..0.95).contains(&ssim.values.undefined_share()));
        let expected = Metric::Ssim.measure(&Evidence {
            map: &maps[0],
            upsampled: &maps[0],
            mask: None,
            sample: None,
            other: Some(&maps[1]),
            explain: None,
            rank: None,
            threshold: None,
            seed: 0,
        });
        assert!((ssim.mean.unwrap().value - expected.unwrap()).abs() < 1e-9);
        assert!(named(&found, Metric::Hog).is_err());
        let none = likeness_of_pairs(&maps[..1], &[Metric::Ssim], 40, 3).unwrap();
        assert_eq!(none[0].measured.mean, None);
        // A metric that needs a mask is an error, not a missing value.
        assert!(likeness_of_pairs(&maps, &[Metric::Energy], 4, 3).is_err());
    }
}
