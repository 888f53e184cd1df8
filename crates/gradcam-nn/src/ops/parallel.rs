//! The loop over the independent parts of a result.

use rayon::prelude::*;

use crate::kernels::Element;

/// Numbers that a task handles at least; less is not worth another thread.
pub(super) const TASK: usize = 16 * 1024;

/// Calls `f(i, part)` for every part of `size` values of `y`, the last of which may be shorter.
///
/// `cost` is how many numbers one part reads or writes. A part is computed by one thread whatever their number, so that the result
/// does not depend on it.
pub(super) fn fill<T: Element>(
    y: &mut [T],
    size: usize,
    cost: usize,
    f: impl Fn(usize, &mut [T]) + Sync,
) {
    let parts_per_task = TASK.div_ceil(cost.max(1));
    if y.len() <= size * parts_per_task {
        y.chunks_mut(size)
            .enumerate()
            .for_each(|(i, part)| f(i, part));
    } else {
        y.par_chunks_mut(size)
            .with_min_len(parts_per_task)
            .enumerate()
            .for_each(|(i, part)| f(i, part));
    }
}
