//! CUDA devices, their memory, and work on them that is recorded once.

use candle_core::{Device, Result};

/// The CUDA device number `index`. All threads work on it in one order, that of one stream.
///
/// # Errors
/// When there is no such device or no driver, or this build has no CUDA.
#[cfg_attr(feature = "cuda", allow(unsafe_code))]
pub fn cuda_device(index: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(index)?;
    #[cfg(feature = "cuda")]
    if let Device::Cuda(cuda) = &device {
        // SAFETY: what the events would order is ordered by the device's only stream. They cost time at every operation, and keep work
        // from being recorded.
        unsafe { cuda.disable_event_tracking() };
    }
    Ok(device)
}

/// Whether an operation failed because a device's memory is full: with fewer images at once it may not.
pub fn out_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    // The drivers' errors are known by their names alone.
    causes.map(ToString::to_string).any(|text| {
        text.contains("CUDA_ERROR_OUT_OF_MEMORY") || text.contains("CUBLAS_STATUS_ALLOC_FAILED")
    })
}

/// Work on a CUDA device that was recorded once and is launched as a whole: small operations do not wait for the processor.
///
/// What it reads and writes are the tensors that it was recorded with.
pub struct Graph {
    #[cfg(feature = "cuda")]
    graph: candle_core::cuda_backend::cudarc::driver::CudaGraph,
}

impl Graph {
    /// Records `work`, which runs once before that: a first run compiles kernels and uploads tables. While it is recorded it computes
    /// nothing, and may neither read the device nor write more than small tables to it.
    ///
    /// # Errors
    /// When `device` was not made by [`cuda_device`], or `work` fails or does what cannot be recorded.
    #[cfg(feature = "cuda")]
    pub fn record(device: &Device, mut work: impl FnMut() -> Result<()>) -> Result<Self> {
        use candle_core::cuda_backend::cudarc::driver::sys::{
            CUgraphInstantiate_flags, CUstreamCaptureMode,
        };
        let Device::Cuda(cuda) = device else {
            candle_core::bail!("only work on a CUDA device can be recorded");
        };
        // Small tables that went to the device stay there.
        let _tables = cuda.enable_cuda_graph_htod_cache();
        work()?;
        device.synchronize()?;
        let stream = cuda.cuda_stream();
        stream
            .begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
            .map_err(candle_core::Error::wrap)?;
        let done = work();
        let flags = CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH;
        let graph = stream.end_capture(flags).map_err(candle_core::Error::wrap);
        done?;
        match graph? {
            Some(graph) => Ok(Graph { graph }),
            None => candle_core::bail!("there was no work to record"),
        }
    }

    /// Without CUDA nothing can be recorded.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "cuda"))]
    pub fn record(_: &Device, _: impl FnMut() -> Result<()>) -> Result<Self> {
        candle_core::bail!("this build has no CUDA")
    }

    /// Starts the work; the device does it after what was asked of it before.
    ///
    /// # Errors
    /// When the device refuses.
    pub fn launch(&self) -> Result<()> {
        #[cfg(feature = "cuda")]
        self.graph.launch().map_err(candle_core::Error::wrap)?;
        Ok(())
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Graph")
    }
}
