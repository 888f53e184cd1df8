//! Occlusion by a window that slides over the picture (Zeiler and Fergus 2013, section 4.2).

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::hidden::Hidden;
use crate::methods::about::{About, BLACK_BOX};
use crate::methods::baseline::Baseline;
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};
use crate::{Mask, Result};

/// Options of [`Method::Occlusion`](crate::Method::Occlusion).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Occlusion {
    /// Side of the square window in pixels of the network's input, no larger than its shorter side.
    pub window: usize,
    /// Pixels from one position to the next, at most the window's side.
    pub stride: usize,
    /// The content of the window.
    pub baseline: Baseline,
    /// The seed of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for Occlusion {
    /// A window of 32 pixels every 16 pixels, filled with the data set's mean.
    fn default() -> Self {
        Occlusion {
            window: 32,
            stride: 16,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

impl Recipe for Occlusion {
    fn about(&self) -> About {
        About {
            paper: "Zeiler and Fergus 2013, Visualizing and Understanding Convolutional Networks",
            cost: "1 forward for each position of the window",
            ..BLACK_BOX
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.that(self.window > 0, "window", "at least 1", self.window)?;
        let expected = "at least 1 and no larger than the input's shorter side";
        check.that(
            self.window <= check.shorter_side(),
            "window",
            expected,
            self.window,
        )?;
        // With a larger stride, no window would cover some pixels.
        let fits = (1..=self.window).contains(&self.stride);
        let expected = "at least 1 and no larger than the window";
        check.that(fits, "stride", expected, self.stride)
    }

    /// Returns the score's loss under a window, averaged at each pixel over the windows that cover it.
    ///
    /// The paper shows the score under each position of a grey square; the map of losses, of the picture's size, is Captum's `Occlusion`.
    /// As in Captum, an axis has `ceil((size - window) / stride) + 1` positions, and the last window is cut off at the border.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let size = subject.features.size;
        let hidden = Hidden::new(subject, self.baseline, self.seed)?;
        let columns = positions(size.width(), self);
        let rows = positions(size.height(), self);
        let window = |index: usize| {
            let row = rows[index / columns.len()].clone();
            (row, columns[index % columns.len()].clone())
        };
        let count = rows.len() * columns.len();
        let scores = hidden.scores(count, |index| {
            let (rows, columns) = window(index);
            Mask::Window {
                size,
                rows,
                columns,
            }
        })?;
        let whole = hidden.whole()?;
        let mut losses = vec![(0.0, 0.0); size.area()];
        for (index, score) in scores.into_iter().enumerate() {
            let (rows, columns) = window(index);
            for row in rows {
                for (sum, count) in &mut losses[row * size.width()..][columns.clone()] {
                    *sum += whole - score;
                    *count += 1.0;
                }
            }
        }
        let means = losses.into_iter().map(|(sum, count)| sum / count);
        Ok(subject.features.grid(means.collect()).into())
    }
}

/// Returns the range of an axis that the window covers at each position.
fn positions(size: usize, options: &Occlusion) -> Vec<Range<usize>> {
    let last = (size - options.window).div_ceil(options.stride);
    let start = (0..=last).map(|i| i * options.stride);
    start.map(|at| at..size.min(at + options.window)).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{Linear, explain, picture};
    use super::*;
    use crate::{Baseline, Method};

    fn occlusion(window: usize, stride: usize) -> Method {
        Method::Occlusion(Occlusion {
            window,
            stride,
            baseline: Baseline::White,
            seed: 0,
        })
    }

    /// Computes the windows by definition, pixel by pixel.
    #[test]
    fn a_linear_network_s_windows_add_up() {
        let (height, width, window, stride) = (11, 8, 4, 3);
        let image = picture(height, width);
        let network = Linear::new(height, width);
        let found = explain(&network, &image, occlusion(window, stride)).unwrap();
        let parts = network.parts(&image, 1.0);
        // Until a window reaches the border.
        let starts = |size: usize| {
            let mut starts = (0..size).step_by(stride);
            let mut reached = 0;
            std::iter::from_fn(move || {
                if reached < size {
                    starts.next().inspect(|s| reached = s + window)
                } else {
                    None
                }
            })
        };
        for y in 0..height {
            for x in 0..width {
                let (mut sum, mut count) = (0.0, 0.0);
                for top in starts(height).filter(|t| (*t..t + window).contains(&y)) {
                    for left in starts(width).filter(|l| (*l..l + window).contains(&x)) {
                        for row in top..height.min(top + window) {
                            for column in left..width.min(left + window) {
                                sum += parts[row * width + column];
                            }
                        }
                        count += 1.0;
                    }
                }
                let value = f64::from(found.map.values()[y * width + x]);
                assert!((value - sum / count).abs() < 1e-4, "{y}, {x}: {value}");
            }
        }
    }

    #[test]
    fn positions_are_captum_s() {
        let options = |window, stride| Occlusion {
            window,
            stride,
            ..Occlusion::default()
        };
        assert_eq!(positions(8, &options(4, 3)), [0..4, 3..7, 6..8]);
        assert_eq!(positions(8, &options(8, 3)), vec![0..8; 1]);
        assert_eq!(positions(224, &options(32, 16)).len(), 13);
    }

    #[test]
    fn a_window_has_to_fit() {
        let (image, network) = (picture(11, 8), Linear::new(11, 8));
        let refused = |window, stride| {
            explain(&network, &image, occlusion(window, stride))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            refused(9, 1),
            "the option `window` of `occlusion` must be at least 1 and no larger than the input's shorter side, found 9"
        );
        assert!(refused(0, 1).contains("`window`"));
        assert!(refused(3, 0).contains("`stride`"));
        assert!(refused(3, 4).contains("no larger than the window, found 4"));
    }
}
