//! A CUDA device gives what the processor gives. Where there is none, these tests say so and check nothing.

mod networks;
mod operations;

use candle_core::{Device, Tensor};
use gradcam_nn::cuda_device;

/// The first device, or a line that says why there is none.
#[allow(clippy::print_stderr)]
fn device() -> Option<Device> {
    match cuda_device(0) {
        Ok(device) => Some(device),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().next().unwrap_or_default();
            eprintln!("skipped: no CUDA device ({reason})");
            None
        }
    }
}

/// Values of both signs without a pattern that an operation could hide behind.
fn values(shape: &[usize], seed: usize) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|i| ((i * i % 1013 + 7 * i + 31 * seed) as f32 * 0.37).sin() * 2.0)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// The largest difference, as a share of the largest value.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(1e-30_f64, |m, v| m.max(v.abs()));
    let pairs = a.iter().zip(b);
    pairs.fold(0.0_f64, |m, (a, b)| match (a - b).abs() {
        difference if difference.is_nan() => f64::INFINITY,
        difference => m.max(difference / largest),
    })
}
