//! The memory layout of feature maps.

use candle_core::{Result, Shape, Tensor};

/// Brings a feature map on a device into the layout of its kernels, channels last. The CPU's kernels copy what they need themselves.
pub(super) fn on_device(x: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() || x.rank() != 4 {
        Ok(x.clone())
    } else {
        channels_first(&channels_last(x)?.contiguous()?)
    }
}

/// Makes a tensor contiguous; a feature map gets its channels last.
pub(crate) fn dense(x: &Tensor) -> Result<Tensor> {
    match x.rank() {
        4 => channels_last(x)?.contiguous(),
        _ => x.contiguous(),
    }
}

/// Views `(n, h, w, c)` as `(n, c, h, w)`.
pub(crate) fn channels_first(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 3, 1, 2))
}

/// Views `(n, c, h, w)` as `(n, h, w, c)`.
pub(crate) fn channels_last(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 2, 3, 1))
}

/// Returns the shape of a result with the sizes `[n, c, h, w]`, stored channels last.
pub(super) fn nhwc([n, c, h, w]: [usize; 4]) -> Shape {
    Shape::from((n, h, w, c))
}
