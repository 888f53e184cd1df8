//! Whether a map knows what a network looks for: the metrics of BAM, after Yang and Kim 2019.

use candle_core::{DType, Tensor};
use gradcam::{Grid, probabilities};
use gradcam_nn::Network;
use serde::Serialize;

use super::Side;
use super::images::{each, predicted};
use crate::degenerate::{check, check_mask};
use crate::random::{generator, normal};
use crate::statistics::{Interval, Measured, Measurement, Null, quantile};
use crate::{Direction, Error, Result, Tally, Undefined};

/// Where maps are clipped.
const CLIP: f64 = 0.99;

/// A picture of an object before a scene.
#[derive(Debug, Clone)]
pub struct Scene {
    /// The input `(1, channels, height, width)`.
    pub image: Tensor,
    /// Which of the `height * width` pixels belong to the object (or to its box).
    pub object: Vec<bool>,
    /// The class of the object, in the network that knows objects.
    pub object_class: usize,
    /// The class of the scene, in the network that knows scenes.
    pub scene_class: usize,
}

/// Loads a [`Scene`] by its number.
pub type Seen<'a> = dyn Fn(usize) -> Result<Scene> + Sync + 'a;

/// Loads a [`Scene`] and the same scene without the object, `(1, channels, height, width)`, by their number.
pub type SeenTwice<'a> = dyn Fn(usize) -> Result<(Scene, Tensor)> + Sync + 'a;

/// The model contrast of a method.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Contrast {
    /// How much more the object gets in the map of the network that knows objects than in that of the network that knows scenes, -1 to 1;
    /// one value an image that both networks name rightly.
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

/// What is inside of the object in a side's map of the class that its network names.
fn named_inside(side: &Side<'_>, image: &Tensor, object: &[bool]) -> Result<f64> {
    let class = predicted(side.network, image)?;
    inside(&(side.explain)(side.network, image, class)?, object)
}

