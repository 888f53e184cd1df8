//! From candle's storages to slices and back: the one place that knows candle's custom operations.
//!
//! A feature map has the shape `(n, c, h, w)` everywhere, and its channels are neighbours in memory wherever an operation of this crate
//! made it: the operation returns `(n, h, w, c)`, and [`map`] hands on the permuted view. A map that lies otherwise is copied first.

#[cfg(feature = "cuda")]
mod device;
mod forwards;

use std::borrow::Cow;

use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Storage, Tensor, WithDType, bail,
};

#[cfg(feature = "cuda")]
use crate::cuda::Array;
use crate::kernels::Element;
use crate::kernels::output::parts;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
#[cfg(feature = "cuda")]
pub(crate) use device::{cuda_map, cuda_map2, cuda_unary};
pub(crate) use forwards::forwards;

/// A computation on one contiguous tensor, for every element type.
pub(crate) trait Unary: Send + Sync {
    /// The name that error messages use.
    const NAME: &'static str;
    /// The result's values and shape from `x` with the dimensions `dims`.
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)>;
    /// The same on a device.
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, Shape)>;
}

/// A computation on one feature map, for every element type.
pub(crate) trait Mapped: Send + Sync {
    /// The name that error messages use.
    const NAME: &'static str;
    /// The result's values, channels last, and its sizes `[n, c, h, w]`.
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])>;
    /// The same on a device.
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])>;
}

/// A computation on two feature maps, for every element type.
pub(crate) trait Mapped2: Send + Sync {
    /// The name that error messages use.
    const NAME: &'static str;
    /// The result's values, channels last, and its sizes `[n, c, h, w]`.
    fn run<T: Element>(&self, a: Map<'_, T>, b: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])>;
    /// The same on a device.
    #[cfg(feature = "cuda")]
    fn cuda(&self, a: Array<'_>, b: Array<'_>) -> Result<(CudaStorage, [usize; 4])>;
}

/// A feature map in any memory layout.
#[derive(Clone, Copy)]
pub(crate) struct Map<'a, T> {
    /// From the first value on.
    pub(crate) values: &'a [T],
    /// `[n, c, h, w]`.
    pub(crate) dims: [usize; 4],
    /// From one image, channel, row and column to the next.
    pub(crate) strides: [usize; 4],
}

/// A computation on two tensors in any memory layout, for every element type.
pub(crate) trait Viewed2: Send + Sync {
    /// The name that error messages use.
    const NAME: &'static str;
    /// The result's values and shape.
    fn run<T: Element>(&self, a: View<'_, T>, b: View<'_, T>) -> Result<(Vec<T>, Shape)>;
}

/// A tensor in any memory layout.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    /// From the first value on.
    pub(crate) values: &'a [T],
    pub(crate) dims: &'a [usize],
    /// From one position of each dimension to the next.
    pub(crate) strides: &'a [usize],
}

impl<'a, T> View<'a, T> {
    fn new(values: &'a [T], layout: &'a Layout) -> Self {
        View {
            values: &values[layout.start_offset()..],
            dims: layout.dims(),
            strides: layout.stride(),
        }
    }
}

impl<'a, T: Element> Map<'a, T> {
    fn new(values: &'a [T], layout: &Layout, name: &str) -> Result<Self> {
        match (layout.dims(), layout.stride()) {
            (&[n, c, h, w], &[sn, sc, sh, sw]) => Ok(Map {
                values: &values[layout.start_offset()..],
                dims: [n, c, h, w],
                strides: [sn, sc, sh, sw],
            }),
            (dims, _) => bail!("`{name}` expects (n, channels, height, width), found {dims:?}"),
        }
    }

    /// The values as `(n, h, w, c)`.
    pub(crate) fn channels_last(&self) -> Cow<'a, [T]> {
        let [n, c, h, w] = self.dims;
        let len = n * c * h * w;
        let dense = [h * w * c, 1, w * c, c];
        let fits = |axis: usize| self.dims[axis] <= 1 || self.strides[axis] == dense[axis];
        if (0..4).all(fits) {
            return Cow::Borrowed(&self.values[..len]);
        }
        let [sn, sc, sh, sw] = self.strides;
        Cow::Owned(parts(
            len,
            w * c,
            w * c,
            #[inline(always)]
            |row, part: &mut [T]| {
                let first = row / h * sn + row % h * sh;
                for channel in 0..c {
                    let x = &self.values[first + channel * sc..];
                    for (column, y) in part.iter_mut().skip(channel).step_by(c).enumerate() {
                        *y = x[column * sw];
                    }
                }
            },
        ))
    }
}

/// A [`Unary`] computation as a candle operation without a gradient.
struct UnaryOp<'a, U>(&'a U);

/// Runs `op` on `x` and records no gradient.
pub(crate) fn unary<U: Unary>(op: &U, x: &Tensor) -> Result<Tensor> {
    x.contiguous()?.apply_op1_no_bwd(&UnaryOp(op))
}

/// A [`Mapped`] computation as a candle operation without a gradient.
struct MappedOp<'a, U>(&'a U);

