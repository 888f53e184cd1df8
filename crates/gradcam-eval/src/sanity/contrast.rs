//! Whether a map knows what a network looks for: the metrics of BAM, after Yang and Kim 2019.
//!
//! The pictures show an object before a scene. One network has learned to name objects, another to name scenes, a third has never seen an
//! object, so it is known beforehand how much the object's pixels may mean to each.

mod patch;
mod relative;

use candle_core::Tensor;
use gradcam::Grid;
use gradcam_nn::Network;
use serde::Serialize;

use super::Side;
use super::images::{each, predicted};
use crate::degenerate::{check, check_mask};
use crate::statistics::{Measured, Measurement, quantile};
use crate::{Direction, Result, Tally, Undefined};

pub use patch::{Descent, input_independence};
pub use relative::{RelativeContrast, relative_contrast, relative_contrast_test};

/// Where maps are clipped.
const CLIP: f64 = 0.99;

/// A picture of an object before a scene, and of the scene alone.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The input `(1, channels, height, width)`.
    pub image: Tensor,
    /// The same without the object.
    pub alone: Tensor,
    /// Which of the `height * width` pixels belong to the object (or to its box).
    pub object: Vec<bool>,
    /// The class of the object, in the network that knows objects.
    pub object_class: usize,
    /// The class of the scene, in the networks that know scenes.
    pub scene_class: usize,
}

/// How many scenes there are, and what loads one by its number.
pub type Scenes<'a> = (usize, &'a (dyn Fn(usize) -> Result<Scene> + Sync + 'a));

/// What was measured on the pictures that the networks name rightly.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contrast {
    /// One value a picture that counted.
    pub score: Measured,
    /// The images that counted, by their numbers.
    pub images: Vec<usize>,
}

/// The positive part of a map, brought to 0 to 1 with everything above its 99th percentile at 1.
///
/// # Errors
/// [`check`](crate::check)'s; [`Undefined::NoMass`] where the positive part is empty, [`Undefined::Constant`] where the percentile is its
/// smallest value: a map that is 0 at 99 of 100 pixels.
pub fn contrast_map(map: &Grid) -> Result<Grid> {
    check(map)?;
    let map = map.relu();
    if map.max() <= 0.0 {
        return Err(Undefined::NoMass.into());
    }
    let values: Vec<f64> = map.values.iter().map(|&v| f64::from(v)).collect();
    let (low, high) = (f64::from(map.min()), quantile(&values, CLIP)?);
    if high <= low {
        return Err(Undefined::Constant.into());
    }
    Ok(map.map(|v| ((f64::from(v) - low) / (high - low)).clamp(0.0, 1.0) as f32))
}

/// The mean of the map, as [`contrast_map`] has it, over the pixels of a mask, 0 to 1.
///
/// # Errors
/// Those of [`contrast_map`]; when the mask does not fit or is empty.
pub fn inside(map: &Grid, mask: &[bool]) -> Result<f64> {
    check_mask(map, mask)?;
    let map = contrast_map(map)?;
    let marked = map.values.iter().zip(mask).filter(|(_, inside)| **inside);
    let sum: f64 = marked.clone().map(|(v, _)| f64::from(*v)).sum();
    Ok(sum / marked.count() as f64)
}

/// What a side's map of a class gives to the object.
fn given(side: &Side<'_>, image: &Tensor, class: usize, object: &[bool]) -> Result<f64> {
    inside(&(side.explain)(side.network, image, class)?, object)
}

/// Whether a network names this class for an input.
fn names(network: &dyn Network, image: &Tensor, class: usize) -> Result<bool> {
    Ok(predicted(network, image)? == class)
}

/// `measure` of each scene, `None` for one that does not count; the numbers of those that do, and their values.
fn counted(
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

/// The model contrast score (Yang and Kim 2019): of a network that was trained to name objects and one that was trained to name the scenes of
/// the same pictures, the difference of what their maps give to the object, -1 to 1, for the images that both name rightly.
///
/// # Errors
/// When a network, the loading or an explanation fails, or a mask does not fit its map.
pub fn model_contrast(
    objects: &Side<'_>,
    scenes: &Side<'_>,
    pictures: Scenes<'_>,
    seed: u64,
) -> Result<Contrast> {
    let difference = |scene: &Scene| {
        let (image, object) = (&scene.image, &scene.object);
        let one = given(objects, image, scene.object_class, object)?;
        Ok(one - given(scenes, image, scene.scene_class, object)?)
    };
    let measure = |scene: Scene| {
        let right = names(objects.network, &scene.image, scene.object_class)?
            && names(scenes.network, &scene.image, scene.scene_class)?;
        Ok(right.then(|| difference(&scene)))
    };
    counted(pictures, measure, seed)
}

/// The model contrast as a test: it must be above 0. The p-value's draws follow from the seed.
///
/// # Errors
/// As [`Measured::against_number`].
pub fn model_contrast_test(contrast: &Contrast, seed: u64) -> Result<Measurement> {
    above(&contrast.score, 0.0, "no_contrast", seed)
}

/// The input dependence rate (Yang and Kim 2019): for how many pictures the object's place gets less from the network that knows scenes when
/// the object is there than when it is not, 0 to 1. The pictures that it names rightly with and without the object count.
///
/// # Errors
/// As [`model_contrast`].
pub fn input_dependence(scenes: &Side<'_>, pictures: Scenes<'_>, seed: u64) -> Result<Contrast> {
    let less = |scene: &Scene| {
        let with = given(scenes, &scene.image, scene.scene_class, &scene.object)?;
        let without = given(scenes, &scene.alone, scene.scene_class, &scene.object)?;
        Ok(f64::from(u8::from(without > with)))
    };
    let measure = |scene: Scene| {
        let right = names(scenes.network, &scene.image, scene.scene_class)?
            && names(scenes.network, &scene.alone, scene.scene_class)?;
        Ok(right.then(|| less(&scene)))
    };
    counted(pictures, measure, seed)
}

/// The input dependence as a test: it must be above one half, which maps reach that know nothing. The p-value's draws follow from the seed.
///
/// # Errors
/// As [`Measured::against_number`].
pub fn input_dependence_test(contrast: &Contrast, seed: u64) -> Result<Measurement> {
    above(&contrast.score, 0.5, "chance", seed)
}

fn above(score: &Measured, value: f64, name: &str, seed: u64) -> Result<Measurement> {
    let null = score.against_number(value, name, Direction::Up, seed)?;
    Ok(Measurement::of(score, Direction::Up, vec![null]))
}
