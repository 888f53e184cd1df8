//! Gradients integrated along the path from a baseline to the image.

use candle_core::{DType, Tensor};
use gradcam_random::Random;
use serde::{Deserialize, Serialize};

use super::quadrature::gauss_legendre;
use super::reduce::{Channels, reduced};
use crate::methods::about::{About, PIXELS};
use crate::methods::baseline::Baseline;
use crate::methods::noise::noisy;
use crate::methods::recipe::{Check, Recipe};
use crate::saliency::{SignedMap, Subject};
use crate::seen::observation::{rows, values};
use crate::{Error, Result};

/// Points whose gradients are computed together; memory does not grow with the number of points.
const BATCH: usize = 16;

/// Options of [`Method::IntegratedGradients`](crate::Method::IntegratedGradients).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntegratedGradients {
    /// Points of the Gauss-Legendre quadrature.
    pub steps: usize,
    /// The start of the path.
    pub baseline: Baseline,
    /// The seed of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for IntegratedGradients {
    /// 50 points from black.
    fn default() -> Self {
        IntegratedGradients {
            steps: 50,
            baseline: Baseline::default(),
            seed: 0,
        }
    }
}

impl Recipe for IntegratedGradients {
    fn about(&self) -> About {
        About {
            paper: "Sundararajan et al. 2017, Axiomatic Attribution for Deep Networks",
            cost: "52 forwards, 50 backwards",
            ..PIXELS
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.steps(self.steps)
    }

    /// Computes integrated gradients (Sundararajan et al. 2017, eq. 1), summed over the colours.
    ///
    /// `completeness-error` is the distance of the sum of the attributions from the difference of the scores, as a fraction of the latter.
    /// `completeness-gap` is the same in units of the score. `quadrature-gap` is the part of it that the points explain, as a standard
    /// error. It is made from the changes of the score's slope from each point to the next, as if their signs were independent, times the
    /// largest weight.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let baseline = self.baseline.of(subject.image, subject.inputs, self.seed)?;
        let Integral { products, gap } = integral(subject, subject.image, &baseline, self.steps)?;
        let mut measures = completeness(subject, &baseline, products.iter().sum())?;
        measures.push(("quadrature-gap", gap));
        signed(subject, &products, measures)
    }
}

/// Options of [`Method::SmoothIntegratedGradients`](crate::Method::SmoothIntegratedGradients).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SmoothIntegratedGradients {
    /// Points of the Gauss-Legendre quadrature.
    pub steps: usize,
    /// Number of noisy copies.
    pub samples: usize,
    /// The noise's standard deviation as a fraction of the image's range.
    pub noise: f64,
    /// The start of the path.
    pub baseline: Baseline,
    /// The seed of the noise and of a uniform baseline (ChaCha8).
    pub seed: u64,
}

impl Default for SmoothIntegratedGradients {
    /// 10 noisy copies with 20 points each, from black.
    fn default() -> Self {
        SmoothIntegratedGradients {
            steps: 20,
            samples: 10,
            noise: 0.15,
            baseline: Baseline::default(),
            seed: 0,
        }
    }
}

impl Recipe for SmoothIntegratedGradients {
    fn about(&self) -> About {
        About {
            paper: "Sundararajan et al. 2017 with Smilkov et al. 2017",
            cost: "201 forwards, 200 backwards",
            ..PIXELS
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.steps(self.steps)?;
        check.count("samples", self.samples)?;
        check.at_least_zero("noise", self.noise)
    }

    /// Averages integrated gradients over noisy copies of the image, each from the same baseline.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        let baseline = self.baseline.of(subject.image, subject.inputs, self.seed)?;
        let samples = subject.affordable(self.samples, self.steps);
        let mut sums = vec![0.0; subject.image.elem_count()];
        for draw in 0..samples {
            let copy = noisy(subject.image, self.noise, self.seed, draw)?;
            let found = integral(subject, &copy, &baseline, self.steps)?;
            sums.iter_mut()
                .zip(found.products)
                .for_each(|(sum, v)| *sum += v);
        }
        sums.iter_mut().for_each(|sum| *sum /= samples as f64);
        signed(subject, &sums, vec![("samples", samples as f64)])
    }
}

