//! Operations on candle's CPU storages.

use candle_core::{CpuStorage, Layout, Result, Shape, bail};

use super::computation::{Mapped, Mapped2, Unary, Viewed2};
use super::layout::nhwc;
use super::storage::{feature_map, values, view};

/// Runs `op` on a storage: the body of a custom operation's `cpu_fwd`.
pub(crate) fn run_unary<U: Unary>(
    op: &U,
    storage: &CpuStorage,
    layout: &Layout,
) -> Result<(CpuStorage, Shape)> {
    match storage {
        CpuStorage::F32(_) => {
            let (y, shape) = op.run::<f32>(values(storage, layout, U::NAME)?, layout.dims())?;
            Ok((CpuStorage::F32(y), shape))
        }
        CpuStorage::F64(_) => {
            let (y, shape) = op.run::<f64>(values(storage, layout, U::NAME)?, layout.dims())?;
            Ok((CpuStorage::F64(y), shape))
        }
        _ => bail!("`{}` takes f32 and f64 tensors", U::NAME),
    }
}

/// Runs `op` on a storage; the result is `(n, h, w, c)`.
pub(crate) fn run_map<U: Mapped>(
    op: &U,
    storage: &CpuStorage,
    layout: &Layout,
) -> Result<(CpuStorage, Shape)> {
    match storage {
        CpuStorage::F32(values) => {
            let (y, dims) = op.run(feature_map(values, layout, U::NAME)?)?;
            Ok((CpuStorage::F32(y), nhwc(dims)))
        }
        CpuStorage::F64(values) => {
            let (y, dims) = op.run(feature_map(values, layout, U::NAME)?)?;
            Ok((CpuStorage::F64(y), nhwc(dims)))
        }
        _ => bail!("`{}` takes f32 and f64 tensors", U::NAME),
    }
}

/// Runs `op` on two storages of one element type; the result is `(n, h, w, c)`.
pub(crate) fn run_map2<U: Mapped2>(
    op: &U,
    (a, a_layout): (&CpuStorage, &Layout),
    (b, b_layout): (&CpuStorage, &Layout),
) -> Result<(CpuStorage, Shape)> {
    match (a, b) {
        (CpuStorage::F32(a), CpuStorage::F32(b)) => {
            let (a, b) = (
                feature_map(a, a_layout, U::NAME)?,
                feature_map(b, b_layout, U::NAME)?,
            );
            let (y, dims) = op.run(a, b)?;
            Ok((CpuStorage::F32(y), nhwc(dims)))
        }
        (CpuStorage::F64(a), CpuStorage::F64(b)) => {
            let (a, b) = (
                feature_map(a, a_layout, U::NAME)?,
                feature_map(b, b_layout, U::NAME)?,
            );
            let (y, dims) = op.run(a, b)?;
            Ok((CpuStorage::F64(y), nhwc(dims)))
        }
        _ => bail!("`{}` takes two f32 or two f64 tensors", U::NAME),
    }
}

/// Runs `op` on two storages of one element type.
pub(crate) fn run_view2<U: Viewed2>(
    op: &U,
    (a, a_layout): (&CpuStorage, &Layout),
    (b, b_layout): (&CpuStorage, &Layout),
) -> Result<(CpuStorage, Shape)> {
    match (a, b) {
        (CpuStorage::F32(a), CpuStorage::F32(b)) => {
            let (y, shape) = op.run(view(a, a_layout), view(b, b_layout))?;
            Ok((CpuStorage::F32(y), shape))
        }
        (CpuStorage::F64(a), CpuStorage::F64(b)) => {
            let (y, shape) = op.run(view(a, a_layout), view(b, b_layout))?;
            Ok((CpuStorage::F64(y), shape))
        }
        _ => bail!("`{}` takes two f32 or two f64 tensors", U::NAME),
    }
}
