//! Operations at the edges: non-finite numbers, invalid arguments, several threads.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use candle_core::{DType, Device, Result, Tensor, Var};
use gradcam_nn::ops::{
    Activation, AdaptiveAvgPool2d, AdaptiveMaxPool2d, AvgPool2d, Axis, BatchNorm, LayerNorm,
    MaxPool2d, ResizeMode, log_softmax, resize, resize_taps, softmax,
};

#[test]
fn taps_interpolate() {
    assert_eq!(
        resize_taps(2, 3, ResizeMode::Nearest, false),
        [[(0, 1.0)], [(0, 1.0)], [(1, 1.0)]]
    );
    assert_eq!(
        resize_taps(3, 5, ResizeMode::Bilinear, true)[1],
        [(0, 0.5), (1, 0.5)]
    );
    for mode in [ResizeMode::Bilinear, ResizeMode::Bicubic] {
        for taps in resize_taps(7, 224, mode, false) {
            let total: f64 = taps.iter().map(|tap| tap.1).sum();
            assert!((total - 1.0).abs() < 1e-12 && taps.iter().all(|tap| tap.0 < 7));
        }
    }
    assert!(resize_taps(0, 3, ResizeMode::Bilinear, false).is_empty());
}

#[test]
fn extreme_values() {
    let x = Tensor::new(
        &[f32::NAN, f32::NEG_INFINITY, f32::INFINITY, -1e30, 1e30],
        &Device::Cpu,
    )
    .unwrap();
    for (f, expected) in [
        (Activation::Relu, [f32::NAN, 0.0, f32::INFINITY, 0.0, 1e30]),
        (Activation::RELU6, [f32::NAN, 0.0, 6.0, 0.0, 6.0]),
        (
            Activation::LeakyRelu { slope: 0.5 },
            [f32::NAN, f32::NEG_INFINITY, f32::INFINITY, -5e29, 1e30],
        ),
        (
            Activation::Silu,
            [f32::NAN, f32::NAN, f32::INFINITY, 0.0, 1e30],
        ),
        (
            Activation::GeluTanh,
            [f32::NAN, f32::NAN, f32::INFINITY, 0.0, 1e30],
        ),
        (
            Activation::HardSwish,
            [f32::NAN, f32::NAN, f32::INFINITY, 0.0, 1e30],
        ),
        (Activation::HARD_SIGMOID, [f32::NAN, 0.0, 1.0, 0.0, 1.0]),
        (Activation::Sigmoid, [f32::NAN, 0.0, 1.0, 0.0, 1.0]),
    ] {
        let found: Vec<f32> = f.forward(&x).unwrap().to_vec1().unwrap();
        for (found, expected) in found.into_iter().zip(expected) {
            let same = (found - expected).abs() <= 1e-6 * expected.abs() || found == expected;
            assert!(
                same || (found.is_nan() && expected.is_nan()),
                "{f:?}: {found} for {expected}"
            );
        }
    }
    let huge = Tensor::new(&[1e30f32, 0.0, f32::NEG_INFINITY], &Device::Cpu).unwrap();
    assert_eq!(
        softmax(&huge, 0).unwrap().to_vec1::<f32>().unwrap(),
        [1.0, 0.0, 0.0]
    );
    assert_eq!(
        log_softmax(&huge, 0).unwrap().to_vec1::<f32>().unwrap(),
        [0.0, -1e30, f32::NEG_INFINITY]
    );
}

