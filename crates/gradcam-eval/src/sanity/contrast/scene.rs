//! Pictures of an object before a scene, and the share of a map on the object.

use candle_core::Tensor;
use gradcam_map::Grid;
use gradcam_nn::Network;
use serde::Serialize;

use crate::degenerate::{check, check_mask};
use crate::sanity::Side;
use crate::sanity::images::{each, predicted};
use crate::statistics::{Measured, quantile};
use crate::{Result, Tally, Undefined};

/// The quantile at which maps are clipped.
const CLIP: f64 = 0.99;

/// A picture of an object before a scene, and of the scene alone.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The input `(1, channels, height, width)`.
    pub image: Tensor,
    /// The same without the object.
    pub alone: Tensor,
    /// Marks which of the `height * width` pixels belong to the object (or to its box).
    pub object: Vec<bool>,
    /// The class of the object, in the network trained on objects.
    pub object_class: usize,
    /// The class of the scene, in the networks trained on scenes.
    pub scene_class: usize,
}

/// The number of scenes, and a function that loads one by its index.
pub type Scenes<'a> = (usize, &'a (dyn Fn(usize) -> Result<Scene> + Sync + 'a));

/// A measurement on the pictures that the networks classify correctly.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Contrast {
    /// One value per counted picture.
    pub score: Measured,
    /// The indices of the counted images.
    pub images: Vec<usize>,
}

/// Rescales the positive part of a map to 0 to 1, with everything above its 99th percentile at 1.
///
/// # Errors
/// The errors of [`check`](crate::check); [`Undefined::NoMass`] if the positive part is empty, [`Undefined::Constant`] if the percentile is
/// its smallest value: a map that is 0 at 99 of 100 pixels.
pub fn contrast_map(map: &Grid) -> Result<Grid> {
    check(map)?;
    let map = map.relu();
    if map.max() <= 0.0 {
        return Err(Undefined::NoMass.into());
    }
    let values: Vec<f64> = map.values().iter().map(|&v| f64::from(v)).collect();
    let (low, high) = (f64::from(map.min()), quantile(&values, CLIP)?);
    if high <= low {
        return Err(Undefined::Constant.into());
    }
    Ok(map.map(|v| ((f64::from(v) - low) / (high - low)).clamp(0.0, 1.0) as f32))
}

/// Returns the mean of [`contrast_map`] over the pixels of a mask, 0 to 1.
///
/// # Errors
/// The errors of [`contrast_map`]; if the mask does not fit or is empty.
pub fn inside(map: &Grid, mask: &[bool]) -> Result<f64> {
    check_mask(map, mask)?;
    let map = contrast_map(map)?;
    let marked = map.values().iter().zip(mask).filter(|(_, inside)| **inside);
    let sum: f64 = marked.clone().map(|(v, _)| f64::from(*v)).sum();
    Ok(sum / marked.count() as f64)
}

/// Returns the mean of a side's map of a class on the object.
pub(super) fn given(side: &Side<'_>, image: &Tensor, class: usize, object: &[bool]) -> Result<f64> {
    inside(&(side.explain)(side.network, image, class)?, object)
}

/// Returns whether a network predicts this class for an input.
pub(super) fn names(network: &dyn Network, image: &Tensor, class: usize) -> Result<bool> {
    Ok(predicted(network, image)? == class)
}

/// Applies `measure` to each scene; it returns `None` for one that does not count. Returns the others' indices and values.
pub(super) fn counted(
    (count, load): Scenes<'_>,
    measure: impl Fn(Scene) -> Result<Option<Result<f64>>> + Sync,
    seed: u64,
) -> Result<Contrast> {
    let found = each(count, |i| measure(load(i)?))?;
    let numbered = found.into_iter().enumerate();
    let (images, values): (Vec<usize>, Vec<Result<f64>>) =
        numbered.filter_map(|(i, value)| Some((i, value?))).unzip();
    Ok(Contrast {
        score: Measured::of(Tally::collect(values)?, seed)?,
        images,
    })
}
