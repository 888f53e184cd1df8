//! Shapley values of superpixels by weighted regression (Lundberg and Lee 2017).

use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use super::hidden::Hidden;
use super::regression::{Factor, dot, gram, moments, standard_errors};
use super::sampling::{Estimate, batches};
use super::superpixels::Superpixels;
use crate::Result;
use crate::methods::about::{About, BLACK_BOX};
use crate::methods::baseline::Baseline;
use crate::methods::pixels::relative;
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};

/// Options of [`Method::KernelShap`](crate::Method::KernelShap).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KernelShap {
    /// Number of forward passes, including that of the baseline; if they suffice for all coalitions, each is taken once and the values are
    /// exact.
    pub samples: usize,
    /// Number of superpixels requested (SLIC).
    pub segments: usize,
    /// The content of a hidden superpixel.
    pub baseline: Baseline,
    /// The seed of the samples and of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for KernelShap {
    /// 1,000 samples of 50 superpixels.
    fn default() -> Self {
        KernelShap {
            samples: 1000,
            segments: 50,
            baseline: Baseline::Mean,
            seed: 0,
        }
    }
}

impl Recipe for KernelShap {
    fn about(&self) -> About {
        About {
            paper: "Lundberg and Lee 2017, A Unified Approach to Interpreting Model Predictions",
            cost: "1000 forwards",
            ..BLACK_BOX
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.count("samples", self.samples)?;
        check.segments(self.segments)
    }

    /// Computes the Shapley value of each superpixel; a coalition's worth is the score of the picture that shows its superpixels alone.
    ///
    /// The values are the least-squares fit of an additive model under the Shapley kernel (theorem 2), constrained to sum to
    /// `score - score(baseline)`. The constraint is solved, not approximated by a large weight as in Captum and the package `shap`. If the
    /// forward passes suffice for all coalitions, each is taken once and the values are exact.
    ///
    /// Otherwise, coalitions are drawn from the kernel's own distribution, each with its complement, which cancels much of the scatter
    /// (Covert and Lee 2021, section 4.2); a linear score is found exactly. `error` is then the values' standard error, with each pair as
    /// one draw. With a tolerance, pairs are drawn until the mean error is below this fraction of the map's range; `standard-error` is the
    /// fraction that was reached. Too few pairs for the superpixels leave values undetermined. These are then the smallest that fit, and
    /// have no error.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let parts = Superpixels::of(subject, self.segments)?;
        let hidden = Hidden::new(subject, self.baseline, self.seed)?;
        let Found { estimate, samples } = values(self, &hidden, &parts)?;
        let gain = hidden.whole()? - samples.empty;
        let error = relative(estimate.values.iter().sum(), gain);
        // Including the baseline's forward pass.
        let forwards = 1 + samples.rows.len();
        let mut measures = vec![("completeness-error", error), ("samples", forwards as f64)];
        measures.extend(estimate.relative_error().map(|e| ("standard-error", e)));
        Ok(SignedMap {
            map: parts.spread(&estimate.values),
            error: estimate.errors.map(|errors| parts.spread(&errors)),
            measures,
        })
    }
}

/// The values, and the samples behind them.
pub(super) struct Found {
    pub(super) estimate: Estimate,
    samples: Samples,
}

/// Computes the Shapley values of given parts.
pub(super) fn values(
    options: &KernelShap,
    hidden: &Hidden<'_>,
    parts: &Superpixels,
) -> Result<Found> {
    let count = parts.count();
    let empty = hidden.scores(1, |_| parts.mask(|_| false))?[0];
    let gain = hidden.whole()? - empty;
    // One of them is the baseline's.
    let forwards = hidden.subject.affordable(options.samples, 1) - 1;
    let mut samples = Samples {
        empty,
        ..Samples::default()
    };
    // All coalitions but the empty and the full one, whose worth is known.
    let all = u32::try_from(count)
        .ok()
        .and_then(|c| 1_usize.checked_shl(c));
    if let Some(all) = all.filter(|all| all - 2 <= forwards) {
        for draws in batches(all - 2) {
            let rows = draws.map(|draw| {
                let there = |part: usize| f64::from(u8::from((draw + 1) >> part & 1 == 1));
                (0..count).map(there).collect::<Vec<f64>>()
            });
            samples.add(hidden, parts, rows.map(|row| (kernel(&row), row)).collect())?;
        }
        let values = samples.fit(count, gain, false).values;
        let estimate = Estimate {
            values,
            errors: None,
        };
        return Ok(Found { estimate, samples });
    }
    for pairs in batches(forwards / 2) {
        let rows = pairs.flat_map(|pair| {
            let row = coalition(options.seed, count, pair);
            let complement = row.iter().map(|v| 1.0 - v).collect();
            [(1.0, row), (1.0, complement)]
        });
        samples.add(hidden, parts, rows.collect())?;
        if let Some(tolerance) = hidden.subject.tolerance
            && samples.fit(count, gain, true).settled(tolerance)
        {
            break;
        }
    }
    let estimate = samples.fit(count, gain, true);
    Ok(Found { estimate, samples })
}

