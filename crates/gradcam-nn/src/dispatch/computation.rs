//! An operation's computation, independent of candle's storages.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{Result, Shape};

#[cfg(feature = "cuda")]
use crate::cuda::array::Array;
use crate::kernels::element::Element;
use crate::kernels::view::{Map, View};

/// A computation on one contiguous tensor, for every element type.
pub(crate) trait Unary: Send + Sync {
    /// The name shown in error messages.
    const NAME: &'static str;
    /// Computes the result's values and shape from `x`, whose dimensions are `dims`.
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)>;
    /// As [`run`](Self::run), on a device.
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, Shape)>;
}

/// A computation on one feature map, for every element type.
pub(crate) trait Mapped: Send + Sync {
    /// The name shown in error messages.
    const NAME: &'static str;
    /// Computes the result's values, channels last, and its sizes `[n, c, h, w]`.
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])>;
    /// As [`run`](Self::run), on a device.
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])>;
}

/// A computation on two feature maps, for every element type.
pub(crate) trait Mapped2: Send + Sync {
    /// The name shown in error messages.
    const NAME: &'static str;
    /// Computes the result's values, channels last, and its sizes `[n, c, h, w]`.
    fn run<T: Element>(&self, a: Map<'_, T>, b: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])>;
    /// As [`run`](Self::run), on a device.
    #[cfg(feature = "cuda")]
    fn cuda(&self, a: Array<'_>, b: Array<'_>) -> Result<(CudaStorage, [usize; 4])>;
}

/// A computation on two tensors in any memory layout, for every element type.
pub(crate) trait Viewed2: Send + Sync {
    /// The name shown in error messages.
    const NAME: &'static str;
    /// Computes the result's values and shape.
    fn run<T: Element>(&self, a: View<'_, T>, b: View<'_, T>) -> Result<(Vec<T>, Shape)>;
}
