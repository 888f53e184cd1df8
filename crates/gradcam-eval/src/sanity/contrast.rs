//! Whether a map depends on what a network looks for: the metrics of BAM, after Yang and Kim 2019.
//!
//! The pictures show an object before a scene. One network has learned to name objects, another to name scenes, and a third has never seen
//! an object. It is therefore known how much the object's pixels may matter to each network.

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

/// Computes the model contrast score (Yang and Kim 2019). One network was trained to name objects, the other to name the scenes of the same
/// pictures. The score is the difference between their maps' means on the object, -1 to 1, for the images that both classify correctly.
///
/// # Errors
/// If a network, the loading or an explanation fails, or a mask does not fit its map.
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

/// Tests the model contrast: it must be above 0. The seed determines the p-value's draws.
///
/// # Errors
/// As [`Measured::against_number`].
pub fn model_contrast_test(contrast: &Contrast, seed: u64) -> Result<Measurement> {
    above(&contrast.score, 0.0, "no_contrast", seed)
}

/// Computes the input dependence rate (Yang and Kim 2019): the share of pictures, 0 to 1, for which the map of the scene network gives the
/// object's region less with the object than without it. Only pictures that the network classifies correctly with and without the object
/// count.
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

/// Tests the input dependence: it must be above one half, the rate of uninformed maps. The seed determines the p-value's draws.
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
