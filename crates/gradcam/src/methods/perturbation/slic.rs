//! SLIC superpixels (Achanta et al. 2012, algorithm 1).
//!
//! Written here because no crate fits. `superpixel` dates from 2018 and depends on an `image` of that time. `simple_clustering` dates from
//! 2023 and brings `fxhash` and `palette`, the latter for one conversion; it refuses pictures that are small for the number of superpixels.
//! The algorithm is short.

use std::collections::VecDeque;

/// Rounds of assignment; the paper finds ten enough for any picture.
const ROUNDS: usize = 10;
/// The weight of a distance of one grid step against a distance of one in CIELAB: the paper's `m`.
const COMPACTNESS: f64 = 10.0;

/// A centre in colour and position.
#[derive(Clone, Copy, Default)]
struct Centre {
    colour: [f64; 3],
    y: f64,
    x: f64,
}

/// Returns the number of each pixel's superpixel, from 0 and without gaps. Each superpixel is connected (by edges, not corners). There are
/// about `segments`, and more if colours fall into many pieces: a piece of a quarter of the usual size stands on its own.
///
/// A pixel that no window covers keeps its superpixel; the authors' code leaves it without one until the end.
pub(super) fn slic(
    colours: &[[f64; 3]],
    (height, width): (usize, usize),
    segments: usize,
) -> Vec<usize> {
    let pixels = height * width;
    if pixels == 0 {
        return Vec::new();
    }
    let step = (pixels as f64 / segments.clamp(1, pixels) as f64).sqrt();
    let along = |size: usize| ((size as f64 / step).round() as usize).clamp(1, size);
    let (rows, columns) = (along(height), along(width));
    let mut centres: Vec<Centre> = (0..rows * columns)
        .map(|i| {
            let middle = |at: usize, of: usize, size: usize| (2 * at + 1) * size / (2 * of);
            let y = middle(i / columns, rows, height);
            let x = middle(i % columns, columns, width);
            flattest(colours, (height, width), (y, x))
        })
        .collect();
    let mut labels: Vec<usize> = (0..pixels)
        .map(|i| (i / width * rows / height) * columns + i % width * columns / width)
        .collect();
    for _ in 0..ROUNDS {
        assign(colours, (height, width), &centres, step, &mut labels);
        update(colours, width, &labels, &mut centres);
    }
    connected(&labels, (height, width), step * step / 4.0)
}

/// Returns the position with the smallest gradient among a pixel and its eight neighbours, so that no centre begins on an edge.
fn flattest(
    colours: &[[f64; 3]],
    (height, width): (usize, usize),
    (y, x): (usize, usize),
) -> Centre {
    let at = |y: usize, x: usize| colours[y.min(height - 1) * width + x.min(width - 1)];
    let gradient = |y: usize, x: usize| {
        squared(at(y + 1, x), at(y.saturating_sub(1), x))
            + squared(at(y, x + 1), at(y, x.saturating_sub(1)))
    };
    let mut best = (f64::INFINITY, y, x);
    for y in y.saturating_sub(1)..height.min(y + 2) {
        for x in x.saturating_sub(1)..width.min(x + 2) {
            let found = gradient(y, x);
            if found < best.0 {
                best = (found, y, x);
            }
        }
    }
    let (_, y, x) = best;
    Centre {
        colour: at(y, x),
        y: y as f64,
        x: x as f64,
    }
}

