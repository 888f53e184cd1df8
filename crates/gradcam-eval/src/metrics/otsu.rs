//! The threshold that best separates a map into two classes.

use gradcam_map::Grid;

use super::min_max;
use crate::Result;

/// Returns the level that best splits a picture of 256 levels into two classes (Otsu 1979): the one with the largest variance between the
/// classes, and the lowest of several. Levels above it are foreground. `None` if there are fewer than two different levels.
pub fn otsu_threshold(levels: &[u8]) -> Option<u8> {
    let mut counts = [0_u64; 256];
    levels.iter().for_each(|&v| counts[usize::from(v)] += 1);
    let sum_of = |levels: &[u64]| -> u64 { (0..).zip(levels).map(|(v, count)| v * count).sum() };
    let (all, total) = (levels.len() as u64, sum_of(&counts));
    let mut best: Option<(f64, u8)> = None;
    let (mut below, mut sum) = (0, 0);
    for (level, &count) in (0..=u8::MAX).zip(&counts) {
        below += count;
        sum += u64::from(level) * count;
        if below == 0 || below == all {
            continue;
        }
        let above = (all - below) as f64;
        let gap = sum as f64 / below as f64 - (total - sum) as f64 / above;
        let variance = below as f64 * above * gap * gap;
        if best.is_none_or(|(most, _)| variance > most) {
            best = Some((variance, level));
        }
    }
    best.map(|(_, level)| level)
}

/// Marks the pixels above Otsu's threshold of the map rescaled to 256 levels (Saporta et al. 2022).
///
/// # Errors
/// The errors of [`check`](crate::check).
pub fn otsu_mask(map: &Grid) -> Result<Vec<bool>> {
    let levels: Vec<u8> = min_max(map)?.iter().map(|v| (v * 255.0) as u8).collect();
    // A map that is not constant has two levels.
    let threshold = otsu_threshold(&levels).unwrap_or(u8::MAX);
    Ok(levels.iter().map(|&v| v > threshold).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{golden, grid, list, wave};

    #[test]
    fn the_thresholds_are_those_of_scikit_image() {
        let mut levels = vec![0; 40];
        levels.extend([[60; 20].as_slice(), &[200; 30], &[255; 10]].concat());
        assert_eq!(otsu_threshold(&levels), Some(60));
        assert_eq!(otsu_threshold(&[7; 9]), None);
        assert_eq!(otsu_threshold(&[]), None);
        for (expected, step) in list(&golden()["otsu"])
            .iter()
            .zip([0.0413, 0.117, 0.731, 1.9])
        {
            let (a, b) = (wave(23, 31, step), wave(23, 31, 0.07));
            let product = a.values().iter().zip(b.values()).map(|(a, b)| a * b);
            let map = grid(23, 31, &product.collect::<Vec<_>>());
            let scaled = min_max(&map).unwrap();
            let levels: Vec<u8> = scaled.iter().map(|v| (v * 255.0) as u8).collect();
            assert_eq!(otsu_threshold(&levels).map(f64::from), Some(*expected));
        }
    }

    #[test]
    fn what_is_above_is_foreground() {
        let map = grid(1, 5, &[-1.0, -0.9, 2.0, 1.9, -1.0]);
        assert_eq!(otsu_mask(&map).unwrap(), [false, false, true, true, false]);
        assert!(otsu_mask(&grid(1, 2, &[3.0, 3.0])).is_err());
    }
}
