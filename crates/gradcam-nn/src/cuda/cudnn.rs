//! Convolutions by cuDNN.
//!
//! cuDNN pads both sides alike and lacks some algorithms for some types. What it refuses falls back to the products of
//! [`convolution`](super::convolution).

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use candle_core::cuda_backend::cudarc::cudnn::sys::{
    cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionMode_t, cudnnMathType_t, cudnnTensorFormat_t,
};
use candle_core::cuda_backend::cudarc::cudnn::{
    ConvBackwardData, ConvDescriptor, ConvForward, Cudnn, CudnnDataType, CudnnError,
    FilterDescriptor, TensorDescriptor,
};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView, DeviceRepr};
use candle_core::cuda_backend::{CudaDType, CudaDevice, CudaStorageSlice, DeviceId};
use candle_core::{CudaStorage, DType, Result, Storage, Tensor, WithDType, bail};

use super::array::{Array, allocate};
use crate::kernels::geometry::Geometry;
use crate::kernels::precision::Precision;

thread_local! {
    // cuDNN's handles belong to a thread and take milliseconds to make.
    static HANDLES: RefCell<HashMap<DeviceId, Arc<Cudnn>>> = RefCell::default();
}

fn handle(device: &CudaDevice) -> std::result::Result<Arc<Cudnn>, CudnnError> {
    HANDLES.with_borrow_mut(|handles| {
        if let Some(handle) = handles.get(&device.id()) {
            return Ok(handle.clone());
        }
        let handle = Cudnn::new(device.cuda_stream())?;
        handles.insert(device.id(), handle.clone());
        Ok(handle)
    })
}

/// Convolves `x` to `(n, oh, ow, out)`; `None` if cuDNN cannot.
pub(super) fn forward(
    x: Array<'_>,
    weight: &Tensor,
    g: &Geometry,
    precision: Precision,
) -> Result<Option<CudaStorage>> {
    convolve(x, weight, g, precision, Way::Forward)
}

/// Backpropagates the output gradient `grad` to the input, `(n, h, w, in)`; `None` if cuDNN cannot.
pub(super) fn backward(
    grad: Array<'_>,
    weight: &Tensor,
    g: &Geometry,
    precision: Precision,
) -> Result<Option<CudaStorage>> {
    convolve(grad, weight, g, precision, Way::Backward)
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    Forward,
    Backward,
}

fn convolve(
    x: Array<'_>,
    weight: &Tensor,
    g: &Geometry,
    precision: Precision,
    way: Way,
) -> Result<Option<CudaStorage>> {
    if !pads_alike(g) || weight.dtype() != x.dtype() {
        return Ok(None);
    }
    // The second type is that of the sums.
    match &x.storage.slice {
        CudaStorageSlice::F32(values) => typed::<_, f32>(values, x, weight, g, precision, way),
        CudaStorageSlice::F64(values) => typed::<_, f64>(values, x, weight, g, precision, way),
        CudaStorageSlice::F16(values) => typed::<_, f32>(values, x, weight, g, precision, way),
        CudaStorageSlice::BF16(values) => typed::<_, f32>(values, x, weight, g, precision, way),
        _ => Ok(None),
    }
}

/// Returns whether padding the bottom and right as much as the top and left gives the same output size.
fn pads_alike(g: &Geometry) -> bool {
    let axis = |size: usize, out: usize, kernel: usize, stride, padding: usize, dilation| {
        (size + 2 * padding)
            .checked_sub((kernel - 1) * dilation + 1)
            .is_some_and(|room| room / stride + 1 == out)
    };
    axis(
        g.in_size.0,
        g.out_size.0,
        g.kernel.0,
        g.stride.0,
        g.padding.0,
        g.dilation.0,
    ) && axis(
        g.in_size.1,
        g.out_size.1,
        g.kernel.1,
        g.stride.1,
        g.padding.1,
        g.dilation.1,
    )
}

/// Runs a convolution on `values` of type `T`, those of `x`, with sums of type `C`.
fn typed<T, C>(
    values: &CudaSlice<T>,
    x: Array<'_>,
    weight: &Tensor,
    g: &Geometry,
    precision: Precision,
    way: Way,
) -> Result<Option<CudaStorage>>
where
    T: CudnnDataType + CudaDType + DeviceRepr + WithDType,
    C: CudnnDataType,
{
    let Ok(plan) = Plan::<T, C>::new(x.device(), g, precision) else {
        return Ok(None);
    };
    let (storage, layout) = weight.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        bail!("a convolution needs its weight on the device of its input");
    };
    let weight = storage.as_cuda_slice::<T>()?.slice(layout.start_offset()..);
    let from = values.slice(x.offset..);
    let len = match way {
        Way::Forward => g.batch * g.out_size.0 * g.out_size.1 * g.out_channels,
        Way::Backward => g.batch * g.in_size.0 * g.in_size.1 * g.in_channels,
    };
    let mut y = allocate(x.device(), x.dtype(), len)?;
    let to = y.as_cuda_slice_mut::<T>()?;
    let done = match way {
        Way::Forward => plan.forward(x.device(), &from, &weight, to),
        Way::Backward => plan.backward(x.device(), &from, &weight, to),
    };
    Ok(done?.then_some(y))
}

