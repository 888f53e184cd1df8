//! Networks for which the same object matters more and less.

use gradcam_map::{Grid, Size};
use serde::Serialize;

use super::scene::{Scenes, given, names};
use crate::metrics::spearman;
use crate::sanity::Side;
use crate::sanity::images::each;
use crate::statistics::{
    ALPHA, Interval, MIN_SAMPLES, Measurement, Null, RESAMPLES, bootstrap, permutation,
};
use crate::{Direction, Error, Result};

/// How the contrasts of networks follow the importance of an object.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RelativeContrast {
    /// The rank correlation of the contrasts with the networks' order, from the rarest object to the most common one, -1 to 1, with its
    /// interval over pictures. It is 1 if each network gives the object less than the one before.
    pub correlation: Interval,
    /// The p-value of that correlation among random orders of the contrasts: the networks are few, however many pictures there are.
    pub p: f64,
    /// For each network but the last, how much more its map gives to the object than the last one's, -1 to 1.
    pub contrasts: Vec<f64>,
    /// For each network but the last, how much of its accuracy is lost without the object, minus the loss of the last one.
    pub drops: Vec<f64>,
    /// The pictures that every network classified.
    pub pictures: usize,
    /// The pictures that no pair of networks counted.
    pub left_out: usize,
}

/// One network's result for one picture.
struct Seen {
    /// Whether it predicts the scene with the object, and without.
    right: [bool; 2],
    /// The mean of its map on the object; `None` if undefined.
    inside: Option<f64>,
}

/// Measures the relative model contrast (Yang and Kim 2019). The networks were trained on scenes in which an object is more common from
/// network to network, so that it is less informative of the scene. In the last it is in every scene, and uninformative. The networks'
/// model contrast with the last one, over the pictures that both classify correctly, should fall in that order.
///
/// The authors correlate with the accuracy that is lost without the object. A network may lose all of it however common the object is, if
/// no training picture had the scene without the object. The loss then gives no order, so it is only reported beside the correlation.
///
/// # Errors
/// If there are fewer than three networks; [`Undefined::NonFinite`](crate::Undefined::NonFinite) if a network classifies no picture
/// correctly, or all contrasts are equal; as [`model_contrast`](super::model_contrast).
pub fn relative_contrast(
    networks: &[Side<'_>],
    (count, load): Scenes<'_>,
    seed: u64,
) -> Result<RelativeContrast> {
    if networks.len() < 3 {
        return Err(Error::option("networks", "at least 3", networks.len()));
    }
    let seen = each(count, |i| {
        let scene = load(i)?;
        let one = |side: &Side<'_>| -> Result<Seen> {
            let class = scene.scene_class;
            let right = [
                names(side.network, &scene.image, class)?,
                names(side.network, &scene.alone, class)?,
            ];
            let inside = match given(side, &scene.image, class, &scene.object) {
                Ok(inside) => Some(inside),
                Err(Error::Undefined(_)) => None,
                Err(error) => return Err(error),
            };
            Ok(Seen { right, inside })
        };
        networks.iter().map(one).collect::<Result<Vec<Seen>>>()
    })?;
    let last = networks.len() - 1;
    let all: Vec<usize> = (0..count).collect();
    let contrasts =
        |items: &[usize]| -> Vec<f64> { (0..last).map(|k| contrast(&seen, k, items)).collect() };
    let line = Size::new(1, last)?;
    let rarity = Grid::from_fn(line, |k| (last - k) as f32);
    let correlation = bootstrap(count, RESAMPLES, 1.0 - ALPHA, seed, |items| {
        let found = contrasts(items);
        spearman(&Grid::from_fn(line, |k| found[k] as f32), &rarity).unwrap_or(f64::NAN)
    })?;
    let counts = |row: &&Vec<Seen>| (0..last).any(|k| difference(row, k).is_some());
    let contrasts = contrasts(&all);
    let p = permutation(last, seed, |order| {
        let found = Grid::from_fn(line, |place| contrasts[order[place]] as f32);
        spearman(&found, &rarity).unwrap_or(f64::NAN)
    })?;
    Ok(RelativeContrast {
        correlation,
        p,
        contrasts,
        drops: (0..last).map(|k| drop(&seen, k, &all)).collect(),
        pictures: count,
        left_out: count - seen.iter().filter(counts).count(),
    })
}

/// Returns how much more network `k` gives to the object than the last one, for a picture that both classify correctly.
fn difference(row: &[Seen], k: usize) -> Option<f64> {
    let (own, last) = (row.get(k)?, row.last()?);
    let both = own.right[0] && last.right[0];
    both.then_some(own.inside? - last.inside?)
}

/// Returns the mean difference over some pictures; NaN if no picture counts.
fn contrast(seen: &[Vec<Seen>], k: usize, items: &[usize]) -> f64 {
    let values: Vec<f64> = items
        .iter()
        .filter_map(|&i| difference(&seen[i], k))
        .collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Returns the accuracy that network `k` loses without the object, minus the loss of the last one.
fn drop(seen: &[Vec<Seen>], k: usize, items: &[usize]) -> f64 {
    let lost =
        |seen: &Seen| f64::from(u8::from(seen.right[0])) - f64::from(u8::from(seen.right[1]));
    let of = |row: &Vec<Seen>| lost(&row[k]) - row.last().map_or(0.0, lost);
    items.iter().map(|&i| of(&seen[i])).sum::<f64>() / items.len() as f64
}

/// Tests the relative contrast: the correlation must be above 0.
pub fn relative_contrast_test(found: &RelativeContrast) -> Measurement {
    Measurement {
        direction: Direction::Up,
        interval: found.correlation,
        nulls: vec![Null {
            name: "no_relation".to_string(),
            interval: Interval {
                value: 0.0,
                low: 0.0,
                high: 0.0,
            },
            difference: None,
            samples: None,
            p: Some(found.p),
        }],
        gates: Vec::new(),
        samples: found.pictures - found.left_out,
        least_samples: MIN_SAMPLES,
        degenerate: found.left_out as f64 / found.pictures.max(1) as f64,
    }
}
