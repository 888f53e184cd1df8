//! Settings of the programs' allocator.

#![allow(unsafe_code)]

/// Lets mimalloc keep every page that it was ever given.
///
/// A forward pass allocates and drops the same large tensors repeatedly; the system would zero returned pages at each reuse. A program with
/// mimalloc as its global allocator calls this first.
pub fn keep_pages() {
    /// `mi_option_purge_delay` in mimalloc's header; a negative delay means never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: a plain store of a number in mimalloc's table of options, which the bindings cannot express as safe.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}
