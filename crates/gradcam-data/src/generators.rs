//! Data sets that are drawn: each picture is a function of the data set's parameters, its seed, and the picture's number.
//!
//! They stand in for data that one may not have at hand, and every mask is exact. Nothing of them depends on the machine: only sums,
//! products and roots are used, which are the same everywhere, and a picture's own stream of ChaCha8.

use std::sync::Arc;

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::dataset::{annotation, numbered};
use crate::runs::to_runs;
use crate::{
    Class, Dataset, Error, Kind, Layout, Mask, Object, Picture, Result, Sample, Shape, Split,
};

mod canvas;
mod figure;
mod glyphs;
mod lesions;
mod pasted;
mod random;
mod scene;
mod shapes;
mod sprite;
mod texture;

pub use glyphs::Glyphs;
pub use lesions::Lesions;
pub use pasted::{Labels, Pasted};
pub use shapes::Shapes;

pub(crate) use random::{choice, stream, uniform};

/// What draws pictures. As JSON it is its parameters under its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "generator", content = "parameters")]
pub enum Generator {
    /// Shapes on textures.
    Shapes(Shapes),
    /// Objects pasted on scenes, with two label sets.
    Pasted(Pasted),
    /// Handwritten-looking digits.
    Glyphs(Glyphs),
    /// Faint lesions on something like an X-ray.
    Lesions(Lesions),
}

/// A picture that was drawn, with what is in it.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// The picture.
    pub image: RgbImage,
    /// Its class's number.
    pub class: usize,
    /// Its objects, the target first where it is one.
    pub objects: Vec<DrawnObject>,
}

/// An object of a picture that was drawn.
#[derive(Debug, Clone)]
pub struct DrawnObject {
    /// Its class's number.
    pub class: usize,
    /// Its pixels.
    pub mask: Mask,
    /// Whether it is small and something else may be taken for it.
    pub difficult: bool,
}

impl Generator {
    /// Each generator with its default parameters.
    pub fn defaults() -> Vec<Generator> {
        vec![
            Generator::Shapes(Shapes::default()),
            Generator::Pasted(Pasted::default()),
            Generator::Glyphs(Glyphs::default()),
            Generator::Lesions(Lesions::default()),
        ]
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        match self {
            Generator::Shapes(_) => "shapes",
            Generator::Pasted(_) => "pasted",
            Generator::Glyphs(_) => "glyphs",
            Generator::Lesions(_) => "lesions",
        }
    }

    /// The side of its pictures, which are square, in pixels.
    pub fn size(&self) -> usize {
        match self {
            Generator::Shapes(shapes) => shapes.size,
            Generator::Pasted(pasted) => pasted.size,
            Generator::Glyphs(_) => glyphs::SIZE,
            Generator::Lesions(lesions) => lesions.size,
        }
    }

    /// The classes of its pictures, then those that only its objects have.
    pub fn classes(&self) -> Vec<Class> {
        match self {
            Generator::Shapes(shapes) => numbered(shapes.names()),
            Generator::Pasted(pasted) => numbered(pasted.names()),
            Generator::Glyphs(_) => numbered((0..10).map(|digit| digit.to_string())),
            Generator::Lesions(_) => numbered(["normal", "lesion"]),
        }
    }

    /// Draws a picture. The same parameters, seed and number give the same bytes.
    ///
    /// # Errors
    /// [`Error::Setting`] for a parameter that is out of its range.
    pub fn draw(&self, seed: u64, index: u64) -> Result<Drawn> {
        if !(SIZES).contains(&self.size()) {
            return Err(Error::Setting {
                field: "size",
                expected: "16 to 4096 pixels",
                found: self.size().to_string(),
            });
        }
        match self {
            Generator::Shapes(shapes) => shapes.draw(seed, index),
            Generator::Pasted(pasted) => pasted.draw(seed, index),
            Generator::Glyphs(glyphs) => glyphs.draw(seed, index),
            Generator::Lesions(lesions) => lesions.draw(seed, index),
        }
    }
}

/// The sides that a picture may have.
const SIZES: std::ops::RangeInclusive<usize> = 16..=4096;

/// Refuses a parameter that is not from 0 to 1.
fn check_part(field: &'static str, value: f64) -> Result<()> {
    match (0.0..=1.0).contains(&value) {
        true => Ok(()),
        false => Err(Error::Setting {
            field,
            expected: "0 to 1",
            found: value.to_string(),
        }),
    }
}

/// A data set of `train` pictures for training, numbered from 0, and `test` further ones for testing. A picture is drawn again whenever it
/// is loaded; of the masks the run lengths are kept.
///
/// # Errors
/// [`Error::Setting`] for a parameter that is out of its range, or no pictures.
pub fn generate(generator: Generator, seed: u64, train: usize, test: usize) -> Result<Dataset> {
    if train + test == 0 {
        return Err(Error::Setting {
            field: "pictures",
            expected: "at least 1",
            found: "0".to_string(),
        });
    }
    let kind = Kind::Synthetic {
        generator: generator.name().to_string(),
        seed,
        parameters: serde_json::to_value(&generator)
            .ok()
            .and_then(|mut value| value.get_mut("parameters").map(serde_json::Value::take))
            .unwrap_or_default(),
    };
    let classes = generator.classes();
    let generator = Arc::new(generator);
    let samples = (0..train + test).map(|i| {
        let index = i as u64;
        let drawn = generator.draw(seed, index)?;
        let object = |object: &DrawnObject| {
            let shape = Shape::Runs {
                height: object.mask.height,
                width: object.mask.width,
                runs: to_runs(&object.mask),
            };
            Object {
                difficult: object.difficult,
                ..Object::new(classes[object.class].clone(), shape)
            }
        };
        Ok(Sample {
            id: format!("{index:06}"),
            picture: Picture::Generated {
                generator: Arc::clone(&generator),
                seed,
                index,
            },
            class: Some(classes[drawn.class].clone()),
            objects: drawn.objects.iter().map(object).collect(),
            split: Some(if i < train { Split::Train } else { Split::Test }),
        })
    });
    let samples: Vec<Sample> = samples.collect::<Result<_>>()?;
    Ok(Dataset {
        name: generator.name().to_string(),
        layout: Layout::Generated,
        kind,
        annotation: annotation(&samples),
        classes: classes.clone(),
        samples,
    })
}

#[cfg(test)]
mod tests;
