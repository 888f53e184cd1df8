//! Convolutions with a 3×3 kernel and stride 1 by fewer products: the filters of [`minimal`] along both axes.
//!
//! The result is cut into tiles of O×O positions. A tile's I×I inputs, I = O + 2, are transformed channel by channel; each of the numbers
//! is then a sum over the channels of its own, which the usual micro-kernel computes for some tiles at once; and the sums make the
//! tile's results. With O = 4 that is 36 products in place of 144 for a tile, a channel and an output channel, with O = 2 it is 16 in
//! place of 36.

#![allow(unsafe_code)]

mod minimal;

use std::mem::MaybeUninit;
use std::ops::Range;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::Element;
use super::epilogue::Epilogue;
use super::gather::{Axis, Gather};
use super::micro::{Kernel, Sink};
use super::output::{Output, TASK, filled};
use super::panels::Panels;
use super::product::split;
use super::wide::wide;
use minimal::{Four, Minimal, TAPS, Two};

/// Channels that are transformed at once.
const LANES: usize = 16;
/// Channels on either side below which the transformations cost more than they save.
const CHANNELS: usize = 32;
/// Bytes of transformed tiles that stay in a second-level cache.
const CHUNK: usize = 512 * 1024;
/// Blocks of tiles whose sums are in flight together: they share what is read of the weights.
const BLOCKS: usize = 2;

/// Positions along one axis of a tile's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Two,
    Four,
}

impl Size {
    /// The size of tile with which this way is likely to be faster than the direct one, for the positions of one image.
    pub(crate) fn of(gather: &Gather, groups: usize, channels: usize) -> Option<Self> {
        let shifts = |axis: &Axis| {
            let mut offsets = axis.offsets.clone();
            offsets.sort_unstable();
            axis.stride == 1
                && axis.step == 1
                && matches!(offsets[..], [a, b, c] if a + 1 == b && b + 1 == c)
        };
        if groups != 1
            || gather.depth.min(channels) < CHANNELS
            || !shifts(&gather.rows)
            || !shifts(&gather.columns)
        {
            return None;
        }
        // The smaller a map, the fewer tiles share the weights, of which there are 16 and 36 in place of 9.
        match gather.positions() {
            0..100 => None,
            100..400 => Some(Size::Two),
            _ => Some(Size::Four),
        }
    }
}

/// The transformed weights of a convolution for each size of tile, made when they are first needed: one group of panels for each product.
pub(crate) struct Transformed<T> {
    two: OnceLock<Panels<T>>,
    four: OnceLock<Panels<T>>,
}

impl<T> Default for Transformed<T> {
    fn default() -> Self {
        Transformed {
            two: OnceLock::new(),
            four: OnceLock::new(),
        }
    }
}

/// A convolution that [`Size::of`] has found a size for.
pub(super) struct Winograd<'a, T> {
    pub(super) kernel: Kernel<T, T>,
    pub(super) gather: &'a Gather,
    /// `(n, rows, columns, pixel)` as the gather says.
    pub(super) x: &'a [T],
    pub(super) batch: usize,
    /// Output channels.
    pub(super) channels: usize,
    pub(super) epilogue: Epilogue<'a, T>,
}

