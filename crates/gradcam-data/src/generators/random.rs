//! Draws from a picture's own stream.
//!
//! They do not use the `rand` crate, whose distributions may change with minor versions: a dependency must not change the bytes of a drawn
//! set. ChaCha8 itself is fixed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Creates a picture's stream: ChaCha8 with this seed, and the picture's number as the stream number.
pub(crate) fn stream(seed: u64, index: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(index);
    rng
}

/// Draws uniformly from `low..high`, with 53 bits.
pub(crate) fn uniform(rng: &mut ChaCha8Rng, low: f64, high: f64) -> f64 {
    let unit = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    low + (high - low) * unit
}

/// Draws from `0..count`; the bias is below `count` / 2⁵³.
pub(crate) fn choice(rng: &mut ChaCha8Rng, count: usize) -> usize {
    (uniform(rng, 0.0, count as f64) as usize).min(count.saturating_sub(1))
}

/// Draws from an approximate standard normal distribution: the sum of twelve uniforms, within ±6. It needs no logarithm, whose last bit
/// differs between machines.
pub(super) fn bell(rng: &mut ChaCha8Rng) -> f64 {
    (0..12).map(|_| uniform(rng, -0.5, 0.5)).sum()
}

/// Draws a unit vector uniformly: a random point of the disc, normalised.
pub(super) fn direction(rng: &mut ChaCha8Rng) -> [f64; 2] {
    loop {
        let [x, y] = [uniform(rng, -1.0, 1.0), uniform(rng, -1.0, 1.0)];
        let square = x * x + y * y;
        if (1e-6..1.0).contains(&square) {
            return [x / square.sqrt(), y / square.sqrt()];
        }
    }
}

/// Draws a rotation of at most about ±20°, as cosine and sine.
pub(super) fn tilt(rng: &mut ChaCha8Rng) -> [f64; 2] {
    let tangent = uniform(rng, -0.36, 0.36);
    let length = (1.0 + tangent * tangent).sqrt();
    [1.0 / length, tangent / length]
}

/// Draws a colour with each channel between two values.
pub(super) fn color_between(rng: &mut ChaCha8Rng, low: f64, high: f64) -> [f64; 3] {
    [(); 3].map(|()| uniform(rng, low, high))
}

/// Draws two colours with each channel between two values, at a Euclidean distance of at least half the range.
pub(super) fn two_colors(rng: &mut ChaCha8Rng, low: f64, high: f64) -> [[f64; 3]; 2] {
    loop {
        let [a, b] = [(); 2].map(|()| color_between(rng, low, high));
        let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        if square >= (high - low) * (high - low) / 4.0 {
            return [a, b];
        }
    }
}