fn squared(a: [f64; 3], b: [f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Assigns each pixel to the nearest centre (equation 3) among those whose window of two steps covers it; ties go to the first.
fn assign(
    colours: &[[f64; 3]],
    (height, width): (usize, usize),
    centres: &[Centre],
    step: f64,
    labels: &mut [usize],
) {
    let scale = (COMPACTNESS / step).powi(2);
    let mut distances = vec![f64::INFINITY; labels.len()];
    let window = |middle: f64, size: usize| {
        let (from, to) = ((middle - step).ceil(), (middle + step).floor());
        from.max(0.0) as usize..size.min(to as usize + 1)
    };
    for (label, centre) in centres.iter().enumerate() {
        for y in window(centre.y, height) {
            for x in window(centre.x, width) {
                let i = y * width + x;
                let plane = (y as f64 - centre.y).powi(2) + (x as f64 - centre.x).powi(2);
                let distance = squared(colours[i], centre.colour) + plane * scale;
                if distance < distances[i] {
                    distances[i] = distance;
                    labels[i] = label;
                }
            }
        }
    }
}

/// Moves each centre to the mean of its pixels.
fn update(colours: &[[f64; 3]], width: usize, labels: &[usize], centres: &mut [Centre]) {
    let mut sums = vec![(Centre::default(), 0.0); centres.len()];
    for (i, (&label, colour)) in labels.iter().zip(colours).enumerate() {
        let (sum, count) = &mut sums[label];
        sum.colour.iter_mut().zip(colour).for_each(|(s, c)| *s += c);
        sum.y += (i / width) as f64;
        sum.x += (i % width) as f64;
        *count += 1.0;
    }
    for (centre, (sum, count)) in centres.iter_mut().zip(sums) {
        if count > 0.0 {
            *centre = Centre {
                colour: sum.colour.map(|v| v / count),
                y: sum.y / count,
                x: sum.x / count,
            };
        }
    }
}

/// Numbers the connected pieces in reading order; a piece of fewer than `least` pixels joins an adjacent earlier piece.
fn connected(labels: &[usize], (height, width): (usize, usize), least: f64) -> Vec<usize> {
    const NONE: usize = usize::MAX;
    let mut result = vec![NONE; labels.len()];
    let mut count = 0;
    for first in 0..labels.len() {
        if result[first] != NONE {
            continue;
        }
        let mut piece = Vec::new();
        let mut next = VecDeque::from([first]);
        let mut before = NONE;
        result[first] = count;
        while let Some(i) = next.pop_front() {
            piece.push(i);
            let (y, x) = (i / width, i % width);
            let neighbours = [
                (y > 0).then(|| i - width),
                (x > 0).then(|| i - 1),
                (x + 1 < width).then(|| i + 1),
                (y + 1 < height).then(|| i + width),
            ];
            for j in neighbours.into_iter().flatten() {
                if result[j] == NONE && labels[j] == labels[first] {
                    result[j] = count;
                    next.push_back(j);
                } else if before == NONE && result[j] != NONE && result[j] != count {
                    before = result[j];
                }
            }
        }
        if before != NONE && (piece.len() as f64) < least {
            piece.into_iter().for_each(|i| result[i] = before)
        } else {
            count += 1
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(count: usize) -> Vec<[f64; 3]> {
        let wave = |i: usize, step: f64| 40.0 * (i as f64 * step).sin();
        (0..count)
            .map(|i| [50.0 + wave(i, 0.37), wave(i, 1.3), wave(i, 2.9)])
            .collect()
    }

    /// Returns the number of pieces; every label must be one piece, and none missing.
    fn pieces(labels: &[usize], size: (usize, usize)) -> usize {
        let count = labels.iter().max().map_or(0, |l| l + 1);
        let again = connected(labels, size, 0.0);
        assert_eq!(again.iter().max().map_or(0, |l| l + 1), count);
        let mut seen = vec![false; count];
        labels.iter().for_each(|&label| seen[label] = true);
        assert!(seen.into_iter().all(|seen| seen));
        count
    }

    #[test]
    fn a_flat_picture_is_cut_into_a_grid() {
        let labels = slic(&[[50.0, 0.0, 0.0]; 24 * 36], (24, 36), 6);
        let expected: Vec<usize> = (0..24 * 36)
            .map(|i| (i / 36 / 12) * 3 + i % 36 / 12)
            .collect();
        assert_eq!(labels.len(), expected.len());
        let same = labels.iter().zip(&expected).filter(|(a, b)| a == b);
        // Centres are whole pixels at first, so borders may be off by a pixel.
        assert!(same.count() > 24 * 36 * 9 / 10);
        assert_eq!(pieces(&labels, (24, 36)), 6);
    }

    #[test]
    fn edges_are_kept() {
        // A bright and a dark half whose border is off the grid's.
        let (height, width) = (20, 30);
        let colours: Vec<_> = (0..height * width)
            .map(|i| [if i % width < 12 { 90.0 } else { 10.0 }, 0.0, 0.0])
            .collect();
        let labels = slic(&colours, (height, width), 12);
        for label in 0..pieces(&labels, (height, width)) {
            let sides = |bright: bool| {
                (0..labels.len()).any(|i| labels[i] == label && (i % width < 12) == bright)
            };
            assert!(!(sides(true) && sides(false)), "{label}");
        }
    }

    #[test]
    fn every_size_and_count_gives_connected_parts() {
        for (height, width) in [(1, 1), (1, 17), (23, 2), (31, 29)] {
            let colours = noise(height * width);
            for segments in [1, 2, 7, 50, 5000] {
                let labels = slic(&colours, (height, width), segments);
                assert_eq!(labels.len(), height * width);
                assert!(pieces(&labels, (height, width)) <= 4 * segments + 1);
            }
        }
    }
}