impl<T: Element> Winograd<'_, T> {
    /// The result `(n, rows, columns, channels)`. `weight(tap, input, channel)` is one weight.
    pub(super) fn run(
        &self,
        size: Size,
        transformed: &Transformed<T>,
        weight: impl Fn(usize, usize, usize) -> T,
    ) -> Vec<T> {
        match size {
            Size::Two => {
                let panels = transformed
                    .two
                    .get_or_init(|| self.panels::<Two, 4, 2>(weight));
                self.tiled::<Two, 4, 2>(panels)
            }
            Size::Four => {
                let panels = transformed
                    .four
                    .get_or_init(|| self.panels::<Four, 6, 4>(weight));
                self.tiled::<Four, 6, 4>(panels)
            }
        }
    }

    fn panels<F: Minimal<I, O>, const I: usize, const O: usize>(
        &self,
        weight: impl Fn(usize, usize, usize) -> T,
    ) -> Panels<T> {
        let (inputs, channels) = (self.gather.depth, self.channels);
        let place = |axis: &Axis, tap: usize| (axis.offsets[tap] - least(axis)) as usize;
        let (rows, columns) = (&self.gather.rows, &self.gather.columns);
        let mut points = vec![T::ZERO; I * I * inputs * channels];
        for channel in 0..channels {
            for input in 0..inputs {
                let mut kernel = [[0.0; TAPS]; TAPS];
                for tap in 0..TAPS * TAPS {
                    let (y, x) = (place(rows, tap / TAPS), place(columns, tap % TAPS));
                    kernel[x][y] = weight(tap, input, channel).to_f64();
                }
                let half = kernel.map(F::kernel);
                for y in 0..I {
                    for (x, point) in F::kernel(half.map(|column| column[y]))
                        .into_iter()
                        .enumerate()
                    {
                        points[((y * I + x) * channels + channel) * inputs + input] = T::of(point);
                    }
                }
            }
        }
        let terms = (1, inputs);
        Panels::new(
            &self.kernel,
            I * I,
            channels,
            terms,
            |point, _, input, channel| points[(point * channels + channel) * inputs + input],
        )
    }

    fn tiled<F: Minimal<I, O>, const I: usize, const O: usize>(
        &self,
        panels: &Panels<T>,
    ) -> Vec<T> {
        let Gather { rows, columns, .. } = self.gather;
        let grid = (rows.count.div_ceil(O), columns.count.div_ceil(O));
        let tiles = Tiles::<T, I, O> {
            of: self,
            grid,
            len: self.tile_len(I * I),
        };
        let count = self.batch * grid.0 * grid.1;
        let most = (CHUNK / (tiles.len * size_of::<T>())).max(BLOCKS * self.kernel.rows);
        let zeros = vec![T::ZERO; self.gather.depth];
        let chunks: Vec<_> = split(count, count.div_ceil(most)).collect();
        let len = self.batch * self.gather.positions() * self.channels;
        // SAFETY: the tiles of all chunks and the panels' channels are the whole result.
        unsafe {
            filled(len, |out| {
                chunks.into_par_iter().with_max_len(1).for_each(|chunk| {
                    let inputs = tiles.inputs::<F>(chunk.clone(), &zeros);
                    let blocks = chunk.len().div_ceil(self.kernel.rows);
                    let blocks: Vec<_> = split(chunk.len(), blocks).collect();
                    let tasks: Vec<_> = (0..panels.count())
                        .flat_map(|panel| blocks.chunks(BLOCKS).map(move |blocks| (panel, blocks)))
                        .collect();
                    tasks
                        .into_par_iter()
                        .with_max_len(1)
                        .for_each(|(panel, blocks)| {
                            let sums = tiles.sums(&inputs, panels, panel, blocks);
                            tiles.results::<F>(&sums, panels, panel, chunk.start, blocks, out);
                        });
                });
            })
        }
    }

    /// From one transformed tile to the next. Tiles a large power of two apart would share few places in the nearest cache.
    fn tile_len(&self, points: usize) -> usize {
        let len = points * self.gather.depth;
        if (len * size_of::<T>()).is_multiple_of(1024) {
            len + LANES
        } else {
            len
        }
    }
}

/// The tiles of a convolution's result.
struct Tiles<'a, T, const I: usize, const O: usize> {
    of: &'a Winograd<'a, T>,
    /// Rows and columns of tiles in an image.
    grid: (usize, usize),
    /// From one transformed tile to the next.
    len: usize,
}