/// Computes the Shapley kernel `(n - 1) / (C(n, s) s (n - s))` of a coalition of `s` out of `n`.
fn kernel(row: &[f64]) -> f64 {
    let (n, s) = (row.len() as f64, row.iter().sum::<f64>());
    let mut subsets = 1.0;
    let mut taken = 0.0;
    while taken < s {
        subsets *= (n - taken) / (taken + 1.0);
        taken += 1.0;
    }
    (n - 1.0) / (subsets * s * (n - s))
}

/// Draws a coalition. Its size `s` has a probability in proportion to `1 / (s (n - s))`, the kernel summed over the coalitions of this
/// size, which are all equally likely.
fn coalition(seed: u64, count: usize, draw: usize) -> Vec<f64> {
    let mut random = Random::of_draw(seed, draw + 1);
    let weight = |size: usize| 1.0 / (size * (count - size)) as f64;
    let mut left = random.unit() * (1..count).map(weight).sum::<f64>();
    let mut size = 1;
    while size + 1 < count && left >= weight(size) {
        left -= weight(size);
        size += 1;
    }
    // The beginning of a random order.
    let mut order: Vec<usize> = (0..count).collect();
    let mut row = vec![0.0; count];
    for at in 0..size {
        let other = at + random.part(count - at);
        order.swap(at, other);
        row[order[at]] = 1.0;
    }
    row
}

/// Coalitions and their worth.
#[derive(Default)]
struct Samples {
    /// The score of the baseline.
    empty: f64,
    rows: Vec<Vec<f64>>,
    weights: Vec<f64>,
    /// Scores minus that of the baseline.
    gains: Vec<f64>,
}

impl Samples {
    fn add(
        &mut self,
        hidden: &Hidden<'_>,
        parts: &Superpixels,
        new: Vec<(f64, Vec<f64>)>,
    ) -> Result<()> {
        let scores = hidden.scores(new.len(), |i| parts.mask(|part| new[i].1[part] > 0.0))?;
        self.gains
            .extend(scores.into_iter().map(|s| s - self.empty));
        for (weight, row) in new {
            self.weights.push(weight);
            self.rows.push(row);
        }
        Ok(())
    }

