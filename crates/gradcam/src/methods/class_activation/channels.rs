//! What the gradient of one channel is on average.

/// The gradient's mean: Grad-CAM's equation 1.
pub(super) fn mean(g: &[f32]) -> f64 {
    g.iter().map(|&g| f64::from(g)).sum::<f64>() / g.len() as f64
}

/// The mean of the gradient's absolute values: what its mean would be without signs.
pub(super) fn size(g: &[f32]) -> f64 {
    g.iter().map(|&g| f64::from(g.abs())).sum::<f64>() / g.len() as f64
}
