//! Resizing from the layer's resolution to the picture's.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Grid, Size};

/// How a map is resized to the picture.
///
/// Samples lie at pixel centres, as in PyTorch (`align_corners=False`), OpenCV and scikit-image. The saliency card names this choice as one
/// of Grad-CAM's two hyperparameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Interpolation {
    /// Takes the nearest sample, which shows the network's true resolution.
    Nearest,
    /// Interpolates between two samples per axis, the usual choice.
    #[default]
    Bilinear,
    /// Keys' cubic convolution over four samples per axis with a = -0.75, as in PyTorch and OpenCV.
    Bicubic,
    /// A sinc function windowed to three samples on each side, with normalised weights.
    Lanczos3,
}

impl Interpolation {
    /// Every choice.
    pub const ALL: &'static [Interpolation] = &[
        Interpolation::Nearest,
        Interpolation::Bilinear,
        Interpolation::Bicubic,
        Interpolation::Lanczos3,
    ];

    /// Returns the name that parses back to this choice.
    pub fn name(self) -> &'static str {
        match self {
            Interpolation::Nearest => "nearest",
            Interpolation::Bilinear => "bilinear",
            Interpolation::Bicubic => "bicubic",
            Interpolation::Lanczos3 => "lanczos3",
        }
    }

    /// Resizes `map`. Cubic and Lanczos kernels overshoot: the result may leave the map's range.
    ///
    /// ```
    /// use gradcam_map::{Grid, Interpolation, Size};
    ///
    /// let map = Grid::new(Size::new(1, 2)?, vec![0.0, 1.0])?;
    /// let large = Interpolation::Bilinear.resize(&map, Size::new(1, 4)?);
    /// assert_eq!(large.values(), [0.0, 0.25, 0.75, 1.0]);
    /// # Ok::<(), gradcam_map::Error>(())
    /// ```
    pub fn resize(self, map: &Grid, size: Size) -> Grid {
        let width = size.width();
        let rows = self.axis(map.height(), size.height());
        let columns = self.axis(map.width(), width);
        // Columns first, on the few rows of the small map.
        let mut wide = Vec::with_capacity(map.height() * width);
        for row in map.values().chunks_exact(map.width()) {
            wide.extend(columns.iter().map(|taps| weighted(taps, |i| row[i])));
        }
        let mut large = Grid::filled(size, 0.0);
        for (line, taps) in large.values_mut().chunks_exact_mut(width).zip(&rows) {
            for (x, value) in line.iter_mut().enumerate() {
                *value = weighted(taps, |i| wide[i * width + x]);
            }
        }
        large
    }

    /// Lists the input samples and their weights for each output position along one axis.
    fn axis(self, from: usize, to: usize) -> Vec<Vec<(usize, f64)>> {
        let scale = from as f64 / to as f64;
        let last = (from - 1) as isize;
        (0..to)
            .map(|index| {
                let centre = (index as f64 + 0.5) * scale - 0.5;
                if self == Interpolation::Nearest {
                    let nearest = ((index as f64 + 0.5) * scale) as usize;
                    return vec![(nearest.min(from - 1), 1.0)];
                }
                let reach = match self {
                    Interpolation::Lanczos3 => 3,
                    Interpolation::Bicubic => 2,
                    _ => 1,
                };
                let base = centre.floor() as isize;
                let mut taps: Vec<(usize, f64)> = (base - reach + 1..=base + reach)
                    .map(|i| (i.clamp(0, last) as usize, self.kernel(centre - i as f64)))
                    .collect();
                let total: f64 = taps.iter().map(|(_, weight)| weight).sum();
                for (_, weight) in &mut taps {
                    *weight /= total;
                }
                taps
            })
            .collect()
    }

    /// Returns the weight of a sample at distance `x`, in samples.
    fn kernel(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Interpolation::Nearest => f64::from(u8::from(x <= 0.5)),
            Interpolation::Bilinear => (1.0 - x).max(0.0),
            Interpolation::Bicubic => {
                const A: f64 = -0.75;
                if x <= 1.0 {
                    ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
                } else if x < 2.0 {
                    (((x - 5.0) * x + 8.0) * x - 4.0) * A
                } else {
                    0.0
                }
            }
            Interpolation::Lanczos3 => {
                let sinc = |x: f64| {
                    let x = x * std::f64::consts::PI;
                    if x == 0.0 { 1.0 } else { x.sin() / x }
                };
                if x < 3.0 {
                    sinc(x) * sinc(x / 3.0)
                } else {
                    0.0
                }
            }
        }
    }
}

fn weighted(taps: &[(usize, f64)], value: impl Fn(usize) -> f32) -> f32 {
    taps.iter()
        .map(|&(index, weight)| f64::from(value(index)) * weight)
        .sum::<f64>() as f32
}

impl fmt::Display for Interpolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Interpolation {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        Interpolation::ALL
            .iter()
            .copied()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| Error::UnknownInterpolation(text.to_string()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn size(height: usize, width: usize) -> Size {
        Size::new(height, width).unwrap()
    }

    fn ramp() -> Grid {
        Grid::new(size(2, 3), vec![0.0, 1.0, 4.0, -2.0, 3.0, 5.0]).unwrap()
    }

    #[test]
    fn every_kernel_keeps_a_map_of_the_same_size() {
        for &interpolation in Interpolation::ALL {
            let map = interpolation.resize(&ramp(), size(2, 3));
            for (a, b) in map.values().iter().zip(ramp().values()) {
                assert!((a - b).abs() < 1e-6, "{interpolation}");
            }
        }
    }

    #[test]
    fn a_constant_stays_constant() {
        let map = Grid::filled(size(3, 2), 0.7);
        for &interpolation in Interpolation::ALL {
            for v in interpolation.resize(&map, size(11, 5)).values() {
                assert!((v - 0.7).abs() < 1e-6, "{interpolation}");
            }
        }
    }

    /// torch 2.15: `F.interpolate(torch.tensor([[[0., 1., 4.], [-2., 3., 5.]]])[None], (3, 5), mode=…, align_corners=False)`.
    #[test]
    fn the_values_are_those_of_pytorch() {
        for (interpolation, expected) in [Interpolation::Bilinear, Interpolation::Bicubic]
            .into_iter()
            .zip(TORCH)
        {
            let map = interpolation.resize(&ramp(), size(3, 5));
            for (a, b) in map.values().iter().zip(expected) {
                assert!((a - b).abs() < 1e-5, "{interpolation}: {:?}", map.values());
            }
        }
    }

    const TORCH: [[f32; 15]; 2] = [
        [
            0.0, 0.4, 1.0, 2.8, 4.0, -1.0, 0.2, 2.0, 3.5, 4.5, -2.0, 0.0, 3.0, 4.2, 5.0,
        ],
        [
            0.110945, 0.20464, 0.826389, 2.762515, 4.209529, -1.288, -0.015999, 2.0, 3.746,
            4.740001, -2.686944, -0.236637, 3.173611, 4.729486, 5.270473,
        ],
    ];

    #[test]
    fn names_go_there_and_back() {
        for &interpolation in Interpolation::ALL {
            assert_eq!(interpolation.to_string().parse(), Ok(interpolation));
        }
        assert_eq!(
            "cubic".parse::<Interpolation>().unwrap_err().to_string(),
            "unknown interpolation `cubic`, expected `nearest`, `bilinear`, `bicubic` or `lanczos3`"
        );
    }
}
