//! Ten backgrounds, each a pattern of two rather dark colours with random rotation, scale and offset.

use gradcam_random::Random;

use super::canvas::{Canvas, mix};
use super::random::{direction, two_colors};
use super::texture::{clouds, ramp, wave};

/// The backgrounds' names; the index is the class.
pub(super) const SCENES: [&str; 10] = [
    "bricks", "checks", "clouds", "dots", "grass", "marble", "plaid", "rings", "stripes", "zigzag",
];

/// Paints a background. Faint clouds lie over each, so that no two pixels are alike.
pub(super) fn paint(rng: &mut Random, size: usize, scene: usize) -> Canvas {
    let [first, second] = two_colors(rng, 0.05, 0.6);
    let [cos, sin] = direction(rng);
    let side = size as f64;
    let period = side * rng.between(0.13, 0.22);
    let [x0, y0] = [(); 2].map(|()| rng.between(0.0, side));
    let soft = clouds(rng, size, side / 4.0, 3);
    let fine = clouds(rng, size, side / 16.0, 2);
    let share = |i: usize, px: f64, py: f64| {
        let (dx, dy) = (px - x0, py - y0);
        // Across and along the pattern, in periods.
        let (u, v) = (
            (dx * cos + dy * sin) / period,
            (dy * cos - dx * sin) / period,
        );
        match scene {
            0 => {
                let row = (2.0 * v).floor();
                let shift = if row.rem_euclid(2.0) < 1.0 { 0.0 } else { 0.5 };
                let joint = wave(u + shift).min(wave(2.0 * v) / 2.0);
                ramp(joint, 0.08, 0.2)
            }
            1 => f64::from((u.floor() + v.floor()).rem_euclid(2.0) < 1.0),
            2 => ramp(soft[i], -0.25, 0.25),
            3 => {
                let (a, b) = (u - u.floor() - 0.5, v - v.floor() - 0.5);
                1.0 - ramp(a * a + b * b, 0.07, 0.12)
            }
            4 => ramp(
                wave(2.5 * u + 0.8 * fine[i]) * wave(0.4 * v + soft[i]),
                0.2,
                0.6,
            ),
            5 => wave(0.7 * u + 2.0 * soft[i] + 0.5 * fine[i]),
            6 => (ramp(wave(u), 0.4, 0.6) + ramp(wave(v), 0.4, 0.6)) / 2.0,
            7 => ramp(wave((u * u + v * v).sqrt()), 0.3, 0.7),
            8 => ramp(wave(u), 0.35, 0.65),
            _ => ramp(wave(u + 0.8 * wave(0.7 * v)), 0.35, 0.65),
        }
    };
    Canvas::new(size, |i, x, y| {
        let light = 0.12 * soft[i] + 0.06 * fine[i];
        mix(first, second, share(i, x, y)).map(|value| value + light)
    })
}
