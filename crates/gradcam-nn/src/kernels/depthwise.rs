//! Convolutions whose groups read one channel and make one: a direct kernel, bound by memory rather than arithmetic.

#![allow(unsafe_code)]

use rayon::prelude::*;

use super::Element;
use super::epilogue::Epilogue;
use super::gather::Gather;
use super::micro::DEPTHWISE;
use super::output::{Output, TASK};
use super::wide::wide;

/// Computes one gather over `(n, h, w, c)` into `out`, an `(n, height, width, c)` of which `size` is height and width.
///
/// `weight` is `(taps, c)`. Every position of the gather is written.
pub(crate) fn run<T: Element>(
    out: &Output<'_, T>,
    size: (usize, usize),
    x: &[T],
    weight: &[T],
    gather: &Gather,
    batch: usize,
    epilogue: Epilogue<'_, T>,
) {
    let channels = gather.pixel;
    if channels == 0 || gather.positions() == 0 {
        return;
    }
    let (rows, columns) = (&gather.rows, &gather.columns);
    let kernel = T::depthwise();
    let cost = columns.count * channels * gather.taps().max(1);
    let zeros = vec![T::ZERO; channels];
    (0..batch * rows.count)
        .into_par_iter()
        .with_min_len(TASK.div_ceil(cost))
        .for_each_init(
            || (Vec::new(), vec![T::ZERO; DEPTHWISE * channels]),
            |(sources, sums), row| {
                let (image, y) = (row / rows.count, row % rows.count);
                for first in (0..columns.count).step_by(DEPTHWISE) {
                    // Beyond the last column the last one is computed again.
                    sources.clear();
                    for &dy in &rows.offsets {
                        let line = rows.source(y, dy).map(|y| image * rows.size + y);
                        for &dx in &columns.offsets {
                            for p in 0..DEPTHWISE {
                                let column = (first + p).min(columns.count - 1);
                                let source = match (line, columns.source(column, dx)) {
                                    (Some(line), Some(x)) => (line * columns.size + x) * channels..,
                                    _ => {
                                        sources.push(zeros.as_ptr());
                                        continue;
                                    }
                                };
                                sources.push(x[source][..channels].as_ptr());
                            }
                        }
                    }
                    // SAFETY: each source is `channels` values of `x` or of the zeros.
                    unsafe { kernel.positions(sources, weight, channels, sums) };
                    let count = DEPTHWISE.min(columns.count - first);
                    let base = row * columns.count + first;
                    wide(
                        #[inline(always)]
                        || {
                            epilogue.write(
                                &sums[..count * channels],
                                channels,
                                0..channels,
                                #[inline(always)]
                                |p| {
                                    let start = gather.target(base + p, size) * channels;
                                    // SAFETY: the positions of the gather do not overlap.
                                    (start, unsafe { out.part(start, channels) })
                                },
                            );
                        },
                    );
                }
            },
        );
}
