//! The weight of one channel, from its activation and its gradient.

/// The gradient's mean: Grad-CAM's equation 1.
pub(super) fn mean(g: &[f32]) -> f64 {
    g.iter().map(|&g| f64::from(g)).sum::<f64>() / g.len() as f64
}

/// The mean of the gradient's absolute values: what its mean would be without signs.
pub(super) fn size(g: &[f32]) -> f64 {
    g.iter().map(|&g| f64::from(g.abs())).sum::<f64>() / g.len() as f64
}

/// Grad-CAM++'s closed form for a score that is an exponential (equation 19): `Σ α ReLU(g)` with `α = g² / (2g² + g³ ΣA)`.
///
/// Without `epsilon` this is `1 / (2 + g ΣA)`, which no small gradient spoils. Only positive gradients count, so α is not needed elsewhere.
pub(super) fn plus_plus(a: &[f32], g: &[f32], epsilon: f64) -> f64 {
    let sum: f64 = a.iter().map(|&a| f64::from(a)).sum();
    let term = |&g: &f32| {
        let g = f64::from(g);
        if g <= 0.0 {
            return 0.0;
        }
        let denominator = 2.0 + g * sum + epsilon / (g * g);
        if denominator == 0.0 {
            0.0
        } else {
            g / denominator
        }
    };
    g.iter().map(term).sum()
}

/// XGrad-CAM's weight, `Σ gA / ΣA` (Fu et al. 2020, eq. 8); a channel without activation weighs nothing.
pub(super) fn axiomatic(a: &[f32], g: &[f32], epsilon: f64) -> f64 {
    let sum = a.iter().map(|&a| f64::from(a)).sum::<f64>() + epsilon;
    let product: f64 = a
        .iter()
        .zip(g)
        .map(|(&a, &g)| f64::from(a) * f64::from(g))
        .sum();
    if sum == 0.0 { 0.0 } else { product / sum }
}

/// The share of positions at which a channel is more than `sigmas` standard deviations above its mean.
pub(super) fn firing(a: &[f32], sigmas: f64) -> f64 {
    let count = a.len() as f64;
    let mean = a.iter().map(|&a| f64::from(a)).sum::<f64>() / count;
    let variance = a
        .iter()
        .map(|&a| (f64::from(a) - mean).powi(2))
        .sum::<f64>()
        / count;
    let threshold = mean + sigmas * variance.sqrt();
    a.iter().filter(|&&a| f64::from(a) > threshold).count() as f64 / count
}
