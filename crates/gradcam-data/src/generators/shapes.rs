//! Shapes on textures: figures of eight kinds with random colour, size, position and texture, slightly rotated, on a darker cloudy
//! background with clutter. Only the outline reveals the class; colours, textures and clutter do not.

use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use super::canvas::{Canvas, coverage, mix};
use super::check::check_part;
use super::drawn::{Drawn, DrawnObject};
use super::figure::{FIGURES, Figure};
use super::random::{color_between, direction, tilt};
use super::texture::{clouds, wave};
use crate::{Error, Mask, Result};

/// Shapes on textures. The class of picture `i` is `i` modulo the number of classes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Shapes {
    /// Side of a picture in pixels, 16 to 4096.
    pub size: usize,
    /// The number of figures in use, 2 to 8.
    pub classes: usize,
    /// The number of figures in a picture, all of different classes, 1 to 3. The first is the target. If there are several, those that
    /// cover less than a quarter of the picture are difficult, as in the pointing game (Zhang et al., IJCV 2018).
    pub objects: usize,
    /// Standard deviation of the noise in a range of 1; 0 to 1.
    pub noise: f64,
}

impl Default for Shapes {
    fn default() -> Shapes {
        Shapes {
            size: 64,
            classes: 8,
            objects: 1,
            noise: 0.03,
        }
    }
}

impl Shapes {
    pub(super) fn names(&self) -> Vec<&'static str> {
        let all = FIGURES.iter().take(self.classes);
        all.map(|(_, name)| *name).collect()
    }

    pub(super) fn draw(&self, seed: u64, index: u64) -> Result<Drawn> {
        self.check()?;
        let mut rng = Random::new(seed, index);
        let size = self.size as f64;
        let class = (index % self.classes as u64) as usize;
        let mut others: Vec<usize> = (0..self.classes).filter(|&c| c != class).collect();
        let mut chosen = vec![class];
        for _ in 1..self.objects {
            chosen.push(others.swap_remove(rng.part(others.len())));
        }
        let radii = match self.objects {
            1 => [0.18, 0.3],
            _ => [0.13, 0.2],
        };
        let places = places(&mut rng, self.objects, radii);

        let mut canvas = background(&mut rng, self.size);
        clutter(&mut rng, &mut canvas);
        let mut objects = Vec::new();
        for (&class, [x, y, radius]) in chosen.iter().zip(places) {
            let (figure, _) = FIGURES[class];
            let mask = figure_on(
                &mut rng,
                &mut canvas,
                figure,
                [x * size, y * size, radius * size],
            );
            objects.push(DrawnObject {
                class,
                difficult: self.objects > 1 && 4 * mask.area() < mask.values.len(),
                mask,
            });
        }
        Ok(Drawn {
            image: canvas.finish(&mut rng, self.noise, false),
            class,
            objects,
        })
    }

    fn check(&self) -> Result<()> {
        let wrong = |field, expected, found: String| {
            Err(Error::Setting {
                field,
                expected,
                found,
            })
        };
        if !(2..=FIGURES.len()).contains(&self.classes) {
            return wrong("classes", "2 to 8", self.classes.to_string());
        }
        if !(1..=self.classes.min(3)).contains(&self.objects) {
            return wrong(
                "objects",
                "1 to 3, and no more than classes",
                self.objects.to_string(),
            );
        }
        check_part("noise", self.noise)
    }
}

/// Draws centres and radii of disjoint circles within the picture, in fractions of its side. After 50 tries it starts over.
fn places(rng: &mut Random, count: usize, radii: [f64; 2]) -> Vec<[f64; 3]> {
    loop {
        let mut found: Vec<[f64; 3]> = Vec::new();
        for _ in 0..50 {
            let radius = rng.between(radii[0], radii[1]);
            let [x, y] = [(); 2].map(|()| rng.between(radius, 1.0 - radius));
            let apart = |other: &[f64; 3]| {
                let (dx, dy, sum) = (x - other[0], y - other[1], radius + other[2]);
                dx * dx + dy * dy > sum * sum
            };
            if found.iter().all(apart) {
                found.push([x, y, radius]);
            }
            if found.len() == count {
                return found;
            }
        }
    }
}

/// Paints two dark colours, mixed by clouds.
fn background(rng: &mut Random, size: usize) -> Canvas {
    let [first, second] = [(); 2].map(|()| color_between(rng, 0.05, 0.5));
    let cell = size as f64 / rng.between(3.0, 10.0);
    let field = clouds(rng, size, cell, 3);
    Canvas::new(size, |i, _, _| mix(first, second, 0.5 + 0.8 * field[i]))
}

/// Paints short strokes and dots of random colours, much smaller than the figures.
fn clutter(rng: &mut Random, canvas: &mut Canvas) {
    let size = canvas.size as f64;
    for _ in 0..6 + rng.part(6) {
        let paint = color_between(rng, 0.25, 0.75);
        let [x, y] = [(); 2].map(|()| rng.between(0.0, size));
        let [cos, sin] = direction(rng);
        let (long, short) = (
            rng.between(0.02, 0.09) * size,
            rng.between(0.008, 0.02) * size,
        );
        let cover = coverage(canvas.size, [x, y, long + short], |px, py| {
            let (dx, dy) = (px - x, py - y);
            (dx * cos + dy * sin).abs() < long && (dy * cos - dx * sin).abs() < short
        });
        canvas.paint(&cover, |_| paint);
    }
}

/// Paints a figure with stripes or clouds of two light colours.
fn figure_on(rng: &mut Random, canvas: &mut Canvas, figure: Figure, place: [f64; 3]) -> Mask {
    let [x, y, radius] = place;
    let [cos, sin] = tilt(rng);
    let cover = coverage(canvas.size, place, |px, py| {
        let (dx, dy) = ((px - x) / radius, (py - y) / radius);
        figure.contains(dx * cos + dy * sin, dy * cos - dx * sin)
    });
    let [first, second] = [(); 2].map(|()| color_between(rng, 0.55, 0.95));
    let size = canvas.size;
    let field = match rng.part(2) {
        0 => clouds(rng, size, radius / 2.0, 2),
        _ => {
            let [across, down] = direction(rng);
            let period = rng.between(0.3, 0.8) * radius;
            let stripe = |i: usize| (i % size) as f64 * across + (i / size) as f64 * down;
            (0..size * size)
                .map(|i| wave(stripe(i) / period) - 0.5)
                .collect()
        }
    };
    canvas.paint(&cover, |i| mix(first, second, 0.5 + field[i]))
}
