//! Random masks, weighted by the score under them (Petsiuk et al. 2018).

use gradcam_map::{Grid, Size};
use gradcam_random::Random;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::hidden::Hidden;
use super::sampling::{Estimate, batches};
use crate::methods::about::{About, BLACK_BOX};
use crate::methods::baseline::Baseline;
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};
use crate::seen::masks::between;
use crate::{Mask, Result, Taps};

/// Options of [`Method::Rise`](crate::Method::Rise).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rise {
    /// Number of masks, each with a forward pass.
    pub masks: usize,
    /// Cells of a mask along each side, before it is upsampled and shifted.
    pub cells: usize,
    /// The probability that a cell is open, above 0.
    pub keep: f64,
    /// Whether the mean score is subtracted from each score first. Equation 6 does not subtract it, and gives a high plateau with little
    /// relief: the mean score everywhere, with the unevenness of the masks. After the subtraction, 0 means no influence, and the order of
    /// the pixels is the same up to that unevenness.
    pub centered: bool,
    /// Whether the score of a class is its probability, as in the paper. `false` takes the output itself, for outputs that are not logits
    /// of a softmax: those of [`Dense`](crate::Dense), sums over many pixels, would saturate it. Outputs that are already a softmax are
    /// used as they are.
    pub probability: bool,
    /// The content of hidden parts.
    pub baseline: Baseline,
    /// The seed of the masks and of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for Rise {
    /// 4,000 masks of 7 × 7 cells, half of them open.
    fn default() -> Self {
        Rise {
            masks: 4000,
            cells: 7,
            keep: 0.5,
            centered: true,
            probability: true,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

impl Recipe for Rise {
    fn about(&self) -> About {
        About {
            paper: "Petsiuk et al. 2018, RISE: Randomized Input Sampling for Explanation of Black-box Models",
            cost: "4000 forwards",
            ..BLACK_BOX
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.count("masks", self.masks)?;
        check.that(self.cells > 0, "cells", "at least 1", self.cells)?;
        let expected = "at least 1 and no more than the pixels of the input's shorter side";
        check.that(
            self.cells <= check.shorter_side(),
            "cells",
            expected,
            self.cells,
        )?;
        let fits = self.keep > 0.0 && self.keep <= 1.0;
        check.that(fits, "keep", "above 0 and at most 1", self.keep)
    }

    /// Computes `1 / (N keep) Σ score · mask` (equation 6). By default, the scores' mean is subtracted:
    /// `1 / ((N - 1) keep) Σ (score - mean) · mask`, the covariance of the score and the mask over `keep`.
    ///
    /// The score is the class's probability, as in the paper, if the target is one of several classes and the option `probability` is on.
    /// Otherwise, or if the output is already a softmax, it is the score itself. Hidden parts show the baseline; the paper has black.
    /// `error` is the standard error of this mean at each pixel. With a tolerance, masks are drawn until the mean error is below this
    /// fraction of the map's range; `standard-error` is the fraction that was reached.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let hidden = Hidden::new(subject, self.baseline, self.seed)?;
        let size = hidden.size();
        let mut sums = Sums {
            count: 0,
            scores: 0.0,
            squares: 0.0,
            pixels: vec![[0.0; 6]; size.area()],
        };
        for draws in batches(subject.affordable(self.masks, 1)) {
            let masks: Vec<Drawn> = draws
                .map(|draw| Drawn::new(self, size, draw))
                .collect::<Result<_>>()?;
            let scores = hidden.scores_by(
                masks.len(),
                |index| masks[index].mask(),
                |logits| self.score(subject, logits),
            )?;
            sums.add(&masks, &scores, size.width());
            if subject
                .tolerance
                .is_some_and(|t| sums.estimate(self).settled(t))
            {
                break;
            }
        }
        let found = sums.estimate(self);
        let mut measures = vec![("masks", sums.count as f64)];
        measures.extend(
            found
                .relative_error()
                .map(|error| ("standard-error", error)),
        );
        Ok(SignedMap {
            map: subject.features.grid(found.values),
            error: found.errors.map(|errors| subject.features.grid(errors)),
            measures,
        })
    }
}

impl Rise {
    /// Returns the score of the class under a mask.
    fn score(&self, subject: &Subject<'_>, logits: &[f32]) -> Result<f64> {
        if self.probability {
            subject.probability(logits)
        } else {
            subject.score(logits)
        }
    }
}

/// Sums over masks; memory does not grow with the number of masks.
struct Sums {
    count: usize,
    /// The sum of the scores `s`.
    scores: f64,
    /// The sum of their squares.
    squares: f64,
    /// The sums of `m`, `m²`, `s m`, `s m²`, `s² m` and `s² m²` for the mask `m` at each pixel.
    pixels: Vec<[f64; 6]>,
}

impl Sums {
    /// Adds masks with their scores. Each pixel sums in the order of the masks, whichever core it is on.
    fn add(&mut self, masks: &[Drawn], scores: &[f64], width: usize) {
        self.count += masks.len();
        self.scores += scores.iter().sum::<f64>();
        self.squares += scores.iter().map(|s| s * s).sum::<f64>();
        let rows = self.pixels.par_chunks_mut(width.max(1)).enumerate();
        rows.for_each(|(y, row)| {
            for (mask, score) in masks.iter().zip(scores) {
                for (sums, open) in row.iter_mut().zip(mask.row(y)) {
                    let open = f64::from(open);
                    let both = score * open;
                    let terms = [
                        open,
                        open * open,
                        both,
                        both * open,
                        both * score,
                        both * both,
                    ];
                    for (sum, term) in sums.iter_mut().zip(terms) {
                        *sum += term;
                    }
                }
            }
        });
    }

    fn estimate(&self, options: &Rise) -> Estimate {
        let count = self.count as f64;
        // A single score has no covariance, and is taken as it is.
        let centered = options.centered && self.count > 1;
        let (mean, divisor) = if centered {
            (self.scores / count, (count - 1.0) * options.keep)
        } else {
            (0.0, count * options.keep)
        };
        let sum = |sums: &[f64; 6]| sums[2] - mean * sums[0];
        // The variance of `s m`, or of `(s - mean s) (m - mean m)`.
        let error = |sums: &[f64; 6]| {
            let &[m, mm, sm, smm, ssm, ssmm] = sums;
            let open = if centered { m / count } else { 0.0 };
            let of_squares = ssmm - 2.0 * open * ssm + open * open * self.squares;
            let of_scores = smm - 2.0 * open * sm + open * open * self.scores;
            let of_masks = mm - 2.0 * open * m + open * open * count;
            let squares = of_squares - 2.0 * mean * of_scores + mean * mean * of_masks;
            let variance = (squares - sum(sums).powi(2) / count) / (count - 1.0);
            (variance.max(0.0) / count).sqrt() / options.keep
        };
        Estimate {
            values: self.pixels.iter().map(|sums| sum(sums) / divisor).collect(),
            errors: (self.count > 1).then(|| self.pixels.iter().map(error).collect()),
        }
    }
}

/// Cells that are open or closed, upsampled to `(cells + 1)` times the size of a cell; the mask is a crop of the image's size at a random
/// position (section 3.2).
///
/// A cell's size is rounded up, as in the authors' code; otherwise the crop would not fit. The upsampling has samples at the centres of
/// pixels and repeats those of the border, which their code mirrors.
struct Drawn {
    open: Grid,
    rows: Vec<Taps>,
    columns: Vec<Taps>,
}

impl Drawn {
    /// Draws a mask, which depends only on the seed and its number.
    fn new(options: &Rise, size: Size, draw: usize) -> Result<Self> {
        let cells = options.cells;
        let mut random = Random::of_draw(options.seed, draw + 1);
        let open = |_| f32::from(u8::from(random.unit() < options.keep));
        let open = Grid::from_fn(Size::new(cells, cells)?, open);
        let mut axis = |size: usize| -> Vec<Taps> {
            let cell = size.div_ceil(cells);
            let shift = random.part(cell);
            let scale = cells as f64 / ((cells + 1) * cell) as f64;
            let last = (cells - 1) as f64;
            (shift..shift + size)
                .map(|at| {
                    let at = ((at as f64 + 0.5) * scale - 0.5).clamp(0.0, last);
                    let first = at as usize;
                    (
                        first,
                        (first + 1).min(cells - 1),
                        (at - first as f64) as f32,
                    )
                })
                .collect()
        };
        Ok(Drawn {
            open,
            rows: axis(size.height()),
            columns: axis(size.width()),
        })
    }

    fn row(&self, y: usize) -> impl Iterator<Item = f32> {
        between(&self.open, self.rows[y], &self.columns)
    }

    fn mask(&self) -> Mask {
        Mask::Cells {
            cells: self.open.clone(),
            rows: self.rows.clone(),
            columns: self.columns.clone(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{Linear, asked, explain, explain_by, picture, with_subject};
    use super::*;
    use crate::{Error, Explainer, Method, Target, probabilities};
    use gradcam_map::Interpolation;

    const SIZE: (usize, usize) = (11, 9);

    fn rise(masks: usize, seed: u64) -> Rise {
        Rise {
            masks,
            cells: 3,
            keep: 0.4,
            centered: false,
            seed,
            ..Rise::default()
        }
    }

    fn drawn(options: &Rise, draw: usize) -> Drawn {
        Drawn::new(options, Size::new(SIZE.0, SIZE.1).unwrap(), draw).unwrap()
    }

    fn open(mask: &Grid) -> Vec<f64> {
        mask.values().iter().map(|&v| f64::from(v)).collect()
    }

    /// Computes `E[score · mask_p] / keep` for the score `c + Σ d_q mask_q`. For a given shift, mask pixels are sums `Σ a_pk B_k` over
    /// independent cells, so `E[mask_p mask_q] = keep² + keep (1 - keep) Σ a_pk a_qk`.
    fn expectation(options: &Rise, constant: f64, parts: &[f64]) -> Vec<f64> {
        let (height, width) = SIZE;
        let cells = options.cells;
        let (tall, wide) = (height.div_ceil(cells), width.div_ceil(cells));
        // One open cell of the upsampled mask, by the crate's own resize.
        let enlarged: Vec<Grid> = (0..cells * cells)
            .map(|cell| {
                let mut values = vec![0.0; cells * cells];
                values[cell] = 1.0;
                let one = Grid::new(Size::new(cells, cells).unwrap(), values).unwrap();
                let large = Size::new((cells + 1) * tall, (cells + 1) * wide).unwrap();
                Interpolation::Bilinear.resize(&one, large)
            })
            .collect();
        let total: f64 = parts.iter().sum();
        let mut means = vec![0.0; height * width];
        for top in 0..tall {
            for left in 0..wide {
                for cell in &enlarged {
                    let at = |p: usize| {
                        let (y, x) = (top + p / width, left + p % width);
                        f64::from(cell.values()[y * cell.width() + x])
                    };
                    let seen: f64 = (0..height * width).map(|q| parts[q] * at(q)).sum();
                    for (p, mean) in means.iter_mut().enumerate() {
                        *mean += (1.0 - options.keep) * seen * at(p) / (tall * wide) as f64;
                    }
                }
            }
        }
        let flat = constant + options.keep * total;
        means.iter().map(|mean| flat + mean).collect()
    }

    #[test]
    fn a_linear_network_s_map_is_its_expectation_within_honest_errors() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Linear::new(SIZE.0, SIZE.1));
        let parts = network.parts(&image, 0.0);
        // The baseline is zero, and so is the constant.
        let plain = expectation(&rise(1, 0), 0.0, &parts);
        // The mean score is `keep` times the score of the whole.
        let flat = rise(1, 0).keep * parts.iter().sum::<f64>();
        for centered in [false, true] {
            let expected: Vec<f64> = if centered {
                plain.iter().map(|v| v - flat).collect()
            } else {
                plain.clone()
            };
            within_errors(&network, &image, centered, &expected);
        }
    }

    fn within_errors(
        network: &Linear,
        image: &candle_core::Tensor,
        centered: bool,
        expected: &[f64],
    ) {
        let (mut squares, mut count, mut largest) = (0.0, 0.0, 0.0_f64);
        for seed in 0..20 {
            let options = Rise {
                centered,
                ..rise(400, seed)
            };
            let found = explain(network, image, Method::Rise(options)).unwrap();
            let error = found.error.unwrap();
            for ((found, error), expected) in
                found.map.values().iter().zip(error.values()).zip(expected)
            {
                let z = (f64::from(*found) - expected) / f64::from(*error);
                squares += z * z;
                count += 1.0;
                largest = largest.max(z.abs());
            }
        }
        let rms = f64::sqrt(squares / count);
        assert!(
            (0.75..1.25).contains(&rms) && largest < 5.0,
            "{centered}: {rms}, {largest}"
        );
    }

    #[test]
    fn a_mask_is_the_enlarged_grid_and_depends_on_its_number_alone() {
        let options = rise(1, 7);
        let mut mean = 0.0;
        let mut shifts = std::collections::BTreeSet::new();
        for draw in 0..2000 {
            let mask = drawn(&options, draw).mask().into_grid().unwrap();
            assert_eq!(mask.size().height_width(), SIZE);
            assert!(mask.values().iter().all(|v| (0.0..=1.0).contains(v)));
            mean += open(&mask).iter().sum::<f64>() / (2000 * SIZE.0 * SIZE.1) as f64;
            shifts.insert(drawn(&options, draw).rows[5].2.to_bits());
        }
        assert!((mean - options.keep).abs() < 0.01, "{mean}");
        // A cell is four pixels high.
        assert_eq!(shifts.len(), 4);
        assert_eq!(
            drawn(&options, 5).mask().into_grid().unwrap(),
            drawn(&options, 5).mask().into_grid().unwrap()
        );
        assert_ne!(
            drawn(&options, 5).mask().into_grid().unwrap(),
            drawn(&options, 6).mask().into_grid().unwrap()
        );
    }

    #[test]
    fn a_class_counts_by_its_probability() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Linear::new(SIZE.0, SIZE.1));
        let shown = Explainer::of(Method::Rise(rise(10, 0)));
        let map = |target| explain_by(&shown, &network, &image, target).unwrap().map;
        let class = map(Target::Index(0));
        let softmax = map(Target::Score(std::sync::Arc::new(|logits| {
            let p = probabilities(&logits.to_vec1()?);
            candle_core::Tensor::new(p[0], logits.device())
        })));
        super::super::testing::close(class.values(), softmax.values(), 1e-6);
        assert_ne!(class, map(asked()));
        let against = Explainer {
            counterfactual: true,
            ..shown.clone()
        };
        let against = explain_by(&against, &network, &image, Target::Index(0)).unwrap();
        assert_eq!(against.map.map(|v| -v), class);
        with_subject(&network, &image, |subject| {
            let beyond = Subject {
                target: &Target::Index(9),
                ..*subject
            };
            let error = rise(1, 0).score(&beyond, subject.logits);
            assert!(matches!(error, Err(Error::ClassOutOfRange { .. })));
        });
    }

    /// Outputs that are not logits of a softmax, a single output, or probabilities.
    #[test]
    fn a_score_that_is_no_logit_counts_as_it_is() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Linear::new(SIZE.0, SIZE.1));
        with_subject(&network, &image, |subject| {
            let subject = Subject {
                target: &Target::Index(1),
                ..*subject
            };
            let of = |options: Rise, own: &[f32], logits: &[f32]| {
                let own = Subject {
                    logits: own,
                    ..subject
                };
                options.score(&own, logits).unwrap()
            };
            let plain = Rise {
                probability: false,
                ..rise(1, 0)
            };
            let logits = [200.0, 300.0];
            assert_eq!(of(plain, &logits, &logits), 300.0);
            assert_eq!(of(rise(1, 0), &logits, &logits), 1.0);
            assert_eq!(of(rise(1, 0), &[0.25, 0.75], &[0.5, 0.5]), 0.5);
            let alone = Subject {
                target: &Target::Index(0),
                ..subject
            };
            assert_eq!(rise(1, 0).score(&alone, &[-3.0]).unwrap(), -3.0);
        });
    }

    #[test]
    fn options_have_bounds() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Linear::new(SIZE.0, SIZE.1));
        let refused = |options: Rise| {
            explain(&network, &image, Method::Rise(options))
                .unwrap_err()
                .to_string()
        };
        for keep in [0.0, 1.5, f64::NAN] {
            let options = Rise { keep, ..rise(1, 0) };
            assert!(refused(options).contains("above 0 and at most 1"));
        }
        assert!(refused(rise(0, 0)).contains("`masks`"));
        for cells in [0, 10] {
            assert!(
                refused(Rise {
                    cells,
                    ..rise(1, 0)
                })
                .contains("`cells`")
            );
        }
        // One mask has no error.
        let found = explain(&network, &image, Method::Rise(rise(1, 0))).unwrap();
        assert_eq!((found.error, found.measures), (None, vec![("masks", 1.0)]));
    }
}
