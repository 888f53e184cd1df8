//! Faint lesions on pictures like frontal chest X-rays: two dark lungs with ribs in correlated noise, and in every other picture a soft
//! bright spot in a lung.
//!
//! A lesion covers about 5 % of the picture. Most lie in the lower part of the lung on the picture's right, so the mean mask is already a
//! fair guess, as in real data.

use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use super::canvas::{Canvas, mix};
use super::check::check_part;
use super::drawn::{Drawn, DrawnObject};
use super::random::direction;
use super::texture::{clouds, ramp, wave};
use crate::{Mask, Result};

/// Faint lesions. Pictures with odd numbers have one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lesions {
    /// Side of a picture in pixels, 16 to 4096.
    pub size: usize,
    /// The brightness that a lesion's centre gains on average, in a range of 1; 0 to 1.
    pub contrast: f64,
    /// The share of lesions at the usual place, 0 to 1; the others lie anywhere in a lung.
    pub prior: f64,
}

impl Default for Lesions {
    fn default() -> Lesions {
        Lesions {
            size: 64,
            contrast: 0.2,
            prior: 0.7,
        }
    }
}

impl Lesions {
    pub(super) fn draw(&self, seed: u64, index: u64) -> Result<Drawn> {
        check_part("contrast", self.contrast)?;
        check_part("prior", self.prior)?;
        let mut rng = Random::new(seed, index);
        let size = self.size;
        let lungs = Lungs::new(&mut rng);
        let coarse = clouds(&mut rng, size, size as f64 / 4.0, 4);
        let fine = clouds(&mut rng, size, size as f64 / 20.0, 2);
        let ribs = (rng.between(7.0, 10.0), rng.between(0.0, 1.0));
        let side = size as f64;
        let mut canvas = Canvas::new(size, |i, x, y| {
            let (x, y) = (x / side, y / side);
            let air = lungs.air([x, y]);
            // Ribs slope down on both sides of the spine.
            let from_spine = (x - 0.5).abs();
            let rib = ramp(
                wave(y * ribs.0 - 5.0 * from_spine * from_spine + ribs.1),
                0.55,
                0.9,
            );
            let tissue = 0.68 - 0.36 * air + 0.08 * rib * air;
            [tissue + 0.14 * coarse[i] + 0.06 * fine[i]; 3]
        });
        let class = (index % 2) as usize;
        let mut objects = Vec::new();
        if class == 1 {
            let mask = self.lesion(&mut rng, &mut canvas, &lungs);
            objects.push(DrawnObject {
                class,
                mask,
                difficult: false,
            });
        }
        Ok(Drawn {
            image: canvas.finish(&mut rng, 0.025, true),
            class,
            objects,
        })
    }

    /// Adds a bump to the canvas and returns the pixels with at least a third of its height.
    fn lesion(&self, rng: &mut Random, canvas: &mut Canvas, lungs: &Lungs) -> Mask {
        let side = canvas.size as f64;
        let usual = rng.between(0.0, 1.0) < self.prior;
        let [x, y] = loop {
            let mut near = |middle: f64, spread: f64| {
                middle + spread * (rng.between(-1.0, 1.0) + rng.between(-1.0, 1.0)) / 2.0
            };
            let place = if usual {
                [near(0.7, 0.12), near(0.66, 0.16)]
            } else {
                [rng.between(0.1, 0.9), rng.between(0.1, 0.9)]
            };
            if lungs.air(place) > 0.5 {
                break place;
            }
        };
        let [cos, sin] = direction(rng);
        let long = rng.between(0.165, 0.24);
        let short = long * rng.between(0.7, 1.0);
        let height = self.contrast * rng.between(0.8, 1.2);
        let bump = |i: usize| {
            let dx = ((i % canvas.size) as f64 + 0.5) / side - x;
            let dy = ((i / canvas.size) as f64 + 0.5) / side - y;
            let (u, v) = ((dx * cos + dy * sin) / long, (dy * cos - dx * sin) / short);
            let left = (1.0 - u * u - v * v).max(0.0);
            left * left
        };
        let bumps: Vec<f64> = (0..canvas.size * canvas.size).map(bump).collect();
        for (pixel, bump) in canvas.pixels.iter_mut().zip(&bumps) {
            *pixel = mix(*pixel, pixel.map(|value| value + height), *bump);
        }
        Mask {
            height: canvas.size,
            width: canvas.size,
            values: bumps.iter().map(|&bump| bump >= 1.0 / 3.0).collect(),
        }
    }
}

/// Two ellipses, each as its centre and semi-axes, in fractions of the picture's side.
struct Lungs([[f64; 4]; 2]);

impl Lungs {
    fn new(rng: &mut Random) -> Lungs {
        let mut about = |middle: f64, spread: f64| middle + rng.between(-spread, spread);
        let [left, right] = [about(0.29, 0.025), about(0.71, 0.025)];
        let (y, height) = (about(0.52, 0.03), about(0.37, 0.03));
        let mut width = || about(0.165, 0.02);
        Lungs([[left, y, width(), height], [right, y, width(), height]])
    }

    /// Computes the share of lung at a point: 1 inside, 0 outside, and between at the rim.
    fn air(&self, [x, y]: [f64; 2]) -> f64 {
        let inside = |[cx, cy, a, b]: [f64; 4]| {
            let (u, v) = ((x - cx) / a, (y - cy) / b);
            1.0 - ramp(u * u + v * v, 0.75, 1.25)
        };
        inside(self.0[0]).max(inside(self.0[1]))
    }
}
