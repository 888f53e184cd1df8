//! DeepLIFT's multipliers through a softmax.

use candle_core::{DType, Result, Tensor};

/// Propagates the multipliers from the output to the input `x`, an image and its baseline in one batch.
///
/// With `a = eˣ` and `r = 1 / Σ a`, the output is `a r`. Each factor gets its share: `Δ(ar) = Δa (r + r')/2 + Δr (a + a')/2`. `r` is a
/// function of one number, with `Δr / Δ Σa = - r r'`, and so is `a`, of `x`.
pub(super) fn rescaled(x: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let len = x.dims().last().copied().unwrap_or(1).max(1);
    let values: Vec<f64> = x.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    let grads: Vec<f64> = grad.to_dtype(DType::F64)?.flatten_all()?.to_vec1()?;
    let half = values.len() / 2;
    let mut found = Vec::with_capacity(values.len());
    for first in (0..half).step_by(len) {
        let (x, x0) = (&values[first..][..len], &values[half + first..][..len]);
        // A common summand cancels.
        let top = x
            .iter()
            .chain(x0)
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        let exps = |x: &[f64]| -> Vec<f64> { x.iter().map(|x| (x - top).exp()).collect() };
        let (a, a0) = (exps(x), exps(x0));
        // If one of the two lies far below the other, its sum may vanish.
        let (r, r0) = (
            1.0 / a.iter().sum::<f64>().max(f64::MIN_POSITIVE.sqrt()),
            1.0 / a0.iter().sum::<f64>().max(f64::MIN_POSITIVE.sqrt()),
        );
        let m = &grads[first..][..len];
        let to_r: f64 = (0..len).map(|i| m[i] * (a[i] + a0[i]) / 2.0).sum();
        found.extend((0..len).map(|i| {
            let to_a = m[i] * (r + r0) / 2.0 - to_r * r * r0;
            let slope = if (x[i] - x0[i]).abs() < 1e-10 {
                a[i]
            } else {
                (a[i] - a0[i]) / (x[i] - x0[i])
            };
            to_a * slope
        }));
    }
    found.extend_from_within(..);
    Tensor::from_vec(found, x.dims(), x.device())?.to_dtype(x.dtype())
}
