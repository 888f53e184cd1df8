//! The networks of BAM, trained beforehand on drawn objects before drawn scenes. They ship with the program.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use candle_core::Tensor;
use gradcam_data::{Generator, Labels, Pasted};
use gradcam_nn::ModuleTree;
use gradcam_train::{
    Examples, Family, NetworkSpec, Progress, Settings, Storage, Trained, build, from_bytes,
    to_bytes, train,
};

/// Number of objects, and of scenes.
pub(crate) const CLASSES: usize = 10;

const FAMILY: Family = Family::Residual { width: 8 };
/// The side of a picture.
pub(crate) const SIDE: usize = 32;
const SPEC: NetworkSpec = NetworkSpec {
    input: [3, SIDE, SIDE],
    classes: CLASSES,
    family: FAMILY,
};
/// The layer at which methods explain.
pub(crate) const LAYER: &str = "layer3";

/// The weights in half precision, under the network's and the parameter's name.
const WEIGHTS: &[u8] = include_bytes!("../../pasted/networks.safetensors");

/// The seed of the training pictures, which nobody will choose for other pictures by accident.
const SEED: u64 = 1 << 40;
const PICTURES: u64 = 6000;
const TESTS: u64 = 500;

/// A network and its training data.
pub(crate) struct Recipe {
    pub(crate) name: String,
    pub(crate) data: Pasted,
}

/// Lists a network of objects, one of the scenes in the same pictures, one that never saw an object, and ten that saw the first object on
/// one to all of the scenes.
pub(crate) fn recipes() -> Vec<Recipe> {
    let recipe = |name: &str, labels, common| Recipe {
        name: name.to_string(),
        data: Pasted {
            size: SIDE,
            classes: CLASSES,
            labels,
            common,
        },
    };
    let common = (1..=CLASSES).map(|n| recipe(&format!("common-{n:02}"), Labels::Scene, Some(n)));
    [
        recipe("objects", Labels::Object, None),
        recipe("scenes", Labels::Scene, None),
        recipe("scenes-alone", Labels::SceneOnly, None),
    ]
    .into_iter()
    .chain(common)
    .collect()
}

/// Loads the trained networks by name.
pub(crate) fn load() -> Result<BTreeMap<String, ModuleTree>> {
    let mut weights: BTreeMap<String, BTreeMap<String, Tensor>> = BTreeMap::new();
    for (path, tensor) in from_bytes(WEIGHTS)? {
        let (network, parameter) = path.split_once('/').context("a parameter of no network")?;
        let own = weights.entry(network.to_string()).or_default();
        own.insert(parameter.to_string(), tensor);
    }
    let build = |(name, weights): (String, _)| Ok((name, build(&SPEC, &weights)?));
    weights.into_iter().map(build).collect()
}

/// Draws pictures `(n, 3, side, side)`, 0 to 1, with their classes.
fn examples(data: &Pasted, pictures: std::ops::Range<u64>) -> Result<Examples> {
    let generator = Generator::Pasted(data.clone());
    let mut pixels = Vec::new();
    let mut labels = Vec::new();
    for index in pictures {
        let drawn = generator.draw(SEED, index)?;
        pixels.extend(planes(&drawn.image));
        labels.push(drawn.class);
    }
    Ok(Examples::new(&pixels, SPEC.input, labels)?)
}

/// Returns a picture's numbers, 0 to 1, channel after channel.
pub(crate) fn planes(picture: &image::RgbImage) -> Vec<f32> {
    let channel = |channel: usize| picture.iter().skip(channel).step_by(3);
    let bytes = (0..3).flat_map(channel);
    bytes.map(|&byte| f32::from(byte) / 255.0).collect()
}

/// Trains a network; `progress` is called at every step and may stop the training.
pub(crate) fn train_one(
    recipe: &Recipe,
    seed: u64,
    progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
) -> Result<Trained> {
    let (on, test) = (
        examples(&recipe.data, 0..PICTURES)?,
        examples(&recipe.data, PICTURES..PICTURES + TESTS)?,
    );
    // With these batches, scenes are learned in half as many epochs as with larger ones.
    let settings = Settings {
        batch: 16,
        epochs: EPOCHS,
        enough: None,
        ..Settings::quick(FAMILY)
    };
    Ok(train(&SPEC, &on, Some(&test), &settings, seed, progress)?)
}

/// Passes over all pictures.
pub(crate) const EPOCHS: usize = 14;

/// Returns the bytes of the file that [`load`] reads.
pub(crate) fn bytes(trained: &[(String, Trained)]) -> Result<Vec<u8>> {
    let named = trained.iter().flat_map(|(network, trained)| {
        let own = trained.weights.iter();
        own.map(move |(name, tensor)| (format!("{network}/{name}"), tensor.clone()))
    });
    Ok(to_bytes(&named.collect(), Storage::F16)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use gradcam_train::accuracy;

    use super::*;

    /// Checks the networks on pictures that none of them has seen.
    #[test]
    fn the_networks_know_what_they_have_learned() {
        let networks = load().unwrap();
        let recipes = recipes();
        assert_eq!(networks.len(), recipes.len());
        for recipe in recipes {
            let first = PICTURES + TESTS;
            let pictures = examples(&recipe.data, first..first + 60).unwrap();
            let found = accuracy(&networks[&recipe.name], &pictures).unwrap();
            assert!(found >= 0.8, "{}: {found}", recipe.name);
        }
    }
}