/// Options of [`Method::ExpectedGradients`](crate::Method::ExpectedGradients).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExpectedGradients {
    /// Number of draws of a baseline and of a point on the path. Baselines are the background's pictures; without a background, pictures of
    /// one colour.
    pub samples: usize,
    /// The seed of the draws (ChaCha8).
    pub seed: u64,
}

impl Default for ExpectedGradients {
    /// 100 draws.
    fn default() -> Self {
        ExpectedGradients {
            samples: 100,
            seed: 0,
        }
    }
}

impl Recipe for ExpectedGradients {
    fn about(&self) -> About {
        About {
            paper: "Erion et al. 2021, Improving performance of deep learning models with axiomatic attribution priors and expected gradients",
            cost: "201 forwards, 100 backwards",
            ..PIXELS
        }
    }

    fn check(&self, check: &Check) -> Result<()> {
        check.count("samples", self.samples)
    }

    /// Computes expected gradients (Erion et al. 2021, eq. 3): the mean of `(x - x') g(x' + α (x - x'))` over baselines `x'` from the
    /// background and uniform `α`.
    fn map(&self, subject: &Subject<'_>) -> Result<SignedMap> {
        // One forward pass for the point on the path, one for the baseline.
        let samples = subject.affordable(self.samples, 2);
        let image: Vec<f64> = subject
            .image
            .to_dtype(DType::F64)?
            .flatten_all()?
            .to_vec1()?;
        let mut sums = vec![0.0; image.len()];
        let mut expectation = 0.0;
        for first in (0..samples).step_by(BATCH) {
            let draws = first..samples.min(first + BATCH);
            let (mut points, mut baselines) = (Vec::new(), Vec::new());
            for draw in draws {
                let mut random = Random::of_draw(self.seed, draw);
                let baseline = drawn(subject, random.word(), draw)?;
                let alpha = random.share();
                points.push(between(&baseline, subject.image, alpha)?);
                baselines.push(baseline);
            }
            let gradients = values(&subject.gradients(&Tensor::cat(&points, 0)?)?)?;
            for (baseline, gradient) in baselines.iter().zip(gradients.chunks_exact(image.len())) {
                for (((sum, &g), &x), b) in sums
                    .iter_mut()
                    .zip(gradient)
                    .zip(&image)
                    .zip(values(baseline)?)
                {
                    *sum += f64::from(g) * (x - f64::from(b)) / samples as f64;
                }
            }
            let all = Tensor::cat(&baselines, 0)?;
            for row in rows(&gradcam_nn::logits(subject.network, &all)?, baselines.len())? {
                expectation += subject.score(&row)? / samples as f64;
            }
        }
        let difference = subject.score(subject.logits)? - expectation;
        let measures = complete(sums.iter().sum(), difference);
        signed(subject, &sums, measures)
    }
}

/// Draws a baseline: a picture of the background or, without one, a picture of one colour between black and white.
fn drawn(subject: &Subject<'_>, number: u32, draw: usize) -> Result<Tensor> {
    let image = subject.image;
    let Some(background) = &subject.inputs.background else {
        // A colour: one number per channel, in the channel's own range.
        let black = Baseline::Black.of(image, subject.inputs, 0)?;
        let white = Baseline::White.of(image, subject.inputs, 0)?;
        let mut random = Random::of_draw(u64::from(number), draw);
        let channels = image.dim(1)?;
        let shares = (0..channels).map(|_| random.share());
        let shares = Tensor::from_iter(shares, image.device())?
            .reshape((1, channels, 1, 1))?
            .to_dtype(image.dtype())?;
        return Ok((&black + (white - &black)?.broadcast_mul(&shares)?)?);
    };
    let count = background.dim(0)?;
    if background.dims().get(1..) != image.dims().get(1..) || count == 0 {
        return Err(Error::Background {
            expected: image.dims()[1..].to_vec(),
            found: background.dims().to_vec(),
        });
    }
    let index = number as usize % count;
    let picture = background.narrow(0, index, 1)?;
    Ok(picture.to_device(image.device())?.to_dtype(image.dtype())?)
}

/// Computes `a + share (b - a)`.
fn between(a: &Tensor, b: &Tensor, share: f64) -> Result<Tensor> {
    Ok((a + ((b - a)? * share)?)?)
}

