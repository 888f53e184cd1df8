//! Computations on a CUDA device: from candle's storages to kernels and cuBLAS, and back.
//!
//! The kernels are in `cuda/kernels.cu`, and are compiled for an element type when one is first needed. What lies on the device stays
//! there: nothing in this module reads it.
#![allow(unsafe_code)]

pub(crate) mod convolution;
#[cfg(feature = "cudnn")]
mod cudnn;

use std::sync::OnceLock;

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::cublas::{result, sys};
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaStream, DevicePtr, DevicePtrMut, LaunchConfig, PushKernelArg, SyncOnDrop,
};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::cuda_backend::{CudaDevice, CudaStorageSlice};
use candle_core::{CudaStorage, DType, Error, Layout, Result, Storage, Tensor, bail};

use crate::ops::{Activation, Precision};

/// A contiguous tensor on a device; a feature map `(n, c, h, w)` lies as `(n, h, w, c)`.
#[derive(Clone, Copy)]
pub(crate) struct Array<'a> {
    storage: &'a CudaStorage,
    offset: usize,
    pub(crate) dims: &'a [usize],
}

/// What a kernel is given after its result and the number of its threads.
pub(crate) enum Arg<'a> {
    /// A whole number, or a choice.
    Int(usize),
    /// A real number.
    Real(f64),
    /// Values of the kernel's element type.
    Array(Array<'a>),
    /// The same, that may be missing.
    Maybe(Option<Array<'a>>),
    /// A contiguous tensor of the kernel's element type.
    Tensor(&'a Tensor),
    /// A vector of at least single precision, that may be missing.
    Vector(Option<&'a Tensor>),
    /// Positions, -1 for none.
    Positions(&'a [i32]),
}

impl<'a> Array<'a> {
    /// A tensor that a layout describes, whose order in memory is that of its dimensions, or of a feature map with the channels last.
    pub(crate) fn new(storage: &'a CudaStorage, layout: &'a Layout, name: &str) -> Result<Self> {
        let dims = layout.dims();
        let is_map = || match (dims, layout.stride()) {
            (&[_, c, h, w], &[sn, sc, sh, sw]) => {
                let fits = |size: usize, found: usize, dense: usize| size <= 1 || found == dense;
                fits(dims[0], sn, c * h * w)
                    && fits(c, sc, 1)
                    && fits(h, sh, w * c)
                    && fits(w, sw, c)
            }
            _ => false,
        };
        if !layout.is_contiguous() && !is_map() {
            bail!("`{name}` needs a contiguous tensor on a device");
        }
        Ok(Array {
            storage,
            offset: layout.start_offset(),
            dims,
        })
    }

    /// The whole of a storage.
    pub(crate) fn whole(storage: &'a CudaStorage, dims: &'a [usize]) -> Self {
        Array {
            storage,
            offset: 0,
            dims,
        }
    }

    /// The same values from the one at `offset` on, with other dimensions.
    pub(crate) fn part(self, offset: usize, dims: &'a [usize]) -> Self {
        Array {
            storage: self.storage,
            offset: self.offset + offset,
            dims,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.dims.iter().product()
    }

    pub(crate) fn map(&self, name: &str) -> Result<[usize; 4]> {
        match *self.dims {
            [n, c, h, w] => Ok([n, c, h, w]),
            _ => bail!(
                "`{name}` expects (n, channels, height, width), found {:?}",
                self.dims
            ),
        }
    }

    pub(crate) fn device(&self) -> &'a CudaDevice {
        &self.storage.device
    }

    pub(crate) fn dtype(&self) -> DType {
        self.storage.dtype()
    }

    /// Runs a kernel with one thread for each of `len` results.
    pub(crate) fn each(self, kernel: &str, len: usize, args: &[Arg<'_>]) -> Result<CudaStorage> {
        let mut y = allocate(self.device(), self.dtype(), len)?;
        self.each_into(&mut y, 0, kernel, len, args)?;
        Ok(y)
    }

    /// The same, from the value number `offset` of `y` on.
    pub(crate) fn each_into(
        self,
        y: &mut CudaStorage,
        offset: usize,
        kernel: &str,
        len: usize,
        args: &[Arg<'_>],
    ) -> Result<()> {
        launch(kernel, (y, offset), (len, 1), args)
    }

    /// Runs a kernel with a warp for each row of `c` values.
    pub(crate) fn rows(self, kernel: &str, c: usize, args: &[Arg<'_>]) -> Result<CudaStorage> {
        let mut y = allocate(self.device(), self.dtype(), self.len())?;
        launch(kernel, (&mut y, 0), (self.len() / c.max(1), WARP), args)?;
        Ok(y)
    }
}

/// Threads that compute a row together.
const WARP: usize = 32;
/// Threads of a block: whole warps, and enough to keep a processor busy with any number of registers.
const BLOCK: usize = 256;

/// What vectors have for results of this type: the type that is computed with.
fn wide(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

/// Memory whose every value is still to be written.
pub(crate) fn allocate(device: &CudaDevice, dtype: DType, len: usize) -> Result<CudaStorage> {
    // SAFETY: nothing reads the memory before a kernel or a product has written all of it.
    let slice = unsafe {
        match dtype {
            DType::F32 => CudaStorageSlice::F32(device.alloc(len)?),
            DType::F64 => CudaStorageSlice::F64(device.alloc(len)?),
            DType::F16 => CudaStorageSlice::F16(device.alloc(len)?),
            DType::BF16 => CudaStorageSlice::BF16(device.alloc(len)?),
            _ => {
                bail!("operations on a device take f32, f64, f16 and bf16 tensors, found {dtype:?}")
            }
        }
    };
    Ok(CudaStorage {
        slice,
        device: device.clone(),
    })
}

/// Runs `kernel` for `units` results, or rows where `lanes` threads share one, and writes from the value number `offset` of `y` on.
fn launch(
    kernel: &str,
    (y, offset): (&mut CudaStorage, usize),
    (units, lanes): (usize, usize),
    args: &[Arg<'_>],
) -> Result<()> {
    let (device, dtype) = (y.device.clone(), y.dtype());
    let threads = units * lanes;
    let (Ok(units), Ok(_)) = (i32::try_from(units), i32::try_from(threads)) else {
        bail!(
            "`{kernel}` on a device takes at most 2^31 values, found {threads}: use smaller batches"
        );
    };
    let (suffix, compiled) = kernels(dtype)?;
    let name = format!("gradcam_{kernel}_{suffix}");
    let function = device.get_or_load_custom_func(&name, &format!("gradcam_{suffix}"), compiled)?;
    let stream = device.cuda_stream();

    // Vectors come in the type that is computed with, tensors as they are; all are held until the kernel is launched.
    let mut tensors = Vec::new();
    for arg in args {
        match arg {
            Arg::Tensor(tensor) if tensor.dtype() != dtype => bail!(
                "`{kernel}` takes {dtype:?} tensors together, found one of {:?}",
                tensor.dtype()
            ),
            Arg::Tensor(tensor) => tensors.push((*tensor).clone()),
            Arg::Vector(Some(vector)) => {
                tensors.push(vector.to_dtype(wide(dtype))?.contiguous()?);
            }
            _ => {}
        }
    }
    let held: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
    for arg in args {
        if let Arg::Array(array) | Arg::Maybe(Some(array)) = arg
            && array.dtype() != dtype
        {
            bail!(
                "`{kernel}` takes {dtype:?} tensors together, found one of {:?}",
                array.dtype()
            );
        }
    }
    let positions = args.iter().find_map(|arg| match arg {
        Arg::Positions(positions) => Some(device.clone_htod(*positions)),
        _ => None,
    });
    let positions = positions.transpose()?;

    let mut guards = Vec::new();
    let mut words: Vec<Word> = Vec::with_capacity(args.len());
    let mut held = held.iter();
    for arg in args {
        let word = match arg {
            Arg::Int(value) => {
                let Ok(value) = i32::try_from(*value) else {
                    bail!("`{kernel}` on a device takes sizes below 2^31, found {value}");
                };
                Word::Int(value)
            }
            Arg::Real(value) => Word::Real(*value),
            Arg::Maybe(None) | Arg::Vector(None) => Word::Address(0),
            Arg::Array(array) | Arg::Maybe(Some(array)) => {
                let (address, guard) = address(array.storage, array.offset, &stream)?;
                guards.push(guard);
                Word::Address(address)
            }
            Arg::Tensor(_) | Arg::Vector(Some(_)) => {
                let Some((storage, layout)) = held.next() else {
                    bail!("`{kernel}` lacks a tensor");
                };
                let Storage::Cuda(storage) = &**storage else {
                    bail!("`{kernel}` takes tensors of one device, found one elsewhere");
                };
                let (address, guard) = address(storage, layout.start_offset(), &stream)?;
                guards.push(guard);
                Word::Address(address)
            }
            Arg::Positions(_) => {
                let Some(positions) = &positions else {
                    bail!("`{kernel}` lacks its positions");
                };
                let (address, guard) = positions.device_ptr(&stream);
                guards.push(guard);
                Word::Address(address)
            }
        };
        words.push(word);
    }
    let (result, guard) = address_mut(y, offset, &stream)?;
    guards.push(guard);
    let config = LaunchConfig {
        grid_dim: (threads.div_ceil(BLOCK).max(1) as u32, 1, 1),
        block_dim: (BLOCK as u32, 1, 1),
        shared_mem_bytes: 0,
    };
    let mut builder = function.builder();
    builder.arg(&result).arg(&units);
    for word in &words {
        match word {
            Word::Int(value) => builder.arg(value),
            Word::Real(value) => builder.arg(value),
            Word::Address(value) => builder.arg(value),
        };
    }
    // SAFETY: the arguments have the number and the types of the kernel's parameters, which the tests of every operation hold; their
    // memory is alive in this order of the stream; a thread writes results below `units` alone.
    unsafe { builder.launch(config) }.map_err(Error::wrap)?;
    Ok(())
}

/// A kernel's parameter as it is passed.
enum Word {
    Int(i32),
    Real(f64),
    Address(u64),
}

macro_rules! by_type {
    ($slice:expr, |$values:ident| $body:expr) => {
        match $slice {
            CudaStorageSlice::F32($values) => $body,
            CudaStorageSlice::F64($values) => $body,
            CudaStorageSlice::F16($values) => $body,
            CudaStorageSlice::BF16($values) => $body,
            _ => bail!("operations on a device take f32, f64, f16 and bf16 tensors"),
        }
    };
}

/// Where a storage's value number `offset` lies.
fn address<'a>(
    storage: &'a CudaStorage,
    offset: usize,
    stream: &'a CudaStream,
) -> Result<(u64, SyncOnDrop<'a>)> {
    fn of<'a, T>(
        slice: &'a CudaSlice<T>,
        offset: usize,
        stream: &'a CudaStream,
    ) -> (u64, SyncOnDrop<'a>) {
        let (first, guard) = slice.device_ptr(stream);
        (first + (offset * size_of::<T>()) as u64, guard)
    }
    by_type!(&storage.slice, |values| Ok(of(values, offset, stream)))
}

/// The same, to write to.
fn address_mut<'a>(
    storage: &'a mut CudaStorage,
    offset: usize,
    stream: &'a CudaStream,
) -> Result<(u64, SyncOnDrop<'a>)> {
    fn of<'a, T>(
        slice: &'a mut CudaSlice<T>,
        offset: usize,
        stream: &'a CudaStream,
    ) -> (u64, SyncOnDrop<'a>) {
        let (first, guard) = slice.device_ptr_mut(stream);
        (first + (offset * size_of::<T>()) as u64, guard)
    }
    by_type!(&mut storage.slice, |values| Ok(of(values, offset, stream)))
}

/// An element type's name at the end of its kernels' names, and the kernels compiled for it: once, since nothing of it changes.
fn kernels(dtype: DType) -> Result<(&'static str, &'static str)> {
    static COMPILED: [OnceLock<std::result::Result<String, String>>; 4] =
        [const { OnceLock::new() }; 4];
    let (index, suffix, macro_name) = match dtype {
        DType::F32 => (0, "f32", "F32"),
        DType::F64 => (1, "f64", "F64"),
        DType::F16 => (2, "f16", "F16"),
        DType::BF16 => (3, "bf16", "BF16"),
        _ => bail!("operations on a device take f32, f64, f16 and bf16 tensors, found {dtype:?}"),
    };
    let compile = || {
        let options = CompileOptions {
            options: vec![format!("-D{macro_name}")],
            ..CompileOptions::default()
        };
        compile_ptx_with_opts(include_str!("cuda/kernels.cu"), options)
            .map(|compiled| compiled.to_src())
            .map_err(|error| format!("{error:?}"))
    };
    match COMPILED[index].get_or_init(compile) {
        Ok(compiled) => Ok((suffix, compiled)),
        Err(error) => bail!("the kernels for {suffix} do not compile: {error}"),
    }
}

/// Rows times a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Product {
    /// Rows of the left factor and of the result.
    pub(crate) rows: usize,
    /// Columns of the left factor.
    pub(crate) inner: usize,
    /// Columns of the result.
    pub(crate) columns: usize,
    /// Whether the right factor lies as `(columns, inner)`.
    pub(crate) transposed: bool,
    /// How exactly the factors are taken where they are `f32`.
    pub(crate) precision: Precision,
}

impl Product {
    /// The result, `(rows, columns)`.
    pub(crate) fn of(self, left: Array<'_>, right: &Tensor) -> Result<CudaStorage> {
        let mut y = allocate(left.device(), left.dtype(), self.rows * self.columns)?;
        self.write(left, right, &mut y, 0)?;
        Ok(y)
    }

    /// Writes the result to `y` from its value number `offset` on.
    pub(crate) fn write(
        self,
        left: Array<'_>,
        right: &Tensor,
        y: &mut CudaStorage,
        offset: usize,
    ) -> Result<()> {
        let dtype = left.dtype();
        if right.dtype() != dtype {
            bail!(
                "a product needs factors of one type, found {dtype:?} and {:?}",
                right.dtype()
            );
        }
        let size = |n: usize| {
            i32::try_from(n)
                .map_err(|_| Error::Msg(format!("a product on a device is too large: {n}")))
        };
        let (rows, inner, columns) = (size(self.rows)?, size(self.inner)?, size(self.columns)?);
        let device = left.device();
        let (stream, blas) = (device.cuda_stream(), device.cublas_handle());
        let kind = match dtype {
            DType::F64 => sys::cudaDataType::CUDA_R_64F,
            DType::F32 => sys::cudaDataType::CUDA_R_32F,
            DType::F16 => sys::cudaDataType::CUDA_R_16F,
            _ => sys::cudaDataType::CUDA_R_16BF,
        };
        let compute = match dtype {
            DType::F64 => sys::cublasComputeType_t::CUBLAS_COMPUTE_64F,
            DType::F32 if self.precision == Precision::Tf32 => {
                sys::cublasComputeType_t::CUBLAS_COMPUTE_32F_FAST_TF32
            }
            _ => sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
        };
        // cuBLAS counts in columns: what it takes for a matrix is our transpose.
        let (turn, lead) = match self.transposed {
            true => (sys::cublasOperation_t::CUBLAS_OP_T, inner),
            false => (sys::cublasOperation_t::CUBLAS_OP_N, columns),
        };
        let (one, zero) = (Scale::new(dtype, 1.0), Scale::new(dtype, 0.0));
        let (storage, layout) = right.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else {
            bail!("a product needs factors on one device");
        };
        let (a, _a) = address(storage, layout.start_offset(), &stream)?;
        let (b, _b) = address(left.storage, left.offset, &stream)?;
        let (c, _c) = address_mut(y, offset, &stream)?;
        // SAFETY: the three addresses are those of live memory of the sizes that are named, on the stream of the handle.
        unsafe {
            result::gemm_strided_batched_ex(
                *blas.handle(),
                turn,
                sys::cublasOperation_t::CUBLAS_OP_N,
                columns,
                rows,
                inner,
                one.pointer(),
                a as *const _,
                kind,
                lead,
                0,
                b as *const _,
                kind,
                inner,
                0,
                zero.pointer(),
                c as *mut _,
                kind,
                columns,
                0,
                1,
                compute,
                sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
            )
        }
        .map_err(Error::wrap)
    }
}

/// What follows a convolution or a product: `activation(x · scale + shift + residual)`, all but the activation where they are given.
#[derive(Default)]
pub(crate) struct Epilogue<'a> {
    /// One for each channel.
    pub(crate) scale: Option<&'a Tensor>,
    /// One for each channel.
    pub(crate) shift: Option<&'a Tensor>,
    /// Of the shape of the result.
    pub(crate) residual: Option<Array<'a>>,
    pub(crate) activation: Activation,
}

impl Epilogue<'_> {
    /// The result for an `x` whose `c` channels are neighbours.
    pub(crate) fn apply(&self, x: Array<'_>, c: usize) -> Result<CudaStorage> {
        let args = [
            Arg::Array(x),
            Arg::Vector(self.scale),
            Arg::Vector(self.shift),
            Arg::Maybe(self.residual),
            self.activation.number(),
            Arg::Int(c),
        ];
        x.each("epilogue", x.len(), &args)
    }

    /// The same for what a convolution or a product has made.
    pub(crate) fn finish(&self, x: CudaStorage, dims: &[usize], c: usize) -> Result<CudaStorage> {
        let changes = self.scale.is_some() || self.shift.is_some() || self.residual.is_some();
        if !changes && self.activation == Activation::Identity {
            return Ok(x);
        }
        self.apply(Array::whole(&x, dims), c)
    }
}

/// A factor of a product, in the type that it is computed with.
enum Scale {
    Single(f32),
    Double(f64),
}

impl Scale {
    fn new(dtype: DType, value: f64) -> Self {
        match dtype {
            DType::F64 => Scale::Double(value),
            _ => Scale::Single(value as f32),
        }
    }

    fn pointer(&self) -> *const std::ffi::c_void {
        match self {
            Scale::Single(value) => std::ptr::from_ref(value).cast(),
            Scale::Double(value) => std::ptr::from_ref(value).cast(),
        }
    }
}

impl Activation {
    /// The function's number in the kernels.
    pub(crate) fn number(self) -> Arg<'static> {
        Arg::Int(match self {
            Activation::Identity => 0,
            Activation::Relu => 1,
            Activation::Relu6 => 2,
            Activation::Silu => 3,
            Activation::Gelu => 4,
            Activation::GeluTanh => 5,
            Activation::QuickGelu => 6,
            Activation::HardSwish => 7,
            Activation::HardSigmoid => 8,
            Activation::Sigmoid => 9,
        })
    }
}
