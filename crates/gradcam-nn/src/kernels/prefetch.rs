//! Memory that is asked for before it is used.

#![allow(unsafe_code)]

/// Asks for the cache line behind `start`, which will be used soon; any pointer will do.
#[inline(always)]
pub(crate) fn prefetch<T>(start: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect but on time, and does not fault.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(start.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = start;
}
