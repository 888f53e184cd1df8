//! Results that several tasks fill at the same time, in memory that is not zeroed first.

#![allow(unsafe_code)]

use std::marker::PhantomData;
use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::prefetch::prefetch;
use super::wide::wide;

/// The fewest numbers worth a task of their own.
pub(crate) const TASK: usize = 16 * 1024;

/// A result whose disjoint parts concurrent tasks fill.
///
/// A tile of a feature map is not one contiguous range, so `chunks_mut` cannot provide it.
pub(crate) struct Output<'a, T> {
    start: *mut MaybeUninit<T>,
    len: usize,
    memory: PhantomData<&'a mut [MaybeUninit<T>]>,
}

// SAFETY: the memory is only accessed through `part`, and by kernels through `start`. The callers of both promise that no two threads
// access the same numbers.
unsafe impl<T: Send> Send for Output<'_, T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Output<'_, T> {}

impl<'a, T> Output<'a, T> {
    /// Returns the part `start..start + len`, uninitialised.
    ///
    /// # Safety
    /// No two parts that are alive at the same time may overlap.
    #[allow(clippy::mut_from_ref)]
    pub(crate) unsafe fn part(&self, start: usize, len: usize) -> &'a mut [MaybeUninit<T>] {
        assert!(start <= self.len && len <= self.len - start);
        // SAFETY: in bounds by the assertion; not aliased by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(start), len) }
    }
}

impl<T> Output<'_, T> {
    /// Returns the length of the whole result.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns a pointer to the beginning.
    pub(crate) fn start(&self) -> *mut T {
        self.start.cast()
    }

    /// Prefetches a part that will be written soon.
    #[inline(always)]
    pub(crate) fn prefetch(&self, start: usize, len: usize) {
        for offset in (0..len * size_of::<T>()).step_by(64) {
            prefetch(
                self.start
                    .wrapping_add(start)
                    .cast::<u8>()
                    .wrapping_add(offset),
            );
        }
    }
}

/// Makes a vector of `len` numbers and lets `write` fill it.
///
/// # Safety
/// `write` must have written every number when it returns.
pub(crate) unsafe fn filled<T>(len: usize, write: impl FnOnce(&Output<'_, T>)) -> Vec<T> {
    let mut values = Vec::with_capacity(len);
    write(&Output {
        start: values.spare_capacity_mut().as_mut_ptr(),
        len,
        memory: PhantomData,
    });
    // SAFETY: the capacity is `len`, and the caller promises that all of it was written.
    unsafe { values.set_len(len) };
    values
}

/// Makes a vector of `len` numbers by calling `f(i, part)` for each part of `size` zeros; the last part may be shorter.
///
/// `cost` is the count of numbers that a part reads or writes. One thread computes a part, so the result does not depend on the number
/// of threads. `f` runs with the processor's widest vector instructions.
pub(crate) fn parts<T: Copy + Default + Send>(
    len: usize,
    size: usize,
    cost: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) -> Vec<T> {
    let per_task = TASK.div_ceil(cost.max(1));
    let count = len.div_ceil(size.max(1));
    // SAFETY: the parts cover the result without overlap, and each is zeroed before `f` gets it.
    unsafe {
        filled(len, |output| {
            let run = |i: usize| {
                let start = i * size;
                let part = output.part(start, size.min(len - start));
                part.fill(MaybeUninit::new(T::default()));
                let part = &mut *(std::ptr::from_mut(part) as *mut [T]);
                wide(
                    #[inline(always)]
                    || f(i, part),
                );
            };
            if count <= per_task {
                (0..count).for_each(run);
            } else {
                (0..count)
                    .into_par_iter()
                    .with_min_len(per_task)
                    .for_each(run);
            }
        })
    }
}
