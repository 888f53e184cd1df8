//! Parameters as before any training.

use candle_core::{Result as Candle, Tensor};
use gradcam_random::Random;

/// The truncation of a normal distribution, in standard deviations.
const CUT: f64 = 2.0;
/// The standard deviation of a normal distribution truncated there.
const CUT_DEVIATION: f64 = 0.879_625_661_034_239_8;
/// The standard deviation of learned tensors that are not kernels: class tokens, positions (Dosovitskiy et al. 2021, and timm).
const EMBEDDING: f64 = 0.02;

/// Draws a new parameter with the shape, type and device of `tensor`, by its name and shape:
///
/// - kernels (`….weight` of two and more dimensions) from a normal distribution truncated at two standard deviations, with He's deviation
///   `√(2 / fan-in)` (He et al. 2015, eq. 10) after the truncation;
/// - other tensors of two and more dimensions (tokens, positions) from such a distribution with a deviation of 0.02;
/// - norms and scales as the identity: `weight` and `gamma` 1; biases 0;
/// - running statistics as the identity: variance 1, mean 0. [`randomize`](super::randomize) leaves them alone by default.
///
/// The numbers depend only on the seed and the name, so that a block gets the same ones in every step of a test.
///
/// # Errors
/// None for plain tensors.
pub fn fresh(name: &str, tensor: &Tensor, seed: u64) -> Candle<Tensor> {
    let last = name.rsplit('.').next().unwrap_or(name);
    let dims = tensor.dims();
    let count = tensor.elem_count();
    let values = match dims {
        [_, inner @ ..] if !inner.is_empty() => {
            let fan_in: usize = inner.iter().product();
            let deviation = match last {
                "weight" => (2.0 / fan_in.max(1) as f64).sqrt() / CUT_DEVIATION,
                _ => EMBEDDING / CUT_DEVIATION,
            };
            let mut random = Random::of_name(seed, name);
            let draws = (0..count).map(|_| deviation * random.truncated_normal(CUT));
            draws.map(|value| value as f32).collect()
        }
        _ => {
            let one = matches!(last, "weight" | "gamma" | "running_var");
            vec![f32::from(u8::from(one)); count]
        }
    };
    Tensor::from_vec(values, dims, tensor.device())?.to_dtype(tensor.dtype())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    fn drawn(name: &str, shape: &[usize], seed: u64) -> Vec<f32> {
        let old = Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        let new = fresh(name, &old, seed).unwrap();
        assert_eq!(new.dims(), shape);
        new.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn deviation(values: &[f32]) -> f64 {
        let square: f64 = values.iter().map(|&v| f64::from(v).powi(2)).sum();
        (square / values.len() as f64).sqrt()
    }

    #[test]
    fn kernels_have_he_s_deviation_and_no_tails() {
        let values = drawn("a.weight", &[200, 25, 3, 3], 1);
        let expected = (2.0_f64 / 225.0).sqrt();
        assert!((deviation(&values) / expected - 1.0).abs() < 0.01);
        let largest = values.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
        let end = (2.0 * expected / CUT_DEVIATION) as f32;
        assert!(largest <= end && largest > 0.99 * end);
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        assert!(f64::from(mean).abs() < 0.01 * expected);
        let tokens = drawn("cls_token", &[1, 1, 4000], 1);
        assert!((deviation(&tokens) / 0.02 - 1.0).abs() < 0.05);
    }

    #[test]
    fn vectors_are_the_identity() {
        for (name, expected) in [
            ("bn.weight", 1.0),
            ("stage.gamma", 1.0),
            ("bn.bias", 0.0),
            ("bn.running_mean", 0.0),
            ("bn.running_var", 1.0),
        ] {
            assert_eq!(drawn(name, &[3], 5), [expected; 3], "{name}");
        }
    }

    #[test]
    fn seed_and_name_decide() {
        let values = drawn("a.weight", &[3, 4], 1);
        assert_eq!(values, drawn("a.weight", &[3, 4], 1));
        assert_ne!(values, drawn("a.weight", &[3, 4], 2));
        assert_ne!(values, drawn("b.weight", &[3, 4], 1));
    }
}
