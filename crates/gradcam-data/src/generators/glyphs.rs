//! Digits in the style of MNIST: 28 × 28 pixels, white on black, with strokes of random slant, width and position.

use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use super::canvas::Canvas;
use super::check::check_part;
use super::drawn::Drawn;
use super::texture::ramp;
use crate::Result;

/// The side of a picture in pixels.
pub(super) const SIZE: usize = 28;

/// Digits in the style of MNIST. The class of picture `i` is `i` modulo 10.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Glyphs {
    /// The largest shift of a stroke's corners, as a fraction of the glyph's width and height, 0 to 1; 0.1 is already hard to read.
    pub jitter: f64,
}

impl Default for Glyphs {
    fn default() -> Glyphs {
        Glyphs { jitter: 0.05 }
    }
}

/// The strokes of each digit, in a frame of 4 × 6: each list holds the corners of one line.
const STROKES: [&[&[[u8; 2]]]; 10] = [
    &[&[
        [1, 0],
        [3, 0],
        [4, 2],
        [4, 4],
        [3, 6],
        [1, 6],
        [0, 4],
        [0, 2],
        [1, 0],
    ]],
    &[&[[1, 1], [2, 0], [2, 6]]],
    &[&[[0, 1], [1, 0], [3, 0], [4, 1], [4, 2], [0, 6], [4, 6]]],
    &[&[
        [0, 0],
        [4, 0],
        [2, 2],
        [4, 4],
        [4, 5],
        [3, 6],
        [1, 6],
        [0, 5],
    ]],
    &[&[[3, 6], [3, 0], [0, 4], [4, 4]]],
    &[&[[4, 0], [0, 0], [0, 3], [3, 2], [4, 4], [3, 6], [0, 6]]],
    &[&[
        [3, 0],
        [1, 1],
        [0, 4],
        [1, 6],
        [3, 6],
        [4, 5],
        [3, 3],
        [0, 4],
    ]],
    &[&[[0, 0], [4, 0], [1, 6]]],
    &[&[
        [2, 3],
        [0, 2],
        [1, 0],
        [3, 0],
        [4, 2],
        [2, 3],
        [0, 4],
        [1, 6],
        [3, 6],
        [4, 4],
        [2, 3],
    ]],
    &[&[[4, 2], [1, 3], [0, 1], [1, 0], [3, 0], [4, 2], [3, 6]]],
];

impl Glyphs {
    pub(super) fn draw(&self, seed: u64, index: u64) -> Result<Drawn> {
        check_part("jitter", self.jitter)?;
        let mut rng = Random::new(seed, index);
        let class = (index % 10) as usize;
        let lines: Vec<[[f64; 2]; 2]> = self.lines(&mut rng, class);
        let width = rng.between(0.9, 1.9);
        let canvas = Canvas::new(SIZE, |_, x, y| {
            let near = lines.iter().map(|line| distance(*line, [x, y]));
            let nearest = near.fold(f64::INFINITY, f64::min);
            [1.0 - ramp(nearest, width - 0.5, width + 0.5); 3]
        });
        Ok(Drawn {
            image: canvas.finish(&mut rng, 0.02, true),
            class,
            objects: Vec::new(),
        })
    }

    /// Returns a digit's line segments, in pixels, with corners jittered, then stretched, slanted and moved.
    fn lines(&self, rng: &mut Random, class: usize) -> Vec<[[f64; 2]; 2]> {
        let jitter = self.jitter;
        let (height, width) = (rng.between(16.0, 21.0), rng.between(9.0, 15.0));
        let (slant, tilt) = (rng.between(-0.35, 0.2), rng.between(-0.15, 0.15));
        let [right, down] = [(); 2].map(|()| rng.between(12.0, 16.0));
        let mut place = |[x, y]: [u8; 2]| {
            let x = (f64::from(x) / 4.0 - 0.5 + rng.between(-jitter, jitter)) * width;
            let y = (f64::from(y) / 6.0 - 0.5 + rng.between(-jitter, jitter)) * height;
            [right + x + slant * y, down + y + tilt * x]
        };
        let mut lines = Vec::new();
        for stroke in STROKES[class] {
            let corners: Vec<[f64; 2]> = stroke.iter().map(|&corner| place(corner)).collect();
            lines.extend(corners.windows(2).map(|pair| [pair[0], pair[1]]));
        }
        lines
    }
}

/// Computes the distance from a point to a line segment.
fn distance([from, to]: [[f64; 2]; 2], at: [f64; 2]) -> f64 {
    let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
    let (px, py) = (at[0] - from[0], at[1] - from[1]);
    let part = ((px * dx + py * dy) / (dx * dx + dy * dy).max(1e-12)).clamp(0.0, 1.0);
    let (x, y) = (px - part * dx, py - part * dy);
    (x * x + y * y).sqrt()
}
