//! Textures: random fields and periodic patterns.

use gradcam_random::Random;

/// Draws `size` × `size` values with a mean of about 0, within ±1: smooth noise with cells of `cell` pixels, plus half as much with cells
/// half as large, for `octaves` octaves in all (value noise; the octave weights follow Perlin, "An image synthesizer", 1985).
pub(super) fn clouds(rng: &mut Random, size: usize, cell: f64, octaves: usize) -> Vec<f64> {
    let mut field = vec![0.0; size * size];
    let (mut cell, mut weight, mut total) = (cell, 1.0, 0.0);
    for _ in 0..octaves {
        add_smooth(rng, &mut field, size, cell.max(1.0), weight);
        total += weight;
        (cell, weight) = (cell / 2.0, weight / 2.0);
    }
    field.iter_mut().for_each(|value| *value /= total);
    field
}

/// Adds random values at the cells' corners, interpolated by a smoothstep.
fn add_smooth(rng: &mut Random, field: &mut [f64], size: usize, cell: f64, weight: f64) {
    let corners = (size as f64 / cell) as usize + 2;
    let values: Vec<f64> = (0..corners * corners)
        .map(|_| rng.between(-1.0, 1.0))
        .collect();
    let place = |i: usize| {
        let at = i as f64 / cell;
        let part = at - at.floor();
        (at as usize, part * part * (3.0 - 2.0 * part))
    };
    for (row, line) in field.chunks_mut(size).enumerate() {
        let (y, down) = place(row);
        for (column, value) in line.iter_mut().enumerate() {
            let (x, across) = place(column);
            let at = |dy: usize, dx: usize| values[(y + dy) * corners + x + dx];
            let upper = at(0, 0) + (at(0, 1) - at(0, 0)) * across;
            let lower = at(1, 0) + (at(1, 1) - at(1, 0)) * across;
            *value += weight * (upper + (lower - upper) * down);
        }
    }
}

/// Computes a triangle wave: 0 at integers, 1 halfway between them.
pub(super) fn wave(x: f64) -> f64 {
    let part = x - x.floor();
    1.0 - (2.0 * part - 1.0).abs()
}

/// Rises linearly from 0 at `low` to 1 at `high`, clamped to 0 to 1.
pub(super) fn ramp(x: f64, low: f64, high: f64) -> f64 {
    ((x - low) / (high - low)).clamp(0.0, 1.0)
}
