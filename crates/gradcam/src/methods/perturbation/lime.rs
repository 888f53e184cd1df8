//! A weighted linear model of the score on superpixels that are shown or hidden (Ribeiro et al. 2016).

use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use super::hidden::Hidden;
use super::regression::Ridge;
use super::sampling::{Estimate, batches};
use super::superpixels::Superpixels;
use crate::Result;
use crate::methods::about::{About, BLACK_BOX};
use crate::methods::baseline::Baseline;
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};

/// Options of [`Method::Lime`](crate::Method::Lime).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Lime {
    /// Number of forward passes.
    pub samples: usize,
    /// Number of superpixels requested (SLIC).
    pub segments: usize,
    /// Width of the kernel on the cosine distance.
    pub kernel_width: f64,
    /// The penalty on squared coefficients.
    pub ridge: f64,
    /// The content of a hidden superpixel.
    pub baseline: Baseline,
    /// The seed of the samples and of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for Lime {
    /// 1,000 samples of 50 superpixels.
    fn default() -> Self {
        Lime {
            samples: 1000,
            segments: 50,
            kernel_width: 0.25,
            ridge: 1.0,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

impl Recipe for Lime {
    fn about(&self) -> About {
        About {
            paper: "Ribeiro et al. 2016, Why Should I Trust You?: Explaining the Predictions of Any Classifier",
            cost: "1000 forwards",
            ..BLACK_BOX
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.count("samples", self.samples)?;
        check.segments(self.segments)?;
        check.that(
            self.kernel_width > 0.0,
            "kernel_width",
            "above 0",
            self.kernel_width,
        )?;
        check.at_least_zero("ridge", self.ridge)
    }

    /// Returns the coefficient of each superpixel in a linear model of the score (equation 2), fitted by weighted ridge regression with an
    /// intercept.
    ///
    /// Samples, distance, kernel and regression are those of the authors' package with every superpixel as a feature. The package explains
    /// the class's probability, makes superpixels by quick shift, and hides them behind their own mean colour. Here it is the score, SLIC
    /// and the baseline.
    ///
    /// `error` is the coefficients' standard error from the sampling (without the ridge's shrinkage). `r-squared` is the fraction of the
    /// score's weighted variance that the model explains. With a tolerance, samples are drawn until the mean error is below this fraction
    /// of the map's range; `standard-error` is the fraction that was reached.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let parts = Superpixels::of(subject, self.segments)?;
        let hidden = Hidden::new(subject, self.baseline, self.seed)?;
        let mut data = Data::default();
        for draws in batches(subject.affordable(self.samples, 1)) {
            let first = data.rows.len();
            for draw in draws {
                data.draw(self, parts.count(), draw);
            }
            let new = &data.rows[first..];
            let scores =
                hidden.scores(new.len(), |index| parts.mask(|part| new[index][part] > 0.0))?;
            data.scores.extend(scores);
            if let Some(tolerance) = subject.tolerance
                && estimate(&data.fit(self)).settled(tolerance)
            {
                break;
            }
        }
        let fit = data.fit(self);
        let found = estimate(&fit);
        let mut measures = vec![
            ("r-squared", fit.r_squared),
            ("samples", data.rows.len() as f64),
        ];
        measures.extend(
            found
                .relative_error()
                .map(|error| ("standard-error", error)),
        );
        Ok(SignedMap {
            map: parts.spread(&found.values),
            error: found.errors.map(|errors| parts.spread(&errors)),
            measures,
        })
    }
}

fn estimate(fit: &Ridge) -> Estimate {
    Estimate {
        values: fit.coefficients.clone(),
        errors: fit.errors.clone(),
    }
}

/// The samples drawn so far.
#[derive(Default)]
struct Data {
    /// 1 for a shown superpixel, 0 for a hidden one.
    rows: Vec<Vec<f64>>,
    weights: Vec<f64>,
    scores: Vec<f64>,
}

impl Data {
    /// Draws a sample: each superpixel is shown with a probability of one half; the first sample shows all of them.
    fn draw(&mut self, options: &Lime, parts: usize, draw: usize) {
        let mut random = Random::of_draw(options.seed, draw + 1);
        let row: Vec<f64> = (0..parts)
            .map(|_| f64::from(u8::from(draw == 0 || random.word() & 1 == 1)))
            .collect();
        self.weights.push(kernel(&row, options.kernel_width));
        self.rows.push(row);
    }

    fn fit(&self, options: &Lime) -> Ridge {
        Ridge::fit(&self.rows, &self.weights, &self.scores, options.ridge)
    }
}

/// Computes `sqrt(exp(-d² / width²))` with the cosine distance `d` from the whole picture.
pub(super) fn kernel(row: &[f64], width: f64) -> f64 {
    let share = row.iter().sum::<f64>() / row.len().max(1) as f64;
    let distance = 1.0 - share.sqrt();
    (-distance * distance / (width * width)).exp().sqrt()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{Curved, Linear, close, explain, picture, with_subject};
    use super::*;
    use crate::{Baseline, Method};

    const SIZE: (usize, usize) = (24, 20);

    fn lime(samples: usize, ridge: f64) -> Lime {
        Lime {
            samples,
            segments: 12,
            ridge,
            baseline: Baseline::White,
            ..Lime::default()
        }
    }

    #[test]
    fn a_linear_network_s_coefficients_are_the_parts_own_sums() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Linear::new(SIZE.0, SIZE.1));
        let found = explain(&network, &image, Method::Lime(lime(200, 1e-6))).unwrap();
        let parts = with_subject(&network, &image, |subject| {
            Superpixels::of(subject, 12).unwrap()
        });
        let expected = parts.spread(&parts.sums(&network.parts(&image, 1.0)));
        close(found.map.values(), expected.values(), 1e-3);
        let (name, r_squared) = found.measures[0];
        assert!(name == "r-squared" && (r_squared - 1.0).abs() < 1e-9);
        assert_eq!(found.measures[1], ("samples", 200.0));
        // The ridge shrinks the coefficients towards zero.
        let pulled = explain(&network, &image, Method::Lime(lime(200, 50.0))).unwrap();
        let size = |map: &gradcam_map::Grid| map.values().iter().map(|v| v.abs()).sum::<f32>();
        assert!(size(&pulled.map) < 0.8 * size(&found.map));
        assert!(pulled.measures[0].1 < 0.99);
    }

    /// The coefficients of different seeds scatter by as much as the errors predict.
    #[test]
    fn errors_are_honest() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Curved::new(SIZE.0, SIZE.1));
        let of = |samples: usize, seed: u64| {
            let options = Lime {
                seed,
                ..lime(samples, 1e-6)
            };
            explain(&network, &image, Method::Lime(options)).unwrap()
        };
        let long = of(20000, 99).map;
        let (mut squares, mut count) = (0.0, 0.0);
        for seed in 0..20 {
            let found = of(300, seed);
            let errors = found.error.unwrap();
            let pairs = found.map.values().iter().zip(long.values());
            for ((a, b), e) in pairs.zip(errors.values()) {
                squares += f64::from((a - b) / e).powi(2);
                count += 1.0;
            }
        }
        let rms = f64::sqrt(squares / count);
        assert!((0.75..1.25).contains(&rms), "{rms}");
    }

    #[test]
    fn options_have_bounds() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Linear::new(SIZE.0, SIZE.1));
        let refused = |options: Lime| {
            explain(&network, &image, Method::Lime(options))
                .unwrap_err()
                .to_string()
        };
        assert!(refused(lime(0, 1.0)).contains("`samples`"));
        assert!(refused(lime(9, -1.0)).contains("`ridge`"));
        assert!(refused(lime(9, f64::NAN)).contains("`ridge`"));
        for kernel_width in [0.0, f64::NAN] {
            let options = Lime {
                kernel_width,
                ..lime(9, 1.0)
            };
            assert!(refused(options).contains("`kernel_width`"));
        }
        // One sample determines nothing, with or without a ridge.
        for ridge in [0.0, 1.0] {
            let found = explain(&network, &image, Method::Lime(lime(1, ridge))).unwrap();
            assert!(found.map.values().iter().all(|&v| v == 0.0) && found.error.is_none());
        }
    }
}