impl<T: Element, const I: usize, const O: usize> Tiles<'_, T, I, O> {
    /// The image of a tile, and its first row and column in the result.
    fn place(&self, tile: usize) -> (usize, usize, usize) {
        let (rows, columns) = self.grid;
        let (image, tile) = (tile / (rows * columns), tile % (rows * columns));
        (image, tile / columns * O, tile % columns * O)
    }

    /// Some tiles' inputs transformed, `(tiles, points, channels)` with a gap after each tile.
    fn inputs<F: Minimal<I, O>>(&self, tiles: Range<usize>, zeros: &[T]) -> Vec<T> {
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

    /// One tile's inputs transformed.
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

    /// The sums of some blocks of tiles: for each block `(points, tiles, width)`.
    fn sums(
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
        // SAFETY: the blocks' sums at each point are the whole.
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
    fn results<F: Minimal<I, O>>(
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
                // Tiles at the border reach beyond it: what counts is moved together.
                let (high, broad) = (O.min(rows - top), O.min(columns - left));
                targets.clear();
                for y in 0..high {
                    let row = (image * rows + top + y) * columns + left;
                    targets.extend(
                        (row..row + broad).map(|at| at * panels.channels() + channels.start),
                    );
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
                        epilogue.write(
                            &results[..high * broad * width],
                            width,
                            channels.clone(),
                            #[inline(always)]
                            |r| {
                                let start = targets[r];
                                // SAFETY: the tiles do not overlap, so no other task writes this run.
                                (start, unsafe { out.part(start, channels.len()) })
                            },
                        );
                    },
                );
            }
            start += I * I * distance;
        }
    }
}

/// The least offset of an axis.
fn least(axis: &Axis) -> isize {
    axis.offsets.iter().copied().min().unwrap_or(0)
}

/// What is transformed along one axis, kept from one call to the next since it need not be zeroed again.
type Half<T, const I: usize, const O: usize> = [[[T; LANES]; I]; O];

/// Transforms `I × I` lines of `len` values along both axes to `O × O` lines. `result(y, x, first, values)` takes some values of one.
#[inline(always)]
fn transform<'a, T: Element, const I: usize, const O: usize>(
    len: usize,
    source: impl Fn(usize, usize) -> &'a [T],
    f: impl Fn([T; I]) -> [T; O] + Copy,
    half: &mut Half<T, I, O>,
    mut result: impl FnMut(usize, usize, usize, &[T]),
) {
    let mut first = 0;
    while first + LANES <= len {
        square(first, &source, f, half, &mut result);
        first += LANES;
    }
    let mut half = [[[T::ZERO; 1]; I]; O];
    while first < len {
        square(first, &source, f, &mut half, &mut result);
        first += 1;
    }
}

/// `L` values of each line, from the value `first` on. Over indices, as in the micro-kernels.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn square<'a, T: Element, const I: usize, const O: usize, const L: usize>(
    first: usize,
    source: &impl Fn(usize, usize) -> &'a [T],
    f: impl Fn([T; I]) -> [T; O] + Copy,
    half: &mut [[[T; L]; I]; O],
    result: &mut impl FnMut(usize, usize, usize, &[T]),
) {
    for x in 0..I {
        let mut d = [&[][..]; I];
        for y in 0..I {
            d[y] = &source(y, x)[first..first + L];
        }
        for lane in 0..L {
            let mut values = [T::ZERO; I];
            for y in 0..I {
                values[y] = d[y][lane];
            }
            let values = f(values);
            for y in 0..O {
                half[y][x][lane] = values[y];
            }
        }
    }
    for y in 0..O {
        let mut row = [[T::ZERO; L]; O];
        for lane in 0..L {
            let mut values = [T::ZERO; I];
            for x in 0..I {
                values[x] = half[y][x][lane];
            }
            let values = f(values);
            for x in 0..O {
                row[x][lane] = values[x];
            }
        }
        for x in 0..O {
            result(y, x, first, &row[x]);
        }
    }
}

#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn copy<T: Element>(out: &mut [MaybeUninit<T>], values: &[T]) {
    let out = &mut out[..values.len()];
    for lane in 0..values.len() {
        out[lane] = MaybeUninit::new(values[lane]);
    }
}
