//! The structural similarity of two maps.

use gradcam_map::Grid;

use crate::degenerate::{check_finite, check_pair};
use crate::{Error, Result};

/// The weights of the pixels around a pixel in SSIM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Window {
    /// 7 × 7 equal weights, the default of scikit-image.
    #[default]
    Uniform,
    /// A Gaussian with a standard deviation of 1.5 pixels, cut off at 11 × 11 (Wang et al. 2004).
    Gaussian,
}

impl Window {
    /// Returns the weights along one axis.
    fn weights(self) -> Vec<f64> {
        match self {
            Window::Uniform => vec![1.0 / 7.0; 7],
            Window::Gaussian => {
                let raw = (-5..=5).map(|i| (-f64::from(i * i) / (2.0 * 1.5 * 1.5)).exp());
                let raw: Vec<f64> = raw.collect();
                let total: f64 = raw.iter().sum();
                raw.into_iter().map(|w| w / total).collect()
            }
        }
    }
}

/// Computes the mean structural similarity of two maps, at most 1 (Wang et al. 2004, eq. 13, with K₁ = 0.01 and K₂ = 0.03), as scikit-image
/// defines it: with sample covariances, and only for pixels whose window lies in the map.
///
/// `range` is the difference between the largest and the smallest value that a map may have: 1 for maps rescaled to 0 to 1. Older versions
/// of scikit-image used 2 for such maps, which gives higher values; a published number means nothing without its range. Constant maps have
/// a similarity too: that of two empty maps is 1.
///
/// # Errors
/// If the maps have different sizes, are smaller than the window or not finite, or the range is not positive.
pub fn ssim(a: &Grid, b: &Grid, window: Window, range: f64) -> Result<f64> {
    check_finite(a)?;
    check_finite(b)?;
    check_pair(a, b)?;
    if !(range > 0.0 && range.is_finite()) {
        return Err(Error::option("range", "a positive number", range));
    }
    let weights = window.weights();
    if a.height().min(a.width()) < weights.len() {
        return Err(Error::TooSmall {
            metric: "ssim",
            least: weights.len(),
            found: a.size(),
        });
    }
    let filtered = |value: &dyn Fn(f64, f64) -> f64| {
        let pairs = a.values().iter().zip(b.values());
        let values: Vec<f64> = pairs
            .map(|(&a, &b)| value(f64::from(a), f64::from(b)))
            .collect();
        inside(&values, a.width(), &weights)
    };
    let (mean_a, mean_b) = (filtered(&|a, _| a), filtered(&|_, b| b));
    let (aa, bb, ab) = (
        filtered(&|a, _| a * a),
        filtered(&|_, b| b * b),
        filtered(&|a, b| a * b),
    );
    // Converts population variances to sample variances.
    let count = (weights.len() * weights.len()) as f64;
    let sample = count / (count - 1.0);
    let (c1, c2) = ((0.01 * range).powi(2), (0.03 * range).powi(2));
    let similarity = |i: usize| {
        let (ma, mb) = (mean_a[i], mean_b[i]);
        let variances = sample * (aa[i] - ma * ma + bb[i] - mb * mb);
        let covariance = sample * (ab[i] - ma * mb);
        (2.0 * ma * mb + c1) * (2.0 * covariance + c2)
            / ((ma * ma + mb * mb + c1) * (variances + c2))
    };
    let total: f64 = (0..mean_a.len()).map(similarity).sum();
    Ok(total / mean_a.len() as f64)
}

/// Returns the weighted means over the windows that lie inside the map.
fn inside(values: &[f64], width: usize, weights: &[f64]) -> Vec<f64> {
    let columns = width + 1 - weights.len();
    let mut rows = Vec::new();
    for row in values.chunks_exact(width) {
        rows.extend(row.windows(weights.len()).map(|w| dot(w, weights)));
    }
    let height = values.len() / width + 1 - weights.len();
    (0..height * columns)
        .map(|i| {
            let column = rows.iter().skip(i).step_by(columns);
            column.zip(weights).map(|(v, w)| v * w).sum()
        })
        .collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::testing::{golden, grid, list, wave};

    #[test]
    fn the_values_are_those_of_scikit_image() {
        let golden = &golden()["ssim"];
        let map = |name: &str| {
            let values: Vec<f32> = list(&golden[name]).iter().map(|&v| v as f32).collect();
            grid(16, 16, &values)
        };
        let (a, b) = (map("a"), map("b"));
        for (name, window) in [("uniform", Window::Uniform), ("gaussian", Window::Gaussian)] {
            for range in [1.0, 2.0] {
                let expected = golden[format!("{name}_{range}")].as_f64().unwrap();
                let found = ssim(&a, &b, window, range).unwrap();
                assert!((found - expected).abs() < 1e-7, "{name} {range}: {found}");
            }
        }
        // The document's own numbers.
        let found = ssim(&a, &b, Window::Uniform, 1.0).unwrap();
        assert!((found - 0.953_922_202_4).abs() < 1e-7);
    }

    #[test]
    fn a_map_is_like_itself() {
        let (zero, map) = (grid(8, 9, &[0.0; 72]), wave(12, 13, 0.731));
        assert_eq!(ssim(&zero, &zero, Window::Uniform, 1.0).unwrap(), 1.0);
        let found = ssim(&map, &map, Window::Gaussian, 1.0).unwrap();
        assert!((found - 1.0).abs() < 1e-12);
        assert!(ssim(&zero, &zero, Window::Gaussian, 1.0).is_err());
        assert!(ssim(&map, &map, Window::Uniform, 0.0).is_err());
        assert!(ssim(&map, &zero, Window::Uniform, 1.0).is_err());
    }
}
