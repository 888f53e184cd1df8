//! What the programs ask of their allocator.

#![allow(unsafe_code)]

/// Lets mimalloc keep every page that it has once been given.
///
/// A forward pass makes and drops the same large tensors again and again; pages that were handed back in between would be zeroed by the
/// system each time they are touched again. A program that has mimalloc as its global allocator calls this first.
pub fn keep_pages() {
    /// `mi_option_purge_delay` of mimalloc's header; a negative delay means never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    // SAFETY: a plain store of a number in mimalloc's table of options, which the bindings cannot express as safe.
    unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) };
}
