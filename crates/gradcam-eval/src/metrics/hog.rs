//! Histograms of oriented gradients, and their correlation between two maps.

use gradcam_map::{Grid, Size};

use super::{min_max, spearman};
use crate::degenerate::check_pair;
use crate::{Error, Result, Undefined};

const CELL: usize = 16;
const BLOCK: usize = 3;
const ORIENTATIONS: usize = 9;
/// Keeps the norm of an empty block above 0.
const EPSILON: f64 = 1e-5;
/// The value at which L2-Hys clips the features.
const CUT: f64 = 0.2;

/// Computes the histogram of oriented gradients of the map, rescaled to 0 to 1 (Dalal and Triggs 2005): 9 orientations from 0° to 180° in
/// cells of 16 × 16 pixels, blocks of 3 × 3 cells normalised by L2-Hys, as in scikit-image with these parameters. The features of a block
/// are contiguous: its cells row by row, each with its orientations.
///
/// # Errors
/// If the map is smaller than 48 × 48; the errors of [`check`](crate::check).
pub fn hog(map: &Grid) -> Result<Vec<f64>> {
    let values = min_max(map)?;
    if map.height().min(map.width()) < BLOCK * CELL {
        return Err(Error::TooSmall {
            metric: "hog",
            least: BLOCK * CELL,
            found: map.size(),
        });
    }
    let (rows, columns) = (map.height() / CELL, map.width() / CELL);
    let cells = cells(&values, map, rows, columns);
    let mut features = Vec::new();
    for row in 0..=rows - BLOCK {
        for column in 0..=columns - BLOCK {
            let first = features.len();
            for cell_row in row..row + BLOCK {
                let start = cell_row * columns + column;
                features.extend(cells[start..start + BLOCK].iter().flatten());
            }
            normalise(&mut features[first..]);
            features[first..].iter_mut().for_each(|v| *v = v.min(CUT));
            normalise(&mut features[first..]);
        }
    }
    Ok(features)
}

/// Returns the mean gradient of each cell by orientation.
fn cells(values: &[f64], map: &Grid, rows: usize, columns: usize) -> Vec<[f64; ORIENTATIONS]> {
    let (height, width) = map.size().height_width();
    let mut cells = vec![[0.0; ORIENTATIONS]; rows * columns];
    for y in 0..rows * CELL {
        for x in 0..columns * CELL {
            // The gradient is 0 at the border.
            let at = y * width + x;
            let down = if y > 0 && y + 1 < height {
                values[at + width] - values[at - width]
            } else {
                0.0
            };
            let right = if x > 0 && x + 1 < width {
                values[at + 1] - values[at - 1]
            } else {
                0.0
            };
            let degrees = down.atan2(right).to_degrees().rem_euclid(180.0);
            let bin = (degrees / (180.0 / ORIENTATIONS as f64)) as usize;
            // Rounding may turn an angle just below 0 into 180, which is outside every bin.
            if let Some(sum) = cells[y / CELL * columns + x / CELL].get_mut(bin) {
                *sum += down.hypot(right) / (CELL * CELL) as f64;
            }
        }
    }
    cells
}

fn normalise(block: &mut [f64]) {
    let squares: f64 = block.iter().map(|v| v * v).sum();
    let norm = (squares + EPSILON * EPSILON).sqrt();
    block.iter_mut().for_each(|v| *v /= norm);
}

/// Computes Spearman's rank correlation of two maps' histograms of oriented gradients, -1 to 1 (Adebayo et al. 2018).
///
/// # Errors
/// If the maps have different sizes; the errors of [`hog`]; [`Undefined::Constant`] if a map has no gradient inside its cells.
pub fn hog_correlation(a: &Grid, b: &Grid) -> Result<f64> {
    check_pair(a, b)?;
    let features = |map: &Grid| -> Result<Grid> {
        let values: Vec<f32> = hog(map)?.into_iter().map(|v| v as f32).collect();
        if values.iter().all(|&v| v == 0.0) {
            Err(Undefined::Constant.into())
        } else {
            Ok(Grid::new(Size::new(1, values.len())?, values)?)
        }
    };
    spearman(&features(a)?, &features(b)?)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{golden, list, wave};

    #[test]
    fn the_features_are_those_of_scikit_image() {
        let (a, b) = (wave(53, 70, 0.0413), wave(53, 70, 0.731));
        let expected = list(&golden()["hog"]["features"]);
        let found = hog(&a).unwrap();
        assert_eq!(found.len(), expected.len());
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 1e-6, "{i}: {found}, {expected}");
        }
        let expected = golden()["hog"]["correlation"].as_f64().unwrap();
        let found = hog_correlation(&a, &b).unwrap();
        assert!((found - expected).abs() < 1e-3, "{found}, {expected}");
        assert!((hog_correlation(&a, &a).unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_small_map_is_refused() {
        let error = hog(&wave(47, 90, 0.7)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "hog needs a map of at least 48 rows and columns, found 47 x 90"
        );
    }
}
