//! CUDA devices, their memory, and recorded work.

use candle_core::{Device, Result};

/// Opens the CUDA device number `index`. All threads share one stream, so operations run in one order.
///
/// # Errors
/// When there is no such device or no driver, or this build has no CUDA.
#[cfg_attr(feature = "cuda", allow(unsafe_code))]
pub fn cuda_device(index: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(index)?;
    #[cfg(feature = "cuda")]
    if let Device::Cuda(cuda) = &device {
        // SAFETY: the device's only stream already orders everything that events would order. Events cost time at every operation and
        // prevent recording.
        unsafe { cuda.disable_event_tracking() };
    }
    Ok(device)
}

/// Returns whether an operation failed because a device's memory is full; fewer images at once may fit.
pub fn out_of_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    let causes = std::iter::successors(Some(error), |error| error.source());
    // The drivers' errors can be told apart only by name.
    causes.map(ToString::to_string).any(|text| {
        text.contains("CUDA_ERROR_OUT_OF_MEMORY") || text.contains("CUBLAS_STATUS_ALLOC_FAILED")
    })
}

/// Work on a CUDA device, recorded once and launched as a whole, so that small operations do not wait for the CPU.
///
/// It reads and writes the tensors that it was recorded with.
pub struct Graph {
    #[cfg(feature = "cuda")]
    graph: candle_core::cuda_backend::cudarc::driver::CudaGraph,
}

impl Graph {
    /// Runs `work` once, to compile kernels and upload tables, then records it. During the recording nothing is computed; `work` must
    /// not read the device or write more than small tables to it.
    ///
    /// # Errors
    /// When `device` was not made by [`cuda_device`], or `work` fails or cannot be recorded.
    #[cfg(feature = "cuda")]
    pub fn record(device: &Device, mut work: impl FnMut() -> Result<()>) -> Result<Self> {
        use candle_core::cuda_backend::cudarc::driver::sys::{
            CUgraphInstantiate_flags, CUstreamCaptureMode,
        };
        let Device::Cuda(cuda) = device else {
            candle_core::bail!("only work on a CUDA device can be recorded");
        };
        // Keeps small tables on the device once they are uploaded.
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

    /// Fails: without CUDA nothing can be recorded.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "cuda"))]
    pub fn record(_: &Device, _: impl FnMut() -> Result<()>) -> Result<Self> {
        candle_core::bail!("this build does not support CUDA")
    }

    /// Starts the work, after everything queued on the device before it.
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