/// cuDNN's descriptors of a convolution.
struct Plan<T, C> {
    input: TensorDescriptor<T>,
    filter: FilterDescriptor<T>,
    output: TensorDescriptor<T>,
    conv: ConvDescriptor<C>,
}

impl<T, C> Plan<T, C>
where
    T: CudnnDataType + DeviceRepr + WithDType,
    C: CudnnDataType,
{
    fn new(
        device: &CudaDevice,
        g: &Geometry,
        precision: Precision,
    ) -> std::result::Result<Self, CudnnError> {
        let cudnn = handle(device)?;
        let format = cudnnTensorFormat_t::CUDNN_TENSOR_NHWC;
        let dims = |dims: [usize; 4]| dims.map(|dim| dim as i32);
        let pair = |(a, b): (usize, usize)| [a as i32, b as i32];
        let mut conv = cudnn.create_conv2d::<C>(
            pair(g.padding),
            pair(g.stride),
            pair(g.dilation),
            cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION,
        )?;
        conv.set_group_count(g.groups as i32)?;
        conv.set_math_type(match (T::DTYPE, precision) {
            (DType::F16 | DType::BF16, _) | (_, Precision::Tf32) => {
                cudnnMathType_t::CUDNN_TENSOR_OP_MATH
            }
            // Otherwise cuDNN rounds f32 factors to 11 bits.
            _ => cudnnMathType_t::CUDNN_FMA_MATH,
        })?;
        let (h, w) = g.in_size;
        let (oh, ow) = g.out_size;
        let filter = [g.out_channels, g.group_in(), g.kernel.0, g.kernel.1];
        Ok(Plan {
            input: cudnn.create_4d_tensor(format, dims([g.batch, g.in_channels, h, w]))?,
            filter: cudnn.create_4d_filter(format, dims(filter))?,
            output: cudnn.create_4d_tensor(format, dims([g.batch, g.out_channels, oh, ow]))?,
            conv,
        })
    }

    /// Returns whether cuDNN ran the convolution.
    fn forward(
        &self,
        device: &CudaDevice,
        x: &CudaView<'_, T>,
        weight: &CudaView<'_, T>,
        y: &mut CudaSlice<T>,
    ) -> Result<bool> {
        let op = ConvForward {
            conv: &self.conv,
            x: &self.input,
            w: &self.filter,
            y: &self.output,
        };
        let Ok((algorithm, bytes)) = op
            .pick_algorithm()
            .and_then(|algorithm| Ok((algorithm, op.get_workspace_size(algorithm)?)))
        else {
            return Ok(false);
        };
        // SAFETY: the slices have the types and sizes of their descriptors, and the workspace is cuDNN's to write.
        let done = unsafe {
            let mut workspace = device.alloc::<u8>(bytes.max(1))?;
            op.launch(
                algorithm,
                Some(&mut workspace),
                (T::one(), T::zero()),
                x,
                weight,
                y,
            )
        };
        Ok(done.is_ok())
    }

    /// Returns whether cuDNN ran the convolution.
    fn backward(
        &self,
        device: &CudaDevice,
        grad: &CudaView<'_, T>,
        weight: &CudaView<'_, T>,
        dx: &mut CudaSlice<T>,
    ) -> Result<bool> {
        use cudnnConvolutionBwdDataAlgo_t::{
            CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
        };
        let op = ConvBackwardData {
            conv: &self.conv,
            dx: &self.input,
            w: &self.filter,
            dy: &self.output,
        };
        // Algorithm 0 adds in no fixed order.
        let picked = op.pick_algorithm().map(|algorithm| match algorithm {
            CUDNN_CONVOLUTION_BWD_DATA_ALGO_0 => CUDNN_CONVOLUTION_BWD_DATA_ALGO_1,
            other => other,
        });
        let Ok((algorithm, bytes)) =
            picked.and_then(|algorithm| Ok((algorithm, op.get_workspace_size(algorithm)?)))
        else {
            return Ok(false);
        };
        // SAFETY: the slices have the types and sizes of their descriptors, and the workspace is cuDNN's to write.
        let done = unsafe {
            let mut workspace = device.alloc::<u8>(bytes.max(1))?;
            op.launch(
                algorithm,
                Some(&mut workspace),
                (T::one(), T::zero()),
                dx,
                weight,
                grad,
            )
        };
        Ok(done.is_ok())
    }
}
