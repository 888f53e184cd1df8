//! Depthwise convolutions with one output channel a group: a direct kernel, bound by memory rather than arithmetic.

#![allow(unsafe_code)]

use rayon::prelude::*;

use super::epilogue::Epilogue;
use super::float::Float;
use super::gather::{Axis, Gather};
use super::micro::{DEPTHWISE, DepthwiseKernel, Neighbours, Sink};
use super::output::{Output, TASK};

/// Computes one gather over `(n, h, w, c)` into `out`, `(n, height, width, c)`, where `size` is height and width.
///
/// `weight` is `(taps, c)`. Every position of the gather is written.
pub(crate) fn run<T: Float>(
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
    let line_len = columns.size * channels;
    let zeros = vec![T::ZERO; columns.size.max(1) * channels];
    let reads = Reads::of(columns, kernel);
    let ends = (columns.offsets.iter().min(), columns.offsets.iter().max());
    // Whether a whole block and all its reads are inside the row.
    let inside = |first: usize| match ends {
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
            || (Vec::new(), Vec::new()),
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
                                Some(y) => &image[y * line_len..][..line_len],
                                None => &zeros,
                            };
                            reads.each(first, columns, |column| {
                                let (line, start) = match column {
                                    Some(x) => (line, x * channels),
                                    None => (&zeros[..], 0),
                                };
                                // Checks that the channels fit; the pointer is valid for the whole line, on which it moves.
                                let _ = &line[start..start + channels];
                                sources.push(line[start..].as_ptr());
                            });
                        }
                    }
                    let count = DEPTHWISE.min(columns.count - first);
                    let base = row * columns.count + first;
                    let mut starts = [0; DEPTHWISE];
                    for (p, start) in starts[..count].iter_mut().enumerate() {
                        *start = gather.target(base + p, size) * channels;
                    }
                    let starts = &starts[..count];
                    let compute = |sink: Sink<'_, T>| {
                        // SAFETY: each source is `channels` values of a row of `x` or of the zeros, and moved sources stay inside
                        // their row; the gather's positions are in the result and do not overlap; the epilogue has its channels.
                        unsafe {
                            match reads {
                                Reads::Window(window) => {
                                    kernel.window(window, sources, weight, channels, sink);
                                }
                                Reads::Taps => kernel.taps(sources, weight, channels, sink),
                            }
                        }
                    };
                    if kernel.finishes
                        && let Some(rows) = epilogue.rows_of(0..channels, starts, out)
                    {
                        compute(Sink::Rows(rows));
                        continue;
                    }
                    let len = DEPTHWISE * channels;
                    sums.clear();
                    sums.reserve(len);
                    compute(Sink::Sums(&mut sums.spare_capacity_mut()[..len]));
                    // SAFETY: the kernel has written all of them.
                    unsafe { sums.set_len(len) };
                    // SAFETY: the gather's positions do not overlap.
                    unsafe {
                        epilogue.write(
                            &sums[..count * channels],
                            channels,
                            0..channels,
                            starts,
                            out,
                        );
                    }
                }
            },
        );
}

/// How a block of positions reads a row.
#[derive(Clone, Copy)]
enum Reads {
    /// Neighbouring columns, each once.
    Window(Neighbours),
    /// For each tap, one column for each position.
    Taps,
}

impl Reads {
    fn of<T: Float>(columns: &Axis, kernel: &DepthwiseKernel<T>) -> Self {
        let window = Neighbours {
            columns: columns.offsets.len(),
            stride: columns.stride,
        };
        let neighbours = columns
            .offsets
            .windows(2)
            .all(|pair| pair[0] + 1 == pair[1]);
        if neighbours && kernel.has_window(window) {
            Reads::Window(window)
        } else {
            Reads::Taps
        }
    }

    /// Visits the columns read by the block of positions from `first` on, in the kernel's order; `None` if a column is outside.
    fn each(self, first: usize, columns: &Axis, mut visit: impl FnMut(Option<usize>)) {
        match self {
            Reads::Window(window) => {
                let start = columns.offsets[0];
                for column in 0..window.reach() {
                    visit(columns.source(first, start + column as isize));
                }
            }
            Reads::Taps => {
                for &dx in &columns.offsets {
                    for p in 0..DEPTHWISE {
                        // Beyond the last column, the last one is computed again.
                        visit(columns.source((first + p).min(columns.count - 1), dx));
                    }
                }
            }
        }
    }
}
