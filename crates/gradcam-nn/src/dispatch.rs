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

/// A computation on two contiguous tensors of one element type.
pub(crate) trait Binary: Send + Sync {
    /// The name that error messages use.
    const NAME: &'static str;
    /// The result's values and shape from `a` and `b` with their dimensions.
    fn run<T: Element>(
        &self,
        a: &[T],
        a_dims: &[usize],
        b: &[T],
        b_dims: &[usize],
    ) -> Result<(Vec<T>, Shape)>;
}

/// A [`Unary`] computation as a candle operation without a gradient.
pub(crate) struct UnaryOp<'a, U>(pub(crate) &'a U);
/// A [`Binary`] computation as a candle operation without a gradient.
pub(crate) struct BinaryOp<'a, B>(pub(crate) &'a B);

/// Runs `op` on `x` and records no gradient.
pub(crate) fn unary<U: Unary>(op: &U, x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1_no_bwd(&UnaryOp(op))
}

/// Runs `op` on `a` and `b` and records no gradient.
pub(crate) fn binary<B: Binary>(op: &B, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    a.contiguous()?
        .apply_op2_no_bwd(&b.contiguous()?, &BinaryOp(op))
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

/// Runs `op` on two storages: the body of a custom operation's `cpu_fwd`.
pub(crate) fn run_binary<B: Binary>(
    op: &B,
    a: (&CpuStorage, &Layout),
    b: (&CpuStorage, &Layout),
) -> Result<(CpuStorage, Shape)> {
    let (da, db) = (a.1.dims(), b.1.dims());
    match (a.0, b.0) {
        (CpuStorage::F32(_), CpuStorage::F32(_)) => {
            let (x, y) = (slice(a.0, a.1, B::NAME)?, slice(b.0, b.1, B::NAME)?);
            let (z, shape) = op.run::<f32>(x, da, y, db)?;
            Ok((CpuStorage::F32(z), shape))
        }
        (CpuStorage::F64(_), CpuStorage::F64(_)) => {
            let (x, y) = (slice(a.0, a.1, B::NAME)?, slice(b.0, b.1, B::NAME)?);
            let (z, shape) = op.run::<f64>(x, da, y, db)?;
            Ok((CpuStorage::F64(z), shape))
        }
        _ => bail!("`{}` takes two f32 or two f64 tensors", B::NAME),
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

impl<B: Binary> candle_core::CustomOp2 for BinaryOp<'_, B> {
    fn name(&self) -> &'static str {
        B::NAME
    }
    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        run_binary(self.0, (s1, l1), (s2, l2))
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
        _ => bail!("expected a tensor on the CPU, found one on {:?}", tensor.device().location()),
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
