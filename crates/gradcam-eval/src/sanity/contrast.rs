//! Whether a map knows what a network looks for: the metrics of BAM, after Yang and Kim 2019.
//!
//! The pictures show an object before a scene. One network has learned to name objects, another to name scenes, a third has never seen an
//! object, so it is known beforehand how much the object's pixels may mean to each.

mod patch;
mod relative;
mod scene;

use scene::{counted, given, names};

use super::Side;
use crate::statistics::{Measured, Measurement};
use crate::{Direction, Result};

pub use patch::{Descent, input_independence};
pub use relative::{RelativeContrast, relative_contrast, relative_contrast_test};
pub use scene::{Contrast, Scene, Scenes, contrast_map, inside};

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
