//! Small networks and common helpers for the tests of the perturbation methods.

#![allow(clippy::unwrap_used)]

use std::sync::atomic::{AtomicUsize, Ordering};

use candle_core::{DType, Device, Tensor};
use gradcam_nn::{Network, Pass};

use crate::saliency::{Features, SignedMap, Subject};
use crate::seen::observation::rows;
use crate::{Explainer, Inputs, Method, Result, Target};

/// `w · x`, and its negative half, as logits.
pub(crate) struct Linear {
    weights: Tensor,
    forwards: AtomicUsize,
}

impl Linear {
    pub(crate) fn new(height: usize, width: usize) -> Self {
        Linear {
            weights: wave(height, width, 0.731),
            forwards: AtomicUsize::new(0),
        }
    }

    /// Returns each pixel's contribution to the score, relative to a baseline of one number.
    pub(crate) fn parts(&self, image: &Tensor, baseline: f64) -> Vec<f64> {
        let products = ((image.to_dtype(DType::F64).unwrap() - baseline).unwrap()
            * self.weights.to_dtype(DType::F64).unwrap())
        .unwrap();
        let sums = products.sum(1).unwrap().flatten_all().unwrap();
        sums.to_vec1().unwrap()
    }

    /// Returns the number of images that went through since the last call.
    pub(crate) fn forwards(&self) -> usize {
        self.forwards.swap(0, Ordering::Relaxed)
    }
}

impl Network for Linear {
    fn forward(&self, x: &Tensor, _pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
        self.forwards.fetch_add(x.dim(0)?, Ordering::Relaxed);
        product(x, &self.weights)
    }
}

fn product(x: &Tensor, weights: &Tensor) -> candle_core::Result<Tensor> {
    let weights = weights.to_dtype(DType::F64)?;
    let y = x.to_dtype(DType::F64)?.broadcast_mul(&weights)?;
    let y = y.flatten_from(1)?.sum_keepdim(1)?.to_dtype(DType::F32)?;
    Tensor::cat(&[&y, &(&y * -0.5)?], 1)
}

/// A network with interactions: `y + y z / 10 + sin z` of two linear networks.
pub(crate) struct Curved(Tensor, Tensor);

impl Curved {
    pub(crate) fn new(height: usize, width: usize) -> Self {
        Curved(wave(height, width, 0.731), wave(height, width, 0.117))
    }
}

impl Network for Curved {
    fn forward(&self, x: &Tensor, _pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
        let (y, z) = (product(x, &self.0)?, product(x, &self.1)?);
        (&y + ((y.clone() * &z)? * 0.1)?)? + z.sin()?
    }
}

fn wave(height: usize, width: usize, step: f64) -> Tensor {
    let values = (0..3 * height * width).map(|i| (0.3 + i as f64 * step).sin() as f32);
    let values: Vec<f32> = values.collect();
    Tensor::from_vec(values, (1, 3, height, width), &Device::Cpu).unwrap()
}

/// A picture from black to white.
pub(crate) fn picture(height: usize, width: usize) -> Tensor {
    (wave(height, width, 0.0413) * 0.5)
        .unwrap()
        .affine(1.0, 0.5)
        .unwrap()
}

/// The first logit as a plain number, which no method turns into a probability.
pub(crate) fn asked() -> Target {
    Target::Weighted(vec![(0, 1.0)])
}

pub(crate) fn explain(network: &dyn Network, image: &Tensor, method: Method) -> Result<SignedMap> {
    explain_by(&Explainer::of(method), network, image, asked())
}

pub(crate) fn explain_by(
    explainer: &Explainer,
    network: &dyn Network,
    image: &Tensor,
    target: Target,
) -> Result<SignedMap> {
    let mut heatmap = explainer.explain_one(network, image, target)?;
    let layer = heatmap.layers.remove(0);
    Ok(SignedMap {
        map: layer.raw,
        error: layer.error,
        measures: layer.measures,
    })
}

/// Calls `visit` with the subject that a method gets.
pub(crate) fn with_subject<R>(
    network: &dyn Network,
    image: &Tensor,
    visit: impl FnOnce(&Subject<'_>) -> R,
) -> R {
    let logits = rows(&network.forward(image, &mut ()).unwrap(), 1).unwrap();
    let (_, _, height, width) = image.dims4().unwrap();
    visit(&Subject {
        network,
        image,
        target: &asked(),
        sign: 1.0,
        logits: &logits[0],
        layer: "input",
        features: Features {
            activation: &[],
            gradient: &[],
            size: gradcam_map::Size::new(height, width).unwrap(),
        },
        inputs: &Inputs::default(),
        budget: None,
        tolerance: None,
    })
}

/// Compares numbers up to a fraction of the largest.
pub(crate) fn close(found: &[f32], expected: &[f32], limit: f32) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= limit * largest, "{i}: {a}, expected {b}");
    }
}

mod tests {
    use super::*;
    use crate::methods::{FeatureAblation, KernelShap, Lime, Occlusion, Rise, Xrai};

    fn methods() -> Vec<Method> {
        vec![
            Method::Occlusion(Occlusion {
                window: 5,
                stride: 4,
                ..Occlusion::default()
            }),
            Method::Rise(Rise {
                masks: 600,
                ..Rise::default()
            }),
            Method::Lime(Lime::default()),
            Method::KernelShap(KernelShap::default()),
            Method::FeatureAblation(FeatureAblation::default()),
            Method::Xrai(Xrai { steps: 3 }),
        ]
    }

    #[test]
    fn threads_do_not_change_a_byte() {
        let (image, network) = (picture(27, 21), Curved::new(27, 21));
        let on = |threads: usize, method: &Method| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let pool = pool.build().unwrap();
            pool.install(|| explain(&network, &image, method.clone()).unwrap())
        };
        for method in methods() {
            assert_eq!(on(1, &method), on(3, &method), "{method}");
        }
    }

    /// One forward pass is for the image; the others are the method's.
    #[test]
    fn the_budget_caps_the_forwards() {
        let (image, network) = (picture(27, 21), Linear::new(27, 21));
        for method in &methods()[1..4] {
            for budget in [0, 1, 2, 37, 150] {
                let explainer = Explainer {
                    budget: Some(budget),
                    ..Explainer::of(method.clone())
                };
                let found = explain_by(&explainer, &network, &image, asked()).unwrap();
                let forwards = network.forwards() - 1;
                assert!(forwards <= budget.max(1), "{method}: {forwards}");
                assert!(forwards + 2 > budget, "{method}: {forwards}");
                let samples = found
                    .measures
                    .iter()
                    .find(|(name, _)| ["masks", "samples"].contains(name));
                assert_eq!(samples.unwrap().1, forwards as f64, "{method}");
            }
        }
    }

    #[test]
    fn a_tolerance_stops_early() {
        let (image, network) = (picture(27, 21), Linear::new(27, 21));
        for method in &methods()[1..4] {
            let until = |tolerance: Option<f64>| {
                let explainer = Explainer {
                    tolerance,
                    ..Explainer::of(method.clone())
                };
                let found = explain_by(&explainer, &network, &image, asked()).unwrap();
                (network.forwards() - 1, found)
            };
            let (all, _) = until(Some(0.0));
            assert_eq!(all, until(None).0, "{method}");
            let (some, found) = until(Some(0.15));
            assert!(some < all, "{method}: {some} of {all}");
            let error = found.measures.iter().find(|(n, _)| *n == "standard-error");
            assert!(error.unwrap().1 <= 0.15, "{method}");
            assert!(found.error.is_some());
        }
    }
}
