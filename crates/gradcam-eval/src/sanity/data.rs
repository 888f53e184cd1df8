//! Data randomisation, after Adebayo et al. 2018, section 4.

use gradcam_map::Grid;
use serde::Serialize;

use super::agreement::{Classes, Side};
use super::images::{Images, each};
use super::likeness::{compare, gathered, named};
use super::{Likeness, PAIRS, likeness_of_pairs};
use crate::statistics::{Gate, Measured, Measurement};
use crate::{Direction, Metric, Result, Tally};

/// The training accuracy at which a network has memorised its labels.
const MEMORISED: f64 = 0.95;

/// The similarity of a network's maps to those of other networks trained on the same images.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DataRandomization {
    /// To the maps of a network trained on permuted labels.
    pub permuted: Vec<Likeness>,
    /// To the maps of a network trained on the true labels from another seed: the similarity of networks that have learned the same.
    pub second: Vec<Likeness>,
    /// [`PAIRS`] random pairs of its own maps of different images.
    pub different_images: Vec<Likeness>,
}

/// Compares the maps of a network trained on true labels with those of two others, image by image: one trained on permuted labels, and one
/// trained on the true labels from another seed. Use images that were not in the training set.
///
/// # Errors
/// If a network, the loading or an explanation fails, or the maps have different sizes.
pub fn data_randomization(
    truth: &Side<'_>,
    permuted: &Side<'_>,
    second: &Side<'_>,
    images: &Images<'_>,
    classes: Classes<'_>,
    metrics: &[Metric],
    seed: u64,
) -> Result<DataRandomization> {
    let found = each(images.count, |i| {
        let map = |side: &Side<'_>| Ok::<_, crate::Error>(side.map(images, i, classes)?.0);
        let own = map(truth)?;
        let with = |other: Grid| compare(metrics, &own, &other);
        Ok((with(map(permuted)?), with(map(second)?), own))
    })?;
    let (mut with_permuted, mut with_second, mut maps) = (Vec::new(), Vec::new(), Vec::new());
    for (a, b, map) in found {
        with_permuted.push(a);
        with_second.push(b);
        maps.push(map);
    }
    Ok(DataRandomization {
        permuted: gathered(metrics, with_permuted, seed)?,
        second: gathered(metrics, with_second, seed)?,
        different_images: likeness_of_pairs(&maps, metrics, PAIRS, seed)?,
    })
}

/// Tests whether maps follow the labels. The measured value is the similarity to the maps of permuted labels minus the similarity to those
/// of a second training, image by image; it must be below 0.
///
/// One gate requires that the network on permuted labels has memorised them (`training_accuracy` of at least 0.95, 0 to 1): an untrained
/// network shows nothing. The other requires that its maps are no more similar than maps of different images, at the upper end of their
/// interval. The second gate is omitted if the test fails anyway.
///
/// # Errors
/// If the metric was not measured.
pub fn data_randomization_test(
    found: &DataRandomization,
    metric: Metric,
    training_accuracy: f64,
    seed: u64,
) -> Result<Measurement> {
    let permuted = named(&found.permuted, metric)?;
    let second = named(&found.second, metric)?;
    let pairs = permuted.values.outcomes.iter().zip(&second.values.outcomes);
    let differences = pairs.map(|(a, b)| Ok((*a)? - (*b)?));
    let differences = Tally {
        outcomes: differences.collect(),
    };
    let measured = Measured::of(differences, seed)?;
    let null = measured.against_number(0.0, "second_seed", Direction::Down, seed)?;
    let mut test = Measurement::of(&measured, Direction::Down, vec![null]);
    test.gates.push(Gate {
        name: "memorised".to_string(),
        required: format!("a training accuracy of at least {MEMORISED}"),
        observed: format!("{training_accuracy:.3}"),
        ok: training_accuracy >= MEMORISED,
    });
    let likeness = permuted
        .mean
        .zip(named(&found.different_images, metric)?.mean);
    if let Some((own, pairs)) = likeness
        && test.interval.low < 0.0
    {
        let most = pairs.high;
        test.gates.push(Gate {
            name: "different images".to_string(),
            required: format!("a likeness of at most {most:.4}"),
            observed: format!("{:.4}", own.value),
            ok: own.value <= most,
        });
    }
    Ok(test)
}
