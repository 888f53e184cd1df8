//! The three steps of a convolution by tiles: transformed inputs, sums, results.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ops::Range;

use rayon::prelude::*;

use super::minimal::Minimal;
use super::task::{Winograd, least};
use super::transform::{Half, LANES, transform};
use crate::kernels::float::Float;
use crate::kernels::gather::Gather;
use crate::kernels::micro::Sink;
use crate::kernels::output::{Output, TASK, filled};
use crate::kernels::panels::Panels;
use crate::kernels::wide::wide;

/// The tiles of a convolution's result.
pub(super) struct Tiles<'a, T, const I: usize, const O: usize> {
    pub(super) of: &'a Winograd<'a, T>,
    /// Rows and columns of tiles in an image.
    pub(super) grid: (usize, usize),
    /// The distance from one transformed tile to the next.
    pub(super) len: usize,
}

impl<T: Float, const I: usize, const O: usize> Tiles<'_, T, I, O> {
    /// Returns a tile's image, and its first row and column in the result.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (rows, columns) = self.grid;
        let (image, tile) = (tile / (rows * columns), tile % (rows * columns));
        (image, tile / columns * O, tile % columns * O)
    }

    /// Transforms the inputs of some tiles to `(tiles, points, channels)`, with a gap after each tile.
    pub(super) fn inputs<F: Minimal<I, O>>(&self, tiles: Range<usize>, zeros: &[T]) -> Vec<T> {
        // SAFETY: each part is written as a whole.
        unsafe {
            filled(tiles.len() * self.len, |out| {
                let tiles = tiles.clone().into_par_iter().enumerate();
                tiles.with_min_len(TASK.div_ceil(self.len)).for_each_init(
                    || [[[T::ZERO; LANES]; I]; I],
                    |half, (number, tile)| {
                        let out = out.part(number * self.len, self.len);
                        self.input::<F>(tile, zeros, half, out);
                    },
                );
            })
        }
    }

    /// Transforms one tile's inputs.
    fn input<F: Minimal<I, O>>(
        &self,
        tile: usize,
        zeros: &[T],
        half: &mut Half<T, I, I>,
        out: &mut [MaybeUninit<T>],
    ) {
        let Winograd { gather, x, .. } = self.of;
        let Gather {
            rows,
            columns,
            pixel,
            depth,
            ..
        } = gather;
        let (image, top, left) = self.place(tile);
        let mut sources = [[zeros; I]; I];
        for (row, sources) in sources.iter_mut().enumerate() {
            let Some(row) = rows.source(top + row, least(rows)) else {
                continue;
            };
            for (column, source) in sources.iter_mut().enumerate() {
                if let Some(column) = columns.source(left + column, least(columns)) {
                    let at = (image * rows.size + row) * columns.size + column;
                    *source = &x[at * pixel..][..*depth];
                }
            }
        }
        wide(
            #[inline(always)]
            || {
                transform(
                    *depth,
                    #[inline(always)]
                    |y, x| sources[y][x],
                    F::input,
                    half,
                    #[inline(always)]
                    |y, x, first, values| {
                        let at = (y * I + x) * depth + first;
                        copy(&mut out[at..at + values.len()], values);
                    },
                );
            },
        );
        out[I * I * depth..].fill(MaybeUninit::new(T::ZERO));
    }

    /// Computes the sums of some blocks of tiles, `(points, tiles, width)` for each block.
    pub(super) fn sums(
        &self,
        inputs: &[T],
        panels: &Panels<T>,
        panel: usize,
        blocks: &[Range<usize>],
    ) -> Vec<T> {
        let (kernel, depth) = (&self.of.kernel, self.of.gather.depth);
        let width = panels.panel(0, panel).width;
        let tiles: usize = blocks.iter().map(Range::len).sum();
        let mut sources = Vec::with_capacity(kernel.rows);
        // SAFETY: the blocks' sums at all points cover the whole.
        unsafe {
            filled(I * I * tiles * width, |sums| {
                for point in 0..I * I {
                    let values = panels.panel(point, panel).values;
                    let mut start = 0;
                    for block in blocks {
                        sources.clear();
                        for tile in block.clone() {
                            let source = &inputs[tile * self.len + point * depth..][..depth];
                            sources.push(source.as_ptr());
                        }
                        let len = block.len() * width;
                        let sums = sums.part(start + point * len, len);
                        kernel.tile(
                            &sources,
                            block.len(),
                            depth,
                            values,
                            width,
                            Sink::Sums(sums),
                        );
                        start += I * I * len;
                    }
                }
            })
        }
    }

    /// Writes the results of some blocks of tiles; tile 0 is number `first` of all.
    pub(super) fn results<F: Minimal<I, O>>(
        &self,
        sums: &[T],
        panels: &Panels<T>,
        panel: usize,
        first: usize,
        blocks: &[Range<usize>],
        out: &Output<'_, T>,
    ) {
        let panel = panels.panel(0, panel);
        let (width, channels) = (panel.width, panel.channels);
        let Winograd {
            gather, epilogue, ..
        } = self.of;
        let (rows, columns) = (gather.rows.count, gather.columns.count);
        let mut results = vec![T::ZERO; O * O * width];
        let mut targets = Vec::with_capacity(O * O);
        let mut half = [[[T::ZERO; LANES]; I]; O];
        let mut start = 0;
        for block in blocks {
            let distance = block.len() * width;
            for (number, tile) in block.clone().enumerate() {
                let sums = &sums[start + number * width..];
                let (image, top, left) = self.place(first + tile);
                // Tiles at the border reach beyond it; their valid results are moved together.
                let (high, broad) = (O.min(rows - top), O.min(columns - left));
                targets.clear();
                for y in 0..high {
                    let row = (image * rows + top + y) * columns + left;
                    targets.extend((row..row + broad).map(|at| at * panels.channels()));
                }
                wide(
                    #[inline(always)]
                    || {
                        transform(
                            width,
                            #[inline(always)]
                            |y, x| &sums[(y * I + x) * distance..][..width],
                            F::output,
                            &mut half,
                            #[inline(always)]
                            |y, x, first, values| {
                                if y < high && x < broad {
                                    let at = (y * broad + x) * width + first;
                                    results[at..at + values.len()].copy_from_slice(values);
                                }
                            },
                        );
                    },
                );
                // SAFETY: the tiles do not overlap, so no other task writes these runs.
                unsafe {
                    epilogue.write(
                        &results[..high * broad * width],
                        width,
                        channels.clone(),
                        &targets,
                        out,
                    );
                }
            }
            start += I * I * distance;
        }
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn copy<T: Float>(out: &mut [MaybeUninit<T>], values: &[T]) {
    let out = &mut out[..values.len()];
    for lane in 0..values.len() {
        out[lane] = MaybeUninit::new(values[lane]);
    }
}
