//! DeepLIFT's multipliers through a layer norm.

use candle_core::{DType, Result, Tensor};
use gradcam_nn::ops::{Axis, LayerNorm};

/// Propagates the multipliers from the output to the input `x`, an image and its baseline in one batch.
///
/// With the centred input `c`, its variance `s = mean c²` and `r = 1/√(s + ε)`, the output is `w c r + b`. Both products give each factor
/// its share: `Δ(cr) = Δc (r + r')/2 + Δr (c + c')/2`, and `Δs = mean Δc (c + c')`.
pub(super) fn rescaled(layer: &LayerNorm, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let over_channels = layer.axis == Axis::Channel;
    let rows = |x: &Tensor| -> Result<(Vec<usize>, Vec<f64>)> {
        let x = if over_channels {
            x.permute((0, 2, 3, 1))?
        } else {
            x.clone()
        };
        let values = x.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
        Ok((x.dims().to_vec(), values))
    };
    let (dims, values) = rows(x)?;
    let (_, grads) = rows(grad)?;
    let weight: Vec<f64> = layer.weight.to_dtype(DType::F64)?.to_vec1()?;
    let (c, half) = (weight.len(), values.len() / 2);
    let mut found = Vec::with_capacity(values.len());
    for first in (0..half).step_by(c) {
        let (c1, s1) = centred(&values[first..first + c]);
        let (c0, s0) = centred(&values[half + first..half + first + c]);
        let (r1, r0) = (factor(s1, layer.eps), factor(s0, layer.eps));
        let m: Vec<f64> = grads[first..]
            .iter()
            .zip(&weight)
            .map(|(g, w)| g * w)
            .collect();
        let sums: Vec<f64> = c1.iter().zip(&c0).map(|(a, b)| a + b).collect();
        let to_r: f64 = m.iter().zip(&sums).map(|(m, sum)| m * sum / 2.0).sum();
        // The slope of the chord, or of the tangent if the two points coincide.
        let slope = if (s1 - s0).abs() < 1e-10 * (s1 + s0 + layer.eps) {
            -0.5 * r1.powi(3)
        } else {
            (r1 - r0) / (s1 - s0)
        };
        let to_c = m
            .iter()
            .zip(&sums)
            .map(|(m, sum)| m * (r1 + r0) / 2.0 + to_r * slope * sum / c as f64);
        let to_c: Vec<f64> = to_c.collect();
        let mean = to_c.iter().sum::<f64>() / c as f64;
        found.extend(to_c.iter().map(|v| v - mean));
    }
    found.extend_from_within(..);
    let found = Tensor::from_vec(found, dims, x.device())?.to_dtype(x.dtype())?;
    if over_channels {
        found.permute((0, 3, 1, 2))
    } else {
        Ok(found)
    }
}

/// Returns the values minus their mean, and their variance.
fn centred(x: &[f64]) -> (Vec<f64>, f64) {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    let centred: Vec<f64> = x.iter().map(|x| x - mean).collect();
    let variance = centred.iter().map(|c| c * c).sum::<f64>() / x.len() as f64;
    (centred, variance)
}

fn factor(variance: f64, eps: f64) -> f64 {
    1.0 / (variance + eps).sqrt()
}
