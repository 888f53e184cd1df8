//! Objects pasted onto scenes: the same pixels with two label sets, as in BAM (Yang and Kim, arXiv 1907.09701).
//!
//! Every object occurs on every scene equally often. As in BAM, the object's longer side is 1/√3 to 1/√2 of the picture's, and the object
//! lies anywhere within the picture.

use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use super::canvas::{coverage, mix};
use super::drawn::{Drawn, DrawnObject};
use super::random::{color_between, direction};
use super::scene::{self, SCENES};
use super::sprite::SPRITES;
use super::texture::clouds;
use crate::{Error, Result};

/// Objects pasted onto scenes. In base `classes`, the last digit of a picture's number is its object, and the next digit is its scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pasted {
    /// Side of a picture in pixels, 16 to 4096.
    pub size: usize,
    /// The number of objects and of scenes in use, 2 to 10.
    pub classes: usize,
    /// What the pictures' classes name.
    pub labels: Labels,
    /// If set, 1 to `classes`: only the first object is pasted, and only onto this many of the first scenes (the data of BAM's relative
    /// models). The larger the number, the less the object reveals about the scene. Picture `i` then has the scene `i` modulo `classes`.
    pub common: Option<usize>,
}

/// What the classes of [`Pasted`] pictures name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Labels {
    /// The object.
    Object,
    /// The scene. Objects have class numbers after those of the scenes.
    Scene,
    /// The scene, without an object. All other pixels equal those of the other label sets.
    SceneOnly,
}

impl Default for Pasted {
    fn default() -> Pasted {
        Pasted {
            size: 64,
            classes: 10,
            labels: Labels::Object,
            common: None,
        }
    }
}

impl Pasted {
    pub(super) fn names(&self) -> Vec<&'static str> {
        let objects = SPRITES.iter().take(self.classes).map(|sprite| sprite.name);
        let scenes = SCENES.iter().take(self.classes).copied();
        match self.labels {
            Labels::Object => objects.collect(),
            Labels::Scene => scenes.chain(objects).collect(),
            Labels::SceneOnly => scenes.collect(),
        }
    }

    pub(super) fn draw(&self, seed: u64, index: u64) -> Result<Drawn> {
        if !(2..=SPRITES.len()).contains(&self.classes) {
            return Err(Error::Setting {
                field: "classes",
                expected: "2 to 10",
                found: self.classes.to_string(),
            });
        }
        if let Some(common) = self.common
            && (self.labels == Labels::Object || !(1..=self.classes).contains(&common))
        {
            return Err(Error::Setting {
                field: "common",
                expected: "1 to the number of classes, with scenes as labels",
                found: common.to_string(),
            });
        }
        let count = self.classes as u64;
        let digits = [index % count, index / count % count].map(|digit| digit as usize);
        let (object, scene) = match self.common {
            Some(_) => (0, digits[0]),
            None => (digits[0], digits[1]),
        };
        let bare = self.labels == Labels::SceneOnly || self.common.is_some_and(|n| scene >= n);
        // The scene and the noise have their own streams, so they are the same without an object.
        let [mut back, mut front, mut noise] =
            [0, 1, 2].map(|part| Random::new(seed, 3 * index + part));

        let mut canvas = scene::paint(&mut back, self.size, scene);
        let mut objects = Vec::new();
        if !bare {
            let sprite = &SPRITES[object];
            let (height, width) = (sprite.height() as f64, sprite.width() as f64);
            let side = self.size as f64;
            let larger = front.between(1.0 / 3.0_f64.sqrt(), 1.0 / 2.0_f64.sqrt()) * side;
            let cell = larger / height.max(width);
            let left = front.between(0.0, side - width * cell);
            let top = front.between(0.0, side - height * cell);
            let mirrored = direction(&mut front)[0] > 0.0;
            let at = |x: f64, y: f64| {
                let x = (x - left) / cell;
                sprite.at(if mirrored { width - x } else { x }, (y - top) / cell)
            };
            // Light with dark parts: colours reveal nothing about the class.
            let first = color_between(&mut front, 0.65, 0.95);
            let second = color_between(&mut front, 0.0, 0.3);
            let shade = clouds(&mut front, self.size, cell * 2.0, 2);
            let place = [left + larger / 2.0, top + larger / 2.0, larger / 2.0];
            let cover = coverage(self.size, place, |x, y| at(x, y) > 0);
            let inner = coverage(self.size, place, |x, y| at(x, y) == 2);
            let mask = canvas.paint(&cover, |i| {
                let part = if cover[i] > 0.0 {
                    inner[i] / cover[i]
                } else {
                    0.0
                };
                mix(first, second, part).map(|value| value + 0.15 * shade[i])
            });
            let behind = if self.labels == Labels::Scene {
                self.classes
            } else {
                0
            };
            objects.push(DrawnObject {
                class: object + behind,
                mask,
                difficult: false,
            });
        }
        Ok(Drawn {
            image: canvas.finish(&mut noise, 0.03, false),
            class: if self.labels == Labels::Object {
                object
            } else {
                scene
            },
            objects,
        })
    }
}
