//! Where the values of a feature map lie in memory.

use candle_core::{Result, Shape, Tensor};

/// A feature map as kernels on a device take it, with its channels as neighbours. Those of the processor copy what they must themselves.
pub(super) fn on_device(x: &Tensor) -> Result<Tensor> {
    match x.device().is_cpu() || x.rank() != 4 {
        true => Ok(x.clone()),
        false => channels_first(&channels_last(x)?.contiguous()?),
    }
}

/// The values of a tensor one after the other; those of a feature map with its channels as neighbours.
pub(crate) fn dense(x: &Tensor) -> Result<Tensor> {
    match x.rank() {
        4 => channels_last(x)?.contiguous(),
        _ => x.contiguous(),
    }
}

/// `(n, h, w, c)` as `(n, c, h, w)`.
pub(crate) fn channels_first(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 3, 1, 2))
}

/// `(n, c, h, w)` as `(n, h, w, c)`.
pub(crate) fn channels_last(x: &Tensor) -> Result<Tensor> {
    x.permute((0, 2, 3, 1))
}

/// The shape of a result of these sizes `[n, c, h, w]`, whose channels lie last.
pub(super) fn nhwc([n, c, h, w]: [usize; 4]) -> Shape {
    Shape::from((n, h, w, c))
}
