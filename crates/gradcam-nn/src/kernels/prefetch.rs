//! Prefetching of memory.

#![allow(unsafe_code)]

/// Prefetches the cache line at `start`, for use soon; any pointer will do.
#[inline(always)]
pub(crate) fn prefetch<T>(start: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch affects only timing, and does not fault.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(start.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = start;
}
