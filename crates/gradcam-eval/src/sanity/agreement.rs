//! Whether equivalent networks have the same maps: repeatability and reproducibility, after Arun et al. 2021.

use std::fmt;

use gradcam_map::Grid;
use gradcam_nn::Network;
use serde::Serialize;

use super::images::{ExplainClass, Images, predicted};
use super::likeness::{compare, gathered, named};
use super::{Likeness, PAIRS, likeness_of_pairs};
use crate::statistics::{Gate, Measurement};
use crate::{Direction, Error, Metric, Result};

/// The largest difference of two networks' accuracies for which their maps are compared.
const POINTS: f64 = 0.02;

/// A network with its explanation method, at the network's own layer.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Side<'a> {
    /// The network.
    pub network: &'a dyn Network,
    /// The method.
    pub explain: &'a ExplainClass<'a>,
}

impl<'a> Side<'a> {
    /// Takes a network with its explanation method.
    pub fn new(network: &'a dyn Network, explain: &'a ExplainClass<'a>) -> Self {
        Side { network, explain }
    }
}

/// Shows its name alone: neither a network nor a method can be shown.
impl fmt::Debug for Side<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side").finish_non_exhaustive()
    }
}

impl Side<'_> {
    /// Returns the map of image `i` for the requested class, and the class.
    pub(super) fn map(
        &self,
        images: &Images<'_>,
        i: usize,
        classes: Classes<'_>,
    ) -> Result<(Grid, usize)> {
        let image = (images.load)(i)?;
        let class = match classes {
            Classes::Given(classes) => *classes.get(i).ok_or(Error::Length {
                expected: images.count,
                found: classes.len(),
            })?,
            Classes::Predicted => predicted(self.network, &image)?,
        };
        Ok(((self.explain)(self.network, &image, class)?, class))
    }
}

/// The class that is explained for each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Classes<'a> {
    /// One class per image, the same for all networks.
    Given(&'a [usize]),
    /// The class that each network predicts, as in the papers: maps may differ because the classes do.
    Predicted,
}

/// The similarity of two networks' maps.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Agreement {
    /// Maps of the same image.
    pub likeness: Vec<Likeness>,
    /// [`PAIRS`] random pairs of the first network's maps of different images.
    pub different_images: Vec<Likeness>,
    /// The share of images for which both networks explain the same class, 0 to 1.
    pub same_class: f64,
}

/// Compares the maps of two networks for the same inputs, image by image. Two trainings of one architecture measure repeatability, two
/// architectures measure reproducibility, and a network with its compressed form measures model consistency.
///
/// # Errors
/// If a network, the loading or an explanation fails, or the maps have different sizes.
pub fn agreement(
    a: &Side<'_>,
    b: &Side<'_>,
    images: &Images<'_>,
    classes: Classes<'_>,
    metrics: &[Metric],
    seed: u64,
) -> Result<Agreement> {
    let found = super::images::each(images.count, |i| {
        let ((own, one), (other, two)) = (a.map(images, i, classes)?, b.map(images, i, classes)?);
        Ok((compare(metrics, &own, &other), own, one == two))
    })?;
    let same = found.iter().filter(|(.., same)| *same).count();
    let same_class = same as f64 / found.len().max(1) as f64;
    let (rows, maps): (Vec<_>, Vec<Grid>) = found.into_iter().map(|f| (f.0, f.1)).unzip();
    Ok(Agreement {
        likeness: gathered(metrics, rows, seed)?,
        different_images: likeness_of_pairs(&maps, metrics, PAIRS, seed)?,
        same_class,
    })
}

/// Tests the agreement by one metric: it must be higher than that of maps of different images. The gate says whether the networks perform
/// equally ([`accuracy_gate`]). The seed determines the p-value's draws.
///
/// # Errors
/// If the metric was not measured.
pub fn agreement_test(
    agreement: &Agreement,
    metric: Metric,
    gate: Gate,
    seed: u64,
) -> Result<Measurement> {
    let pairs = named(&agreement.different_images, metric)?;
    let measured = named(&agreement.likeness, metric)?;
    let null = measured.against(pairs, "different_images", Direction::Up, seed)?;
    let mut test = Measurement::of(measured, Direction::Up, null.into_iter().collect());
    test.gates.push(gate);
    Ok(test)
}

/// Allows the comparison of two networks only if they perform their task equally well: within 2 points of accuracy.
pub fn accuracy_gate((a, b): (f64, f64)) -> Gate {
    let apart = (a - b).abs();
    Gate {
        name: "accuracy".to_string(),
        required: format!("accuracies within {:.0} points", 100.0 * POINTS),
        observed: format!("{:.1} % and {:.1} %", 100.0 * a, 100.0 * b),
        // A tolerance, so that rounding does not refuse exactly two points.
        ok: apart <= POINTS + 1e-9,
    }
}

/// Returns the share of images for which the network predicts the label, 0 to 1; 0 if there are no images.
///
/// # Errors
/// If there is not one label per image, or the network or the loading fails.
pub fn accuracy(network: &dyn Network, images: &Images<'_>, labels: &[usize]) -> Result<f64> {
    if labels.len() != images.count {
        return Err(Error::Length {
            expected: images.count,
            found: labels.len(),
        });
    }
    let right = images.each(|i, image| Ok(predicted(network, &image)? == labels[i]))?;
    let count = right.iter().filter(|right| **right).count();
    Ok(count as f64 / right.len().max(1) as f64)
}
