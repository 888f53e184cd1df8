//! Kernels: their compilation, arguments and launch.

use std::sync::OnceLock;

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{DevicePtr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::{CudaStorage, DType, Error, Result, Storage, Tensor, bail};

use super::array::{Array, address, address_mut, allocate};

/// An argument of a kernel, after its result and the number of results or rows.
pub(crate) enum Arg<'a> {
    /// A whole number, or a choice.
    Int(usize),
    /// A real number.
    Real(f64),
    /// Values of the kernel's element type.
    Array(Array<'a>),
    /// As [`Array`](Self::Array), but optional.
    Maybe(Option<Array<'a>>),
    /// A contiguous tensor of the kernel's element type.
    Tensor(&'a Tensor),
    /// An optional vector, passed in the type the kernel computes with: at least single precision.
    Vector(Option<&'a Tensor>),
    /// Positions; -1 means none.
    Positions(&'a [i32]),
}

impl Array<'_> {
    /// Runs a kernel with one thread for each of `len` results.
    pub(crate) fn each(self, kernel: &str, len: usize, args: &[Arg<'_>]) -> Result<CudaStorage> {
        let mut y = allocate(self.device(), self.dtype(), len)?;
        self.each_into(&mut y, 0, kernel, len, args)?;
        Ok(y)
    }

    /// As [`each`](Self::each), writing to `y` from the value at `offset` on.
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

/// Threads that share a row.
const WARP: usize = 32;
/// Threads of a block: whole warps, and enough to keep a multiprocessor busy at any number of registers.
const BLOCK: usize = 256;

/// Runs `kernel` for `units` results, or rows shared by `lanes` threads each, and writes to `y` from the value at `offset` on.
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

    // Vectors are converted to the type the kernel computes with, tensors are passed as they are. All are held until the launch.
    let mut tensors = Vec::new();
    for arg in args {
        let found = match arg {
            Arg::Array(array) | Arg::Maybe(Some(array)) => array.dtype(),
            Arg::Tensor(tensor) => {
                tensors.push((*tensor).clone());
                tensor.dtype()
            }
            Arg::Vector(Some(vector)) => {
                tensors.push(vector.to_dtype(wide(dtype))?.contiguous()?);
                dtype
            }
            _ => dtype,
        };
        if found != dtype {
            bail!("`{kernel}` needs tensors of one type, found {dtype:?} and {found:?}");
        }
    }
    let held: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
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
                    bail!("`{kernel}` needs tensors on one device, found one elsewhere");
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
    // SAFETY: the arguments match the kernel's parameters in number and type, which the tests of every operation check; their memory
    // is alive at this point of the stream; a thread writes only results below `units`.
    unsafe { builder.launch(config) }.map_err(Error::wrap)?;
    Ok(())
}

/// A kernel's parameter as it is passed.
enum Word {
    Int(i32),
    Real(f64),
    Address(u64),
}

/// Returns the type a kernel computes with, which is that of its vectors.
fn wide(dtype: DType) -> DType {
    match dtype {
        DType::F64 => DType::F64,
        _ => DType::F32,
    }
}

/// Returns an element type's suffix in the kernels' names and the kernels compiled for it. Each type is compiled once.
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
        compile_ptx_with_opts(include_str!("kernels.cu"), options)
            .map(|compiled| compiled.to_src())
            .map_err(|error| format!("{error:?}"))
    };
    match COMPILED[index].get_or_init(compile) {
        Ok(compiled) => Ok((suffix, compiled)),
        Err(error) => bail!("the kernels for {suffix} do not compile: {error}"),
    }
}