    /// Minimises `Σ w (gain - x·φ)²` under `Σ φ = gain`: with `A = Σ w x xᵀ` and `b = Σ w x gain`, this is `φ = A⁻¹ (b - ν 1)`.
    ///
    /// If the samples are `paired`, a pair is one draw for the standard errors.
    fn fit(&self, count: usize, gain: f64, paired: bool) -> Estimate {
        if self.rows.is_empty() {
            return Estimate {
                values: vec![gain / count as f64; count],
                errors: None,
            };
        }
        let factor = Factor::of(gram(&self.rows, &self.weights, count), count);
        let ones = factor.solve(&vec![1.0; count]);
        let total: f64 = ones.iter().sum();
        // The inverse, constrained to a given sum.
        let solve = |right: &[f64], sum: f64| -> Vec<f64> {
            let free = factor.solve(right);
            let share = (sum - free.iter().sum::<f64>()) / total;
            free.iter().zip(&ones).map(|(v, o)| v + share * o).collect()
        };
        let right = moments(&self.rows, &self.weights, &self.gains, count);
        let values = solve(&right, gain);
        if !paired {
            return Estimate {
                values,
                errors: None,
            };
        }
        let pairs = self.rows.chunks_exact(2).zip(self.gains.chunks_exact(2));
        let contributions: Vec<Vec<f64>> = pairs
            .map(|(rows, gains)| {
                let residuals: Vec<f64> = rows
                    .iter()
                    .zip(gains)
                    .map(|(row, gain)| gain - dot(row, &values))
                    .collect();
                moments(rows, &[1.0, 1.0], &residuals, count)
            })
            .collect();
        let errors = standard_errors(&contributions, count - 1, |g| solve(g, 0.0));
        Estimate { values, errors }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::testing::{Curved, Linear, close, explain, picture, with_subject};
    use super::*;
    use crate::{Baseline, Method};

    const SIZE: (usize, usize) = (24, 20);

    fn shap(samples: usize, segments: usize) -> KernelShap {
        KernelShap {
            samples,
            segments,
            baseline: Baseline::White,
            seed: 3,
        }
    }

    fn measure(found: &SignedMap, name: &str) -> f64 {
        let mut measures = found.measures.iter();
        measures.find(|(n, _)| *n == name).unwrap().1
    }

    /// All coalitions of about 6 parts, and a sample of the coalitions of 30.
    #[test]
    fn a_linear_network_s_values_are_the_parts_own_sums() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Linear::new(SIZE.0, SIZE.1));
        for (samples, segments) in [(5000, 6), (300, 30)] {
            let options = shap(samples, segments);
            let found = explain(&network, &image, Method::KernelShap(options)).unwrap();
            let parts = with_subject(&network, &image, |subject| {
                Superpixels::of(subject, segments).unwrap()
            });
            let expected = parts.sums(&network.parts(&image, 1.0));
            close(found.map.values(), parts.spread(&expected).values(), 1e-3);
            assert!(measure(&found, "completeness-error") < 1e-9);
            let exact = segments == 6;
            assert_eq!(found.error.is_none(), exact);
            let forwards = if exact {
                (1 << parts.count()) as f64 - 1.0
            } else {
                299.0
            };
            assert_eq!(measure(&found, "samples"), forwards);
        }
    }

    /// Computes the Shapley values by definition, for a network with interactions; sampled values scatter around them by their standard
    /// errors.
    #[test]
    fn values_are_shapley_s() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Curved::new(SIZE.0, SIZE.1));
        with_subject(&network, &image, |subject| {
            let parts = Superpixels::of(subject, 9).unwrap();
            let n = parts.count();
            let hidden = Hidden::new(subject, Baseline::White, 0).unwrap();
            let worth = hidden
                .scores(1 << n, |set| parts.mask(|part| set >> part & 1 == 1))
                .unwrap();
            let factorial = |k: usize| (1..=k).map(|i| i as f64).product::<f64>();
            let mut expected = vec![0.0; n];
            for (part, value) in expected.iter_mut().enumerate() {
                for set in (0..1_usize << n).filter(|set| set >> part & 1 == 0) {
                    let s = set.count_ones() as usize;
                    let share = factorial(s) * factorial(n - s - 1) / factorial(n);
                    *value += share * (worth[set | 1 << part] - worth[set]);
                }
            }
            let exact = values(&shap(1 << n, 9), &hidden, &parts).unwrap().estimate;
            for (found, expected) in exact.values.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-6, "{found}, {expected}");
            }
            let (mut squares, mut count) = (0.0, 0.0);
            for seed in 0..30 {
                let options = KernelShap {
                    seed,
                    ..shap(200, 9)
                };
                let found = values(&options, &hidden, &parts).unwrap().estimate;
                let errors = found.errors.unwrap();
                for ((found, error), expected) in found.values.iter().zip(errors).zip(&expected) {
                    squares += ((found - expected) / error).powi(2);
                    count += 1.0;
                }
            }
            let rms = f64::sqrt(squares / count);
            assert!((0.75..1.25).contains(&rms), "{rms}");
        });
    }

    #[test]
    fn few_samples_still_add_up() {
        let (image, network) = (picture(SIZE.0, SIZE.1), Curved::new(SIZE.0, SIZE.1));
        for samples in [1, 2, 3, 10] {
            let method = Method::KernelShap(shap(samples, 30));
            let found = explain(&network, &image, method).unwrap();
            assert!(measure(&found, "completeness-error") < 1e-6, "{samples}");
            assert!(found.map.values().iter().all(|v| v.is_finite()) && found.error.is_none());
            assert!(measure(&found, "samples") <= samples as f64);
        }
        // One part has the whole gain, and needs no coalition.
        let found = explain(&network, &image, Method::KernelShap(shap(1, 1))).unwrap();
        assert_eq!(measure(&found, "completeness-error"), 0.0);
        let error = explain(&network, &image, Method::KernelShap(shap(0, 9))).unwrap_err();
        assert!(error.to_string().contains("`samples`"), "{error}");
        let error = explain(&network, &image, Method::KernelShap(shap(9, 0))).unwrap_err();
        assert!(error.to_string().contains("`segments`"), "{error}");
    }

    #[test]
    fn sizes_are_drawn_by_the_kernel() {
        let (count, draws) = (6, 20000);
        let mut sizes = [0.0; 6];
        let mut there = [0.0; 6];
        for draw in 0..draws {
            let row = coalition(1, count, draw);
            sizes[row.iter().sum::<f64>() as usize] += 1.0 / f64::from(draws as u32);
            there
                .iter_mut()
                .zip(row)
                .for_each(|(t, v)| *t += v / f64::from(draws as u32));
        }
        let weights: Vec<f64> = (1..6).map(|s| 1.0 / f64::from(s * (6 - s))).collect();
        let total: f64 = weights.iter().sum();
        for (size, weight) in weights.iter().enumerate() {
            assert!(
                (sizes[size + 1] - weight / total).abs() < 0.015,
                "{sizes:?}"
            );
        }
        assert!(there.iter().all(|t| (t - 0.5).abs() < 0.02), "{there:?}");
    }
}
