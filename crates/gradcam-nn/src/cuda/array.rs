//! Values on a device and their addresses.

use candle_core::backend::BackendStorage;
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaStream, DevicePtr, DevicePtrMut, SyncOnDrop,
};
use candle_core::cuda_backend::{CudaDevice, CudaStorageSlice};
use candle_core::{CudaStorage, DType, Layout, Result, bail};

/// A contiguous tensor on a device; a feature map `(n, c, h, w)` is stored as `(n, h, w, c)`.
#[derive(Clone, Copy)]
pub(crate) struct Array<'a> {
    pub(super) storage: &'a CudaStorage,
    pub(super) offset: usize,
    pub(crate) dims: &'a [usize],
}

impl<'a> Array<'a> {
    /// Wraps a tensor stored in the order of its dimensions, or a feature map stored with its channels last.
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

    /// Wraps a whole storage.
    pub(crate) fn whole(storage: &'a CudaStorage, dims: &'a [usize]) -> Self {
        Array {
            storage,
            offset: 0,
            dims,
        }
    }

    /// Views the values from `offset` on under other dimensions.
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
}

/// Allocates memory for `len` values without initialising it.
pub(super) fn allocate(device: &CudaDevice, dtype: DType, len: usize) -> Result<CudaStorage> {
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

/// Returns the address of the value at `offset` in a storage.
pub(super) fn address<'a>(
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

/// As [`address`], for writing.
pub(super) fn address_mut<'a>(
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
