//! Operations on tensors.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor};

use super::computation::{Mapped, Mapped2, Unary};
#[cfg(feature = "cuda")]
use super::device::{cuda_map, cuda_map2, cuda_unary};
use super::layout::{channels_first, on_device};
use super::processor::{run_map, run_map2, run_unary};

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

/// Runs `op` on the feature map `x`, with a gradient. Its backward pass uses the layouts of [`map`].
pub(crate) fn map_recorded<U: CustomOp1 + Send + Sync + 'static>(
    op: U,
    x: &Tensor,
) -> Result<Tensor> {
    channels_first(&on_device(x)?.apply_op1(op)?)
}

/// Runs `op` on two feature maps, with a gradient. Its backward pass uses the layouts of [`map`].
pub(crate) fn map2_recorded<U: CustomOp2 + Send + Sync + 'static>(
    op: U,
    a: &Tensor,
    b: &Tensor,
) -> Result<Tensor> {
    channels_first(&on_device(a)?.apply_op2(&on_device(b)?, op)?)
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
