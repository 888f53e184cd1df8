//! Matrix products by cuBLAS.

use candle_core::cuda_backend::cudarc::cublas::{result, sys};
use candle_core::{CudaStorage, DType, Error, Result, Storage, Tensor, bail};

use super::array::{Array, address, address_mut, allocate};
use crate::kernels::precision::Precision;

/// The product of a matrix of rows and a second matrix.
#[derive(Clone, Copy)]
pub(crate) struct Product {
    /// Rows of the left factor and of the result.
    pub(crate) rows: usize,
    /// Columns of the left factor.
    pub(crate) inner: usize,
    /// Columns of the result.
    pub(crate) columns: usize,
    /// Whether the right factor is stored as `(columns, inner)`.
    pub(crate) transposed: bool,
    /// The precision of `f32` factors.
    pub(crate) precision: Precision,
}

impl Product {
    /// Multiplies to `(rows, columns)`.
    pub(crate) fn of(self, left: Array<'_>, right: &Tensor) -> Result<CudaStorage> {
        let mut y = allocate(left.device(), left.dtype(), self.rows * self.columns)?;
        self.write(left, right, &mut y, 0)?;
        Ok(y)
    }

    /// Writes the product to `y` from the value at `offset` on.
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
        // cuBLAS is column-major: its matrix is the transpose of ours.
        let (turn, lead) = if self.transposed {
            (sys::cublasOperation_t::CUBLAS_OP_T, inner)
        } else {
            (sys::cublasOperation_t::CUBLAS_OP_N, columns)
        };
        let (one, zero) = (Scale::new(dtype, 1.0), Scale::new(dtype, 0.0));
        let (storage, layout) = right.storage_and_layout();
        let Storage::Cuda(storage) = &*storage else {
            bail!("a product needs factors on one device");
        };
        let (a, _a) = address(storage, layout.start_offset(), &stream)?;
        let (b, _b) = address(left.storage, left.offset, &stream)?;
        let (c, _c) = address_mut(y, offset, &stream)?;
        // SAFETY: the three addresses point to live memory of the sizes passed, on the handle's stream.
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

/// A scalar factor of a product, in the type of the computation.
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
