//! Patches that are meaningless to a network.

use std::sync::Arc;

use candle_core::{DType, Tensor};
use gradcam::{Target, input_gradient, probabilities, ranking};
use gradcam_nn::Network;

use super::scene::{Contrast, Scene, Scenes, counted, given};
use crate::faithfulness::logits;
use crate::sanity::Side;
use crate::{Error, Result, Undefined};

/// How a patch that is meaningless to a network is found: by gradient descent from the object's own pixels (Yang and Kim 2019).
///
/// The objective is `‖f(x + δ) − f(x)‖ − size ‖δ‖ + range Σ r`: the distance of the logits, minus the patch's own norm, which keeps it
/// visible, plus the amount by which pixels exceed an image's range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descent {
    /// The number of steps.
    pub steps: usize,
    /// The step length for a gradient of 1.
    pub rate: f64,
    /// The weight of the patch's norm.
    pub size: f64,
    /// The weight of a pixel out of range.
    pub range: f64,
    /// The smallest and the largest value of an input.
    pub bounds: (f32, f32),
    /// The largest allowed change of the predicted class's probability after the descent.
    pub tolerance: f64,
    /// The largest change of the map inside the patch that counts as none, as a share of its value before.
    pub unchanged: f64,
}

impl Default for Descent {
    /// The values of the authors' code: 300 steps of length 500, and both terms weighted 0.01, for values from 0 to 255, here rescaled to 0
    /// to 1. A tenth counts as no change. The limit of 0.05 on the change of the probability is our own addition.
    fn default() -> Self {
        Descent {
            steps: 300,
            rate: 500.0 / (255.0 * 255.0),
            size: 2.55,
            range: 2.55,
            bounds: (0.0, 1.0),
            tolerance: 0.05,
            unchanged: 0.1,
        }
    }
}

/// Computes the input independence rate (Yang and Kim 2019): the share of scenes, 0 to 1, whose map is unchanged inside the object's mask
/// when a patch is added there that does not affect the network's output. Only scenes that it classifies correctly with and without the
/// patch count.
///
/// An image whose patch changes the probability by more than the tolerance is counted as [`Undefined::NoPatch`].
///
/// # Errors
/// If an option is invalid; as [`model_contrast`](super::model_contrast).
pub fn input_independence(
    side: &Side<'_>,
    scenes: Scenes<'_>,
    options: &Descent,
    seed: u64,
) -> Result<Contrast> {
    let (low, high) = options.bounds;
    if low.partial_cmp(&high) != Some(std::cmp::Ordering::Less) {
        let found = format!("{low} and {high}");
        return Err(Error::option(
            "bounds",
            "a lower and then a higher number",
            found,
        ));
    }
    let said = |image: &Tensor, class: usize| -> Result<Option<f64>> {
        let logits = logits(side.network, image)?;
        let named = ranking(&logits).first() == Some(&class);
        Ok(named.then(|| f64::from(probabilities(&logits)[class])))
    };
    let stays = |scene: &Scene, patched: &Tensor, change: f64| {
        if change.abs() > options.tolerance {
            return Err(Undefined::NoPatch.into());
        }
        let before = given(side, &scene.alone, scene.scene_class, &scene.object)?;
        let after = given(side, patched, scene.scene_class, &scene.object)?;
        let same = (before - after).abs() < options.unchanged * before;
        Ok(f64::from(u8::from(same)))
    };
    let measure = |scene: Scene| {
        let Some(before) = said(&scene.alone, scene.scene_class)? else {
            return Ok(None);
        };
        let patched = patched(side.network, &scene, options)?;
        let after = said(&patched, scene.scene_class)?;
        Ok(after.map(|after| stays(&scene, &patched, after - before)))
    };
    counted(scenes, measure, seed)
}

/// Returns the scene with the patch that the descent found inside the object's mask.
fn patched(network: &dyn Network, scene: &Scene, options: &Descent) -> Result<Tensor> {
    let (_, channels, height, width) = scene.alone.dims4()?;
    let area = height * width;
    if scene.object.len() != area {
        return Err(Error::Mask {
            expected: area,
            found: scene.object.len(),
        });
    }
    let (background, picture) = (pixels(&scene.alone)?, pixels(&scene.image)?);
    // The patch's pixels, in every channel.
    let marked: Vec<usize> = (0..channels * area)
        .filter(|i| scene.object[i % area])
        .collect();
    let mut delta: Vec<f32> = marked.iter().map(|&i| picture[i] - background[i]).collect();
    let with = |delta: &[f32]| -> Result<Tensor> {
        let mut pixels = background.clone();
        for (&i, d) in marked.iter().zip(delta) {
            pixels[i] += d;
        }
        let image = Tensor::from_vec(pixels, scene.alone.shape(), scene.alone.device())?;
        Ok(image.to_dtype(scene.alone.dtype())?)
    };
    let said = network.forward(&scene.alone, &mut ())?.flatten_all()?;
    let distance = Target::Score(Arc::new(move |logits: &Tensor| {
        logits.sub(&said)?.sqr()?.sum_all()?.sqrt()
    }));
    let (low, high) = options.bounds;
    for _ in 0..options.steps {
        let slopes = pixels(&input_gradient(
            network,
            &with(&delta)?,
            std::slice::from_ref(&distance),
        )?)?;
        let length = delta
            .iter()
            .map(|d| f64::from(*d).powi(2))
            .sum::<f64>()
            .sqrt();
        for (&i, d) in marked.iter().zip(&mut delta) {
            // The distance has no gradient where the logits are equal.
            let slope = if slopes[i].is_finite() {
                f64::from(slopes[i])
            } else {
                0.0
            };
            let longer = if length > 0.0 {
                f64::from(*d) / length
            } else {
                0.0
            };
            let value = background[i] + *d;
            let outside = f64::from(u8::from(value > high)) - f64::from(u8::from(value < low));
            let slope = slope - options.size * longer + options.range * outside;
            *d -= (options.rate * slope) as f32;
        }
    }
    with(&delta)
}

fn pixels(image: &Tensor) -> Result<Vec<f32>> {
    Ok(image.flatten_all()?.to_dtype(DType::F32)?.to_vec1()?)
}