/// A window that misses a small map altogether gives `-∞`, and no gradient.
#[test]
fn a_dilated_window_may_miss_the_map() {
    let pool = MaxPool2d {
        dilation: (3, 3),
        ..MaxPool2d::new(2, 1, 1)
    };
    let x = Var::zeros((1, 1, 2, 2), DType::F32, &Device::Cpu).unwrap();
    let y = pool.forward(&x).unwrap();
    assert_eq!(
        y.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
        [f32::NEG_INFINITY]
    );
    let dx = y.backward().unwrap().remove(&x).unwrap();
    assert_eq!(
        dx.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
        [0.0; 4]
    );
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let x: Vec<f32> = (0..2 * 48 * 40 * 41)
        .map(|i| ((i * 7919) % 1009) as f32 / 300.0 - 1.6)
        .collect();
    let x = Tensor::from_vec(x, (2, 48, 40, 41), &Device::Cpu).unwrap();
    let parameter = Tensor::arange(0f32, 48f32, &Device::Cpu).unwrap();
    let norm = LayerNorm {
        weight: parameter.clone(),
        bias: parameter,
        eps: 1e-6,
        axis: Axis::Channel,
    };
    let run = |threads: usize| -> Vec<u32> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let x = Var::from_tensor(&x).unwrap();
            let y = norm.forward(&x).unwrap();
            let y = Activation::Gelu.forward(&y).unwrap();
            let y = resize(&y, (63, 57), ResizeMode::Bicubic, false).unwrap();
            let y = MaxPool2d::new(3, 2, 1).forward(&y).unwrap();
            let y = AvgPool2d::new(3, 1, 1).forward(&y).unwrap();
            let y = softmax(&y, 1).unwrap();
            let score = (&y * &y).unwrap().sum_all().unwrap();
            let dx = score.backward().unwrap().remove(&x).unwrap();
            let global = AdaptiveAvgPool2d::new(1).forward(&y).unwrap();
            [y, dx, global]
                .iter()
                .flat_map(|t| t.flatten_all().unwrap().to_vec1::<f32>().unwrap())
                .map(f32::to_bits)
                .collect()
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(4));
}

#[test]
fn bad_arguments_are_refused() {
    let map = Tensor::zeros((1, 2, 4, 5), DType::F32, &Device::Cpu).unwrap();
    let image = Tensor::zeros((2, 4, 5), DType::F32, &Device::Cpu).unwrap();
    let empty = Tensor::zeros((0, 2, 4, 5), DType::F32, &Device::Cpu).unwrap();
    let refused = |result: Result<Tensor>, reason: &str| {
        let error = result.expect_err("bad input was accepted").to_string();
        assert!(error.contains(reason), "`{error}` does not say `{reason}`");
    };
    for x in [&image, &empty] {
        let reason = format!("found {:?}", x.dims());
        refused(MaxPool2d::new(2, 2, 0).forward(x), &reason);
        refused(AvgPool2d::new(2, 2, 0).forward(x), &reason);
        refused(AdaptiveAvgPool2d::new(1).forward(x), &reason);
        refused(AdaptiveMaxPool2d::new(1).forward(x), &reason);
        refused(resize(x, (2, 2), ResizeMode::Bilinear, false), &reason);
    }
    refused(
        MaxPool2d::new(5, 1, 0).forward(&map),
        "spans 5 positions, the padded input only 4",
    );
    refused(
        AvgPool2d::new(7, 1, 1).forward(&map),
        "spans 7 positions, the padded input only 6",
    );
    refused(
        MaxPool2d::new(3, 1, 2).forward(&map),
        "at most half the kernel (1), found 2",
    );
    refused(AvgPool2d::new(3, 0, 0).forward(&map), "found 4, 3, 0 and 1");
    refused(AdaptiveAvgPool2d::new(0).forward(&map), "found 4 and 0");
    refused(
        resize(&map, (0, 2), ResizeMode::Bilinear, false),
        "found 0 × 2",
    );
    refused(
        resize(&map, (2, 2), ResizeMode::Nearest, true),
        "align_corners",
    );
    refused(softmax(&map, 4), "dimension 4");
    refused(softmax(&empty, 1), "found [0, 2, 4, 5]");
    refused(
        Activation::Relu.forward(&map.to_dtype(DType::U8).unwrap()),
        "f32 and f64",
    );
    let ones = |n: usize| Tensor::ones(n, DType::F32, &Device::Cpu).unwrap();
    let batch_norm = |n| BatchNorm::new(ones(3), ones(3), ones(n), ones(3), 1e-5);
    refused(
        batch_norm(3).unwrap().forward(&map),
        "expects (n, 3, height, width)",
    );
    let error = batch_norm(2).unwrap_err().to_string();
    assert!(error.contains("mean must have the shape [3]"), "{error}");
    let layer_norm = |n, axis| LayerNorm {
        weight: ones(3),
        bias: ones(n),
        eps: 1e-5,
        axis,
    };
    refused(
        layer_norm(3, Axis::Channel).forward(&map),
        "expects (n, 3, height, width)",
    );
    refused(layer_norm(3, Axis::Last).forward(&map), "expects (…, 3)");
    let fitting = Tensor::zeros((1, 3, 4, 5), DType::F32, &Device::Cpu).unwrap();
    refused(
        layer_norm(2, Axis::Channel).forward(&fitting),
        "bias must have the shape [3]",
    );
}
