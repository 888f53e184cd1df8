//! Draws of directions, rotations and colours.

use gradcam_random::Random;

/// Draws a unit vector uniformly: a random point of the disc, normalised.
pub(super) fn direction(rng: &mut Random) -> [f64; 2] {
    loop {
        let [x, y] = [rng.between(-1.0, 1.0), rng.between(-1.0, 1.0)];
        let square = x * x + y * y;
        if (1e-6..1.0).contains(&square) {
            return [x / square.sqrt(), y / square.sqrt()];
        }
    }
}

/// Draws a rotation of at most about ±20°, as cosine and sine.
pub(super) fn tilt(rng: &mut Random) -> [f64; 2] {
    let tangent = rng.between(-0.36, 0.36);
    let length = (1.0 + tangent * tangent).sqrt();
    [1.0 / length, tangent / length]
}

/// Draws a colour with each channel between two values.
pub(super) fn color_between(rng: &mut Random, low: f64, high: f64) -> [f64; 3] {
    [(); 3].map(|()| rng.between(low, high))
}

/// Draws two colours with each channel between two values, at a Euclidean distance of at least half the range.
pub(super) fn two_colors(rng: &mut Random, low: f64, high: f64) -> [[f64; 3]; 2] {
    loop {
        let [a, b] = [(); 2].map(|()| color_between(rng, low, high));
        let square: f64 = a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum();
        if square >= (high - low) * (high - low) / 4.0 {
            return [a, b];
        }
    }
}
