//! The two forward methods of a custom operation.

/// Defines the forward methods for CPU and device from the trait that the operation implements: `unary`, `map` or `map2`.
macro_rules! forwards {
    (unary) => {
        crate::dispatch::forwards::forwards!(one, run_unary, cuda_unary);
    };
    (map) => {
        crate::dispatch::forwards::forwards!(one, run_map, cuda_map);
    };
    (map2) => {
        crate::dispatch::forwards::forwards!(two, run_map2, cuda_map2);
    };
    (one, $cpu:ident, $cuda:ident) => {
        fn cpu_fwd(
            &self,
            storage: &candle_core::CpuStorage,
            layout: &candle_core::Layout,
        ) -> candle_core::Result<(candle_core::CpuStorage, candle_core::Shape)> {
            crate::dispatch::processor::$cpu(self, storage, layout)
        }
        #[cfg(feature = "cuda")]
        fn cuda_fwd(
            &self,
            storage: &candle_core::CudaStorage,
            layout: &candle_core::Layout,
        ) -> candle_core::Result<(candle_core::CudaStorage, candle_core::Shape)> {
            crate::dispatch::device::$cuda(self, storage, layout)
        }
    };
    (two, $cpu:ident, $cuda:ident) => {
        fn cpu_fwd(
            &self,
            a: &candle_core::CpuStorage,
            a_layout: &candle_core::Layout,
            b: &candle_core::CpuStorage,
            b_layout: &candle_core::Layout,
        ) -> candle_core::Result<(candle_core::CpuStorage, candle_core::Shape)> {
            crate::dispatch::processor::$cpu(self, (a, a_layout), (b, b_layout))
        }
        #[cfg(feature = "cuda")]
        fn cuda_fwd(
            &self,
            a: &candle_core::CudaStorage,
            a_layout: &candle_core::Layout,
            b: &candle_core::CudaStorage,
            b_layout: &candle_core::Layout,
        ) -> candle_core::Result<(candle_core::CudaStorage, candle_core::Shape)> {
            crate::dispatch::device::$cuda(self, (a, a_layout), (b, b_layout))
        }
    };
}
pub(crate) use forwards;
