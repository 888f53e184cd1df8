//! Generators of pictures. A picture is a function of the generator's parameters, a seed, and the picture's number.
//!
//! They stand in for data that is not at hand, and every mask is exact. The output does not depend on the machine: generators use only
//! sums, products and square roots, which are the same everywhere, and a ChaCha8 stream per picture.

use serde::{Deserialize, Serialize};

use crate::class::numbered;
use crate::{Class, Result};

mod canvas;
mod check;
mod drawn;
mod figure;
mod glyphs;
mod lesions;
mod pasted;
mod random;
mod scene;
mod shapes;
mod sprite;
mod texture;

pub use drawn::{Drawn, DrawnObject};
pub use glyphs::Glyphs;
pub use lesions::Lesions;
pub use pasted::{Labels, Pasted};
pub use shapes::Shapes;

use check::check_size;

/// A generator of pictures. In JSON, it is its name and its parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "generator", content = "parameters")]
#[non_exhaustive]
pub enum Generator {
    /// Shapes on textures.
    Shapes(Shapes),
    /// Objects pasted onto scenes, with two label sets.
    Pasted(Pasted),
    /// Handwritten-looking digits.
    Glyphs(Glyphs),
    /// Faint lesions on X-ray-like pictures.
    Lesions(Lesions),
}

impl Generator {
    /// Returns each generator with its default parameters.
    pub fn defaults() -> Vec<Generator> {
        vec![
            Generator::Shapes(Shapes::default()),
            Generator::Pasted(Pasted::default()),
            Generator::Glyphs(Glyphs::default()),
            Generator::Lesions(Lesions::default()),
        ]
    }

    /// Returns the generator's name.
    pub fn name(&self) -> &'static str {
        match self {
            Generator::Shapes(_) => "shapes",
            Generator::Pasted(_) => "pasted",
            Generator::Glyphs(_) => "glyphs",
            Generator::Lesions(_) => "lesions",
        }
    }

    /// Returns the side of its square pictures, in pixels.
    pub fn size(&self) -> usize {
        match self {
            Generator::Shapes(shapes) => shapes.size,
            Generator::Pasted(pasted) => pasted.size,
            Generator::Glyphs(_) => glyphs::SIZE,
            Generator::Lesions(lesions) => lesions.size,
        }
    }

    /// Returns the classes of its pictures, followed by those that only objects have.
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
    /// [`Error::Setting`](crate::Error::Setting) for a parameter out of its range.
    pub fn draw(&self, seed: u64, index: u64) -> Result<Drawn> {
        check_size(self.size())?;
        match self {
            Generator::Shapes(shapes) => shapes.draw(seed, index),
            Generator::Pasted(pasted) => pasted.draw(seed, index),
            Generator::Glyphs(glyphs) => glyphs.draw(seed, index),
            Generator::Lesions(lesions) => lesions.draw(seed, index),
        }
    }
}

#[cfg(test)]
mod tests;
