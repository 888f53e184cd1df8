//! A CUDA device gives the processor's results. Without a device, these tests say so and check nothing.

mod networks;
mod operations;

use candle_core::{Device, Tensor};
use gradcam_nn::cuda_device;

/// Returns the first device; `None`, with a line that says why, if there is none.
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

/// Makes values of both signs, without a pattern that could hide an error.
fn values(shape: &[usize], seed: usize) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count)
        .map(|i| ((i * i % 1013 + 7 * i + 31 * seed) as f32 * 0.37).sin() * 2.0)
        .collect();
    Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
}

/// Computes the largest difference, as a share of the largest value.
fn apart(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(1e-30_f64, |m, v| m.max(v.abs()));
    let pairs = a.iter().zip(b);
    pairs.fold(0.0_f64, |m, (a, b)| match (a - b).abs() {
        difference if difference.is_nan() => f64::INFINITY,
        difference => m.max(difference / largest),
    })
}