/// Runs `op` on the feature map `x` and records no gradient.
pub(crate) fn map<U: Mapped>(op: &U, x: &Tensor) -> Result<Tensor> {
    channels_first(&on_device(x)?.apply_op1_no_bwd(&MappedOp(op))?)
}

/// A [`Mapped2`] computation as a candle operation without a gradient.
struct Mapped2Op<'a, U>(&'a U);

/// Runs `op` on two feature maps and records no gradient.
pub(crate) fn map2<U: Mapped2>(op: &U, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    channels_first(&on_device(a)?.apply_op2_no_bwd(&on_device(b)?, &Mapped2Op(op))?)
}

/// Runs `op` on the feature map `x`; its gradient takes and returns what [`map`] does.
pub(crate) fn map_recorded<U: CustomOp1 + Send + Sync + 'static>(
    op: U,
    x: &Tensor,
) -> Result<Tensor> {
    channels_first(&on_device(x)?.apply_op1(op)?)
}

/// Runs `op` on two feature maps; its gradient takes and returns what [`map`] does.
pub(crate) fn map2_recorded<U: CustomOp2 + Send + Sync + 'static>(
    op: U,
    a: &Tensor,
    b: &Tensor,
) -> Result<Tensor> {
    channels_first(&on_device(a)?.apply_op2(&on_device(b)?, op)?)
}

/// A feature map as kernels on a device take it, with its channels as neighbours. Those of the processor copy what they must themselves.
fn on_device(x: &Tensor) -> Result<Tensor> {
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

/// The values that a contiguous layout covers.
fn slice<'a, T: WithDType>(
    storage: &'a CpuStorage,
    layout: &Layout,
    name: &str,
) -> Result<&'a [T]> {
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

/// Runs `op` on a storage; the result is `(n, h, w, c)`.
pub(crate) fn run_map<U: Mapped>(
    op: &U,
    storage: &CpuStorage,
    layout: &Layout,
) -> Result<(CpuStorage, Shape)> {
    match storage {
        CpuStorage::F32(values) => {
            let (y, dims) = op.run(Map::new(values, layout, U::NAME)?)?;
            Ok((CpuStorage::F32(y), nhwc(dims)))
        }
        CpuStorage::F64(values) => {
            let (y, dims) = op.run(Map::new(values, layout, U::NAME)?)?;
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
                Map::new(a, a_layout, U::NAME)?,
                Map::new(b, b_layout, U::NAME)?,
            );
            let (y, dims) = op.run(a, b)?;
            Ok((CpuStorage::F32(y), nhwc(dims)))
        }
        (CpuStorage::F64(a), CpuStorage::F64(b)) => {
            let (a, b) = (
                Map::new(a, a_layout, U::NAME)?,
                Map::new(b, b_layout, U::NAME)?,
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
            let (y, shape) = op.run(View::new(a, a_layout), View::new(b, b_layout))?;
            Ok((CpuStorage::F32(y), shape))
        }
        (CpuStorage::F64(a), CpuStorage::F64(b)) => {
            let (y, shape) = op.run(View::new(a, a_layout), View::new(b, b_layout))?;
            Ok((CpuStorage::F64(y), shape))
        }
        _ => bail!("`{}` takes two f32 or two f64 tensors", U::NAME),
    }
}

fn nhwc([n, c, h, w]: [usize; 4]) -> Shape {
    Shape::from((n, h, w, c))
}

impl<U: Unary> CustomOp1 for UnaryOp<'_, U> {
    fn name(&self) -> &'static str {
        U::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_unary(self.0, storage, layout)
    }
    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        cuda_unary(self.0, storage, layout)
    }
}

impl<U: Mapped> CustomOp1 for MappedOp<'_, U> {
    fn name(&self) -> &'static str {
        U::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_map(self.0, storage, layout)
    }
    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        cuda_map(self.0, storage, layout)
    }
}

impl<U: Mapped2> CustomOp2 for Mapped2Op<'_, U> {
    fn name(&self) -> &'static str {
        U::NAME
    }
    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        a_layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        run_map2(self.0, (a, a_layout), (b, b_layout))
    }
    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        a: &CudaStorage,
        a_layout: &Layout,
        b: &CudaStorage,
        b_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        cuda_map2(self.0, (a, a_layout), (b, b_layout))
    }
}

/// Lends the values of a contiguous CPU tensor.
pub(crate) fn with_values<T: WithDType, R>(
    tensor: &Tensor,
    f: impl FnOnce(&[T]) -> Result<R>,
) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => f(slice(cpu, layout, "with_values")?),
        _ => not_on_cpu(tensor),
    }
}

/// Lends the feature map in a CPU tensor.
pub(crate) fn with_map<T: Element, R>(
    tensor: &Tensor,
    f: impl FnOnce(Map<'_, T>) -> Result<R>,
) -> Result<R> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => f(Map::new(cpu.as_slice::<T>()?, layout, "with_map")?),
        _ => not_on_cpu(tensor),
    }
}

fn not_on_cpu<R>(tensor: &Tensor) -> Result<R> {
    bail!(
        "expected a tensor on the CPU, found one on {:?}",
        tensor.device().location()
    )
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
