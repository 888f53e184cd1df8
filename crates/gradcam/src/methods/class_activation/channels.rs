//! Averages of the gradient of one channel.

/// Returns the gradient's mean: Grad-CAM's equation 1.
pub(super) fn mean(g: &[f32]) -> f64 {
    g.iter().map(|&g| f64::from(g)).sum::<f64>() / g.len() as f64
}

/// Returns the mean of the gradient's absolute values: the gradient's mean without signs.
pub(super) fn size(g: &[f32]) -> f64 {
    g.iter().map(|&g| f64::from(g.abs())).sum::<f64>() / g.len() as f64
}
