//! Convolutions whose groups read one channel and make one: a direct kernel, bound by memory rather than arithmetic.

#![allow(unsafe_code)]

use rayon::prelude::*;

use super::Element;
use super::epilogue::Epilogue;
use super::gather::Gather;
use super::micro::{DEPTHWISE, DepthwiseKernel};
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
    kernel: &DepthwiseKernel<T>,
    epilogue: Epilogue<'_, T>,
) {
    let channels = gather.pixel;
    if channels == 0 || gather.positions() == 0 {
        return;
    }
    let (rows, columns) = (&gather.rows, &gather.columns);
    let cost = columns.count * channels * gather.taps().max(1);
    let zeros = vec![T::ZERO; columns.size * channels];
    let reach = (columns.offsets.iter().min(), columns.offsets.iter().max());
    // Whether all taps of a whole block lie inside their row.
    let inside = |first: usize| match reach {
        (Some(&least), Some(&most)) => {
            let last = first + DEPTHWISE - 1;
            last < columns.count
                && columns.source(first, least).is_some()
                && columns.source(last, most).is_some()
        }
        _ => false,
    };
    (0..batch * rows.count)
        .into_par_iter()
        .with_min_len(TASK.div_ceil(cost))
        .for_each_init(
            || (Vec::new(), vec![T::ZERO; DEPTHWISE * channels]),
            |(sources, sums), row| {
                let (image, y) = (row / rows.count, row % rows.count);
                let image = &x[image * gather.source_len()..][..gather.source_len()];
                let mut was_inside = false;
                for first in (0..columns.count).step_by(DEPTHWISE) {
                    if was_inside && inside(first) {
                        for source in sources.iter_mut() {
                            let source: &mut *const T = source;
                            *source = source.wrapping_add(DEPTHWISE * columns.stride * channels);
                        }
                    } else {
                        was_inside = inside(first);
                        sources.clear();
                        for &dy in &rows.offsets {
                            let line = match rows.source(y, dy) {
                                Some(y) => &image[y * zeros.len()..][..zeros.len()],
                                None => &zeros,
                            };
                            for &dx in &columns.offsets {
                                for p in 0..DEPTHWISE {
                                    // Beyond the last column the last one is computed again.
                                    let column = (first + p).min(columns.count - 1);
                                    let source = match columns.source(column, dx) {
                                        Some(x) => &line[x * channels..][..channels],
                                        None => &zeros[..channels],
                                    };
                                    sources.push(source.as_ptr());
                                }
                            }
                        }
                    }
                    // SAFETY: each source is `channels` values of a row of `x` or of the zeros; those that move on stay inside theirs.
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
