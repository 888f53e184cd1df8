//! From candle's CPU storages to slices.

use candle_core::{CpuStorage, Layout, Result, Storage, Tensor, bail};

use crate::kernels::float::Float;
use crate::kernels::view::{Map, View};

/// Returns the values that a contiguous layout covers.
pub(super) fn values<'a, T: Float>(
    storage: &'a CpuStorage,
    layout: &Layout,
    name: &str,
) -> Result<&'a [T]> {
    let Some((start, end)) = layout.contiguous_offsets() else {
        bail!("`{name}` needs a contiguous tensor");
    };
    Ok(&storage.as_slice::<T>()?[start..end])
}

/// Views a tensor in candle's layout.
pub(super) fn view<'a, T>(values: &'a [T], layout: &'a Layout) -> View<'a, T> {
    View {
        values: &values[layout.start_offset()..],
        dims: layout.dims(),
        strides: layout.stride(),
    }
}

/// Views a feature map in candle's layout.
pub(super) fn feature_map<'a, T>(
    values: &'a [T],
    layout: &Layout,
    name: &str,
) -> Result<Map<'a, T>> {
    match (layout.dims(), layout.stride()) {
        (&[n, c, h, w], &[sn, sc, sh, sw]) => Ok(Map {
            values: &values[layout.start_offset()..],
            dims: [n, c, h, w],
            strides: [sn, sc, sh, sw],
        }),
        (dims, _) => bail!("`{name}` expects (n, channels, height, width), found {dims:?}"),
    }
}

/// Lends `f` the values of a contiguous CPU tensor.
pub(crate) fn with_values<T: Float, R>(
    tensor: &Tensor,
    f: impl FnOnce(&[T]) -> Result<R>,
) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => f(values(cpu, layout, "with_values")?),
        _ => not_on_cpu(tensor),
    }
}

/// Lends `f` the feature map in a CPU tensor.
pub(crate) fn with_map<T: Float, R>(
    tensor: &Tensor,
    f: impl FnOnce(Map<'_, T>) -> Result<R>,
) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => f(feature_map(cpu.as_slice::<T>()?, layout, "with_map")?),
        _ => not_on_cpu(tensor),
    }
}

fn not_on_cpu<R>(tensor: &Tensor) -> Result<R> {
    bail!(
        "expected a tensor on the CPU, found one on {:?}",
        tensor.device().location()
    )
}

/// Lends `f` the values of an optional tensor.
pub(crate) fn with_optional<T: Float, R>(
    tensor: Option<&Tensor>,
    f: impl FnOnce(Option<&[T]>) -> Result<R>,
) -> Result<R> {
    match tensor {
        None => f(None),
        Some(tensor) => with_values(tensor, |values| f(Some(values))),
    }
}
