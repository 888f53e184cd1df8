//! A square picture being painted, with values from 0 to 1.

use gradcam_random::Random;
use image::{Rgb, RgbImage};

use crate::Mask;

/// A square picture being painted; channel values are 0 to 1.
pub(super) struct Canvas {
    pub(super) size: usize,
    pub(super) pixels: Vec<[f64; 3]>,
}

impl Canvas {
    /// Creates a canvas whose every pixel is a function of its index and its centre, in pixels.
    pub(super) fn new(size: usize, paint: impl Fn(usize, f64, f64) -> [f64; 3]) -> Canvas {
        let at = |i: usize| ((i % size) as f64 + 0.5, (i / size) as f64 + 0.5);
        let pixels = (0..size * size).map(|i| paint(i, at(i).0, at(i).1));
        Canvas {
            size,
            pixels: pixels.collect(),
        }
    }

    /// Paints pixels by their coverage, 0 to 1, and returns those that are at least half covered.
    pub(super) fn paint(&mut self, cover: &[f64], paint: impl Fn(usize) -> [f64; 3]) -> Mask {
        for (i, (pixel, &cover)) in self.pixels.iter_mut().zip(cover).enumerate() {
            if cover > 0.0 {
                *pixel = mix(*pixel, paint(i), cover);
            }
        }
        Mask {
            height: self.size,
            width: self.size,
            values: cover.iter().map(|&cover| cover >= 0.5).collect(),
        }
    }

    /// Converts the canvas to bytes and adds camera noise of this standard deviation: one value for all channels if `grey`, otherwise one
    /// per channel.
    pub(super) fn finish(self, rng: &mut Random, noise: f64, grey: bool) -> RgbImage {
        let size = self.size as u32;
        RgbImage::from_fn(size, size, |x, y| {
            let pixel = self.pixels[(y * size + x) as usize];
            let common = noise * rng.bell();
            Rgb(pixel.map(|value| {
                let noise = if grey { common } else { noise * rng.bell() };
                ((value + noise) * 255.0).round().clamp(0.0, 255.0) as u8
            }))
        })
    }
}

/// Computes the covered share of each pixel from 4 × 4 points in it. Only pixels within `reach` of (`x`, `y`) along each axis are tested.
pub(super) fn coverage(
    size: usize,
    [x, y, reach]: [f64; 3],
    inside: impl Fn(f64, f64) -> bool,
) -> Vec<f64> {
    let part = |i: usize| (i as f64 + 0.5) / 4.0;
    // Converting to `usize` saturates at 0.
    let near = |at: f64| (at - reach).floor() as usize..((at + reach).ceil() as usize).min(size);
    let mut cover = vec![0.0; size * size];
    for row in near(y) {
        for column in near(x) {
            let (left, top) = (column as f64, row as f64);
            let points = (0..16).filter(|p| inside(left + part(p % 4), top + part(p / 4)));
            cover[row * size + column] = points.count() as f64 / 16.0;
        }
    }
    cover
}

/// Mixes two colours; `share` 0 gives the first and 1 the second.
pub(super) fn mix(from: [f64; 3], to: [f64; 3], share: f64) -> [f64; 3] {
    [0, 1, 2].map(|c| from[c] + (to[c] - from[c]) * share)
}
