//! From candle's storages to slices and back: the one place that knows candle's custom operations.

use candle_core::{CpuStorage, Layout, Result, Shape, Tensor, bail};

use crate::kernels::Element;

/// A computation on one contiguous tensor, for every element type.
pub(crate) trait Unary: Send + Sync {
    /// The name that error messages use.
    const NAME: &'static str;
    /// The result's values and shape from `x` with the dimensions `dims`.
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)>;
}

/// A [`Unary`] computation as a candle operation without a gradient.
pub(crate) struct UnaryOp<'a, U>(pub(crate) &'a U);
/// Runs `op` on `x` and records no gradient.
pub(crate) fn unary<U: Unary>(op: &U, x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1_no_bwd(&UnaryOp(op))
}

/// The values that a contiguous layout covers.
fn slice<'a, T: Element>(storage: &'a CpuStorage, layout: &Layout, name: &str) -> Result<&'a [T]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("`{name}` needs a contiguous tensor");
    };
    Ok(&storage.as_slice::<T>()?[start..end])
}

/// Runs `op` on a storage: the body of a custom operation's `cpu_fwd`.
pub(crate) fn run_unary<U: Unary>(
    op: &U,
    storage: &CpuStorage,
    layout: &Layout,
) -> Result<(CpuStorage, Shape)> {
    match storage {
        CpuStorage::F32(_) => {
            let (y, shape) = op.run::<f32>(slice(storage, layout, U::NAME)?, layout.dims())?;
            Ok((CpuStorage::F32(y), shape))
        }
        CpuStorage::F64(_) => {
            let (y, shape) = op.run::<f64>(slice(storage, layout, U::NAME)?, layout.dims())?;
            Ok((CpuStorage::F64(y), shape))
        }
        _ => bail!("`{}` takes f32 and f64 tensors", U::NAME),
    }
}

impl<U: Unary> candle_core::CustomOp1 for UnaryOp<'_, U> {
    fn name(&self) -> &'static str {
        U::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_unary(self.0, storage, layout)
    }
}

/// Lends the values of a contiguous CPU tensor.
pub(crate) fn with_values<T: Element, R>(
    tensor: &Tensor,
    f: impl FnOnce(&[T]) -> Result<R>,
) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        candle_core::Storage::Cpu(cpu) => f(slice(cpu, layout, "with_values")?),
        _ => bail!(
            "expected a tensor on the CPU, found one on {:?}",
            tensor.device().location()
        ),
    }
}

/// Lends the values of an optional tensor.
pub(crate) fn with_optional<T: Element, R>(
    tensor: Option<&Tensor>,
    f: impl FnOnce(Option<&[T]>) -> Result<R>,
) -> Result<R> {
    match tensor {
        None => f(None),
        Some(tensor) => with_values(tensor, |values| f(Some(values))),
    }
}