/// The model contrast score (Yang and Kim 2019): of a network that was trained to name objects and one that was trained to name the scenes of
/// the same pictures, the difference of what their maps give to the object, for the images that both name rightly.
///
/// # Errors
/// When a network, the loading or an explanation fails, or a mask does not fit its map.
pub fn model_contrast(
    objects: &Side<'_>,
    scenes: &Side<'_>,
    (count, load): (usize, &Seen<'_>),
    seed: u64,
) -> Result<Contrast> {
    let found = each(count, |i| {
        let Scene {
            image,
            object,
            object_class,
            scene_class,
        } = load(i)?;
        let right = predicted(objects.network, &image)? == object_class
            && predicted(scenes.network, &image)? == scene_class;
        let difference = || {
            let one = named_inside(objects, &image, &object)?;
            Ok(one - named_inside(scenes, &image, &object)?)
        };
        Ok(right.then(difference))
    })?;
    let numbered = found.into_iter().enumerate();
    let (images, values): (Vec<usize>, Vec<Result<f64>>) =
        numbered.filter_map(|(i, value)| Some((i, value?))).unzip();
    Ok(Contrast {
        score: Measured::of(Tally::collect(values)?, seed)?,
        images,
    })
}

/// The model contrast as a test: it must be above 0.
pub fn model_contrast_test(contrast: &Contrast) -> Measurement {
    let zero = Interval {
        value: 0.0,
        low: 0.0,
        high: 0.0,
    };
    let null = Null {
        name: "no_contrast".to_string(),
        interval: zero,
        difference: None,
        samples: None,
    };
    Measurement::of(&contrast.score, Direction::Up, vec![null])
}

/// The input dependence rate (Yang and Kim 2019): for how many pictures the object's place gets less from the network that knows scenes when
/// the object is there than when it is not, 0 to 1. `load` gives a picture and the same scene without the object; of the classes of the
/// first none is read.
///
/// # Errors
/// As [`model_contrast`].
pub fn input_dependence(
    scenes: &Side<'_>,
    (count, load): (usize, &SeenTwice<'_>),
    seed: u64,
) -> Result<Measured> {
    let found = each(count, |i| {
        let (scene, alone) = load(i)?;
        let rate = || {
            let with = named_inside(scenes, &scene.image, &scene.object)?;
            let without = named_inside(scenes, &alone, &scene.object)?;
            Ok(f64::from(u8::from(without > with)))
        };
        Ok(rate())
    })?;
    Measured::of(Tally::collect(found)?, seed)
}

/// How patches that mean nothing to a network are sought.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patches {
    /// How many are tried at an image.
    pub candidates: usize,
    /// The side of the squares of one colour that a patch is made of, in pixels.
    pub cell: usize,
    /// The deviation of their colours, as a share of that of the image's channel: what keeps a patch visible.
    pub amplitude: f64,
    /// By how much the probability of the class that the network names may change.
    pub tolerance: f64,
    /// The largest change of the map inside of the patch that counts as none, as a share of what was there.
    pub unchanged: f64,
    /// Of the colours and the resamples.
    pub seed: u64,
}

impl Default for Patches {
    /// 32 candidates of 8 × 8 pixels a colour, as varied as the image itself, within 0.05 of the probability; a tenth counts as no change.
    fn default() -> Self {
        Patches {
            candidates: 32,
            cell: 8,
            amplitude: 1.0,
            tolerance: 0.05,
            unchanged: 0.1,
            seed: 0,
        }
    }
}

/// The input independence rate (Yang and Kim 2019): for how many pictures the map stays, inside of the mask, when a patch is added there that
/// changes nothing of what the network says, 0 to 1.
///
/// The authors optimise the patch. Here the best of some random ones is taken: each is of squares of one colour, drawn from a normal
/// distribution and added to the image inside of the mask; of those that leave the named class and its probability (within a tolerance)
/// as they are, the one that changes the probability least. An image for which there is none is counted as [`Undefined::NoPatch`].
///
/// # Errors
/// When an option means nothing; as [`model_contrast`].
pub fn input_independence(
    side: &Side<'_>,
    (count, load): (usize, &Seen<'_>),
    options: &Patches,
) -> Result<Measured> {
    if options.candidates == 0 || options.cell == 0 {
        let least = options.candidates.min(options.cell);
        return Err(Error::option("candidates and cell", "at least 1", least));
    }
    let found = each(count, |i| {
        let scene = load(i)?;
        let rate = || {
            let before = named_inside(side, &scene.image, &scene.object)?;
            let patched = insignificant(side.network, &scene, options, i)?;
            let after = named_inside(side, &patched, &scene.object)?;
            let same = (before - after).abs() < options.unchanged * before;
            Ok(f64::from(u8::from(same)))
        };
        Ok(rate())
    })?;
    Measured::of(Tally::collect(found)?, options.seed)
}

/// The image with the patch that changes what the network says least.
fn insignificant(
    network: &dyn Network,
    scene: &Scene,
    options: &Patches,
    number: usize,
) -> Result<Tensor> {
    let said = |image: &Tensor| -> Result<Vec<f32>> {
        let logits = network.forward(image, &mut ())?.flatten_all()?;
        let logits: Vec<f32> = logits.to_dtype(DType::F32)?.to_vec1()?;
        Ok(probabilities(&logits))
    };
    let class = predicted(network, &scene.image)?;
    let before = said(&scene.image)?;
    let mut best: Option<(f64, Tensor)> = None;
    for candidate in 0..options.candidates {
        let image = patched(scene, options, number * options.candidates + candidate)?;
        if predicted(network, &image)? != class {
            continue;
        }
        let change = f64::from((said(&image)?[class] - before[class]).abs());
        if change <= options.tolerance && best.as_ref().is_none_or(|(least, _)| change < *least) {
            best = Some((change, image));
        }
    }
    best.map(|(_, image)| image)
        .ok_or_else(|| Undefined::NoPatch.into())
}

/// The image with squares of random colours added inside of the object's mask.
fn patched(scene: &Scene, options: &Patches, draw: usize) -> Result<Tensor> {
    let (_, channels, height, width) = scene.image.dims4()?;
    let area = height * width;
    if scene.object.len() != area {
        return Err(Error::Mask {
            expected: area,
            found: scene.object.len(),
        });
    }
    let flat = scene.image.flatten_all()?.to_dtype(DType::F32)?;
    let mut pixels: Vec<f32> = flat.to_vec1()?;
    let mut random = generator(options.seed, draw);
    let across = width.div_ceil(options.cell);
    for channel in pixels.chunks_exact_mut(area).take(channels) {
        let colours = across * height.div_ceil(options.cell);
        let colours: Vec<f64> = (0..colours).map(|_| normal(&mut random)).collect();
        let deviation = options.amplitude * deviation(channel);
        for (i, pixel) in channel
            .iter_mut()
            .enumerate()
            .filter(|(i, _)| scene.object[*i])
        {
            let cell = i / width / options.cell * across + i % width / options.cell;
            *pixel += (deviation * colours[cell]) as f32;
        }
    }
    let image = Tensor::from_vec(pixels, scene.image.shape(), scene.image.device())?;
    Ok(image.to_dtype(scene.image.dtype())?)
}

fn deviation(values: &[f32]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / count;
    let square = values.iter().map(|&v| (f64::from(v) - mean).powi(2));
    (square.sum::<f64>() / count).sqrt()
}