/// An integral of the gradient along a straight path.
pub(super) struct Integral {
    /// `(x - x') ∫ g(x' + α (x - x')) dα` for every number of the image.
    pub(super) products: Vec<f64>,
    /// The part of the score that the points miss, as a standard error.
    gap: f64,
}

/// Integrates from a baseline to an image, with `steps` points.
pub(super) fn integral(
    subject: &Subject<'_>,
    image: &Tensor,
    baseline: &Tensor,
    steps: usize,
) -> Result<Integral> {
    let way = values(&(image - baseline)?)?;
    let mut sums = vec![0.0; way.len()];
    let points = gauss_legendre(steps);
    let mut slopes = Vec::with_capacity(points.len());
    for points in points.chunks(BATCH) {
        let images = points
            .iter()
            .map(|(share, _)| between(baseline, image, *share))
            .collect::<Result<Vec<_>>>()?;
        let gradients = values(&subject.gradients(&Tensor::cat(&images, 0)?)?)?;
        for ((_, weight), gradient) in points.iter().zip(gradients.chunks_exact(way.len())) {
            for (sum, &g) in sums.iter_mut().zip(gradient) {
                *sum += weight * f64::from(g);
            }
            let along = gradient.iter().zip(&way);
            slopes.push(
                along
                    .map(|(&g, &d)| f64::from(g) * f64::from(d))
                    .sum::<f64>(),
            );
        }
    }
    let products = sums.iter().zip(&way).map(|(sum, &d)| sum * f64::from(d));
    let changes = slopes.windows(2).map(|pair| (pair[1] - pair[0]).powi(2));
    let scatter = changes.sum::<f64>().sqrt();
    let widest = points.iter().map(|(_, weight)| *weight).fold(0.0, f64::max);
    Ok(Integral {
        products: products.collect(),
        gap: scatter * widest,
    })
}

/// Compares `sum` with the difference between the scores of the image and the baseline.
pub(super) fn completeness(
    subject: &Subject<'_>,
    baseline: &Tensor,
    sum: f64,
) -> Result<Vec<(&'static str, f64)>> {
    let logits = rows(&subject.network.forward(baseline, &mut ())?, 1)?;
    let difference = subject.score(subject.logits)? - subject.score(&logits[0])?;
    Ok(complete(sum, difference))
}

/// Compares the `sum` of parts with the `expected` sum: the distance as a fraction of the latter, and in units of the score.
pub(super) fn complete(sum: f64, expected: f64) -> Vec<(&'static str, f64)> {
    vec![
        ("completeness-error", relative(sum, expected)),
        ("completeness-gap", (sum - expected).abs()),
    ]
}

/// Returns the distance of `found` from `expected` as a fraction of `expected`; the distance itself if `expected` is 0.
pub(crate) fn relative(found: f64, expected: f64) -> f64 {
    let distance = (found - expected).abs();
    if expected == 0.0 {
        distance
    } else {
        distance / expected.abs()
    }
}

pub(super) fn signed(
    subject: &Subject<'_>,
    attribution: &[f64],
    measures: Vec<(&'static str, f64)>,
) -> Result<SignedMap> {
    let values: Vec<f32> = attribution.iter().map(|&v| v as f32).collect();
    Ok(SignedMap {
        map: reduced(&values, subject.input_size()?, Channels::Sum),
        error: None,
        measures,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::methods::perturbation::testing::{Linear, asked, explain_by, picture};
    use crate::{Explainer, Method};

    #[test]
    fn a_budget_is_kept() {
        let (image, network) = (picture(6, 5), Linear::new(6, 5));
        for (name, option, samples) in [
            ("expected-gradients", "samples", "100"),
            ("smooth-integrated-gradients", "samples", "20"),
            ("smoothgrad", "samples", "50"),
        ] {
            let set = [(option.to_string(), samples.to_string())];
            let explainer = Explainer {
                budget: Some(40),
                ..Explainer::of(Method::with_options(name, &set).unwrap())
            };
            network.forwards();
            explain_by(&explainer, &network, &image, asked()).unwrap();
            // With the image's own forward pass.
            assert_eq!(network.forwards(), 41, "{name}");
        }
    }
}
