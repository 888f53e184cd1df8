//! Compares the perturbation methods with the values that `tests/golden/perturbation.py` got from Captum and scikit-learn.

#![allow(clippy::unwrap_used)]

use candle_core::{DType, Device, Tensor};
use gradcam_map::Size;
use gradcam_nn::{Network, Pass};
use serde::Deserialize;

use super::hidden::Hidden;
use super::regression::Ridge;
use super::superpixels::Superpixels;
use super::testing::{close, with_subject};
use super::{ablation, lime, shap};
use crate::methods::recipe::Recipe;
use crate::methods::{KernelShap, Occlusion};
use crate::{Baseline, Inputs, Subject, Target};

const HEIGHT: usize = 13;
const WIDTH: usize = 10;
const HIDDEN: usize = 8;
const PIXELS: usize = HEIGHT * WIDTH;
const PARTS: usize = 5;
const ROWS: usize = 40;

#[derive(Deserialize)]
struct Golden {
    occlusion: Vec<Window>,
    feature_ablation: Vec<f32>,
    shapley: Vec<f32>,
    ridge: Fit,
}

#[derive(Deserialize)]
struct Window {
    window: usize,
    stride: usize,
    map: Vec<f32>,
}

#[derive(Deserialize)]
struct Fit {
    coefficients: Vec<f32>,
    r_squared: f64,
}

fn golden() -> Golden {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/perturbation.json"
    );
    serde_json::from_reader(std::fs::File::open(path).unwrap()).unwrap()
}

fn sines(count: usize, start: f64, step: f64) -> Vec<f64> {
    (0..count)
        .map(|i| (start + i as f64 * step).sin())
        .collect()
}

fn tensor(count: usize, start: f64, step: f64, shape: &[usize]) -> Tensor {
    let values: Vec<f32> = sines(count, start, step)
        .into_iter()
        .map(|v| v as f32)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Two layers with a ReLU between them.
struct Layers(Tensor, Tensor);

impl Network for Layers {
    fn forward(&self, x: &Tensor, _pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
        let x = x.flatten_from(1)?.to_dtype(DType::F64)?;
        let hidden = x.matmul(&self.0.to_dtype(DType::F64)?.t()?)?.relu()?;
        hidden
            .matmul(&self.1.to_dtype(DType::F64)?.t()?)?
            .to_dtype(DType::F32)
    }
}

fn visit(visit: impl FnOnce(&Subject<'_>)) {
    let network = Layers(
        tensor(HIDDEN * 3 * PIXELS, 0.3, 0.731, &[HIDDEN, 3 * PIXELS]),
        tensor(2 * HIDDEN, 0.5, 1.7, &[2, HIDDEN]),
    );
    let image = tensor(3 * PIXELS, 0.3, 0.0413, &[1, 3, HEIGHT, WIDTH]);
    let image = image.affine(0.5, 0.5).unwrap();
    // The baseline is a quarter everywhere.
    let background = image.zeros_like().unwrap().affine(1.0, 0.25).unwrap();
    let inputs = Inputs {
        background: Some(background),
        ..Inputs::default()
    };
    with_subject(&network, &image, |subject| {
        visit(&Subject {
            target: &Target::Index(1),
            inputs: &inputs,
            ..*subject
        });
    });
}

fn regions() -> Superpixels {
    let label = |i: usize| i / WIDTH / 5 + 2 * (i % WIDTH / 6);
    Superpixels::from_labels(
        (0..PIXELS).map(label).collect(),
        Size::new(HEIGHT, WIDTH).unwrap(),
    )
}

#[test]
fn occlusion_is_captum_s() {
    visit(|subject| {
        for expected in golden().occlusion {
            let options = Occlusion {
                window: expected.window,
                stride: expected.stride,
                baseline: Baseline::Custom,
                seed: 0,
            };
            let found = options.map(subject).unwrap();
            close(found.map.values(), &expected.map, 1e-4);
        }
    });
}

#[test]
fn feature_ablation_is_captum_s() {
    visit(|subject| {
        let hidden = Hidden::new(subject, Baseline::Custom, 0).unwrap();
        let found = ablation::losses(&hidden, &regions()).unwrap();
        close(
            regions().spread(&found).values(),
            &golden().feature_ablation,
            1e-4,
        );
    });
}

#[test]
fn kernel_shap_over_all_coalitions_is_captum_s_shapley_values() {
    visit(|subject| {
        let hidden = Hidden::new(subject, Baseline::Custom, 0).unwrap();
        let options = KernelShap {
            samples: 1 << regions().count(),
            ..KernelShap::default()
        };
        let found = shap::values(&options, &hidden, &regions()).unwrap();
        let found = regions().spread(&found.estimate.values);
        close(found.values(), &golden().shapley, 1e-4);
    });
}

#[test]
fn lime_s_regression_is_scikit_learn_s() {
    let rows: Vec<Vec<f64>> = sines(ROWS * PARTS, 0.2, 1.9)
        .chunks(PARTS)
        .map(|row| row.iter().map(|&v| f64::from(u8::from(v > 0.0))).collect())
        .collect();
    let weights: Vec<f64> = rows.iter().map(|row| lime::kernel(row, 0.25)).collect();
    let targets: Vec<f64> = rows
        .iter()
        .zip(sines(ROWS, 0.1, 2.3))
        .map(|(row, noise)| noise + (1..).zip(row).map(|(i, v)| f64::from(i) * v).sum::<f64>())
        .collect();
    let found = Ridge::fit(&rows, &weights, &targets, 1.0);
    let coefficients: Vec<f32> = found.coefficients.iter().map(|&v| v as f32).collect();
    let expected = golden().ridge;
    close(&coefficients, &expected.coefficients, 1e-6);
    assert!((found.r_squared - expected.r_squared).abs() < 1e-7);
}
