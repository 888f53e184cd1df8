//! A square picture in the making, in numbers of 0-1.

use image::{Rgb, RgbImage};
use rand_chacha::ChaCha8Rng;

use super::random::bell;
use crate::Mask;

/// A square picture in the making.
pub(super) struct Canvas {
    pub(super) size: usize,
    pub(super) pixels: Vec<[f64; 3]>,
}

impl Canvas {
    /// A canvas whose every pixel is a function of its centre, in pixels.
    pub(super) fn new(size: usize, paint: impl Fn(usize, f64, f64) -> [f64; 3]) -> Canvas {
        let at = |i: usize| ((i % size) as f64 + 0.5, (i / size) as f64 + 0.5);
        let pixels = (0..size * size).map(|i| paint(i, at(i).0, at(i).1));
        Canvas {
            size,
            pixels: pixels.collect(),
        }
    }

    /// Paints where something covers the pixels, and returns what is covered at least by half.
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

    /// The picture in bytes, with a camera's noise of this standard deviation, each channel its own or all the same.
    pub(super) fn finish(self, rng: &mut ChaCha8Rng, noise: f64, grey: bool) -> RgbImage {
        let size = self.size as u32;
        RgbImage::from_fn(size, size, |x, y| {
            let pixel = self.pixels[(y * size + x) as usize];
            let common = noise * bell(rng);
            Rgb(pixel.map(|value| {
                let noise = if grey { common } else { noise * bell(rng) };
                ((value + noise) * 255.0).round().clamp(0.0, 255.0) as u8
            }))
        })
    }
}

/// How much of each pixel is inside, from 4 × 4 points in it. Only what is in the square around a point is looked at.
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

/// From one colour to another.
pub(super) fn mix(from: [f64; 3], to: [f64; 3], share: f64) -> [f64; 3] {
    [0, 1, 2].map(|c| from[c] + (to[c] - from[c]) * share)
}
