//! Convolutions with a 3×3 kernel and stride 1 with fewer products: the filters of [`minimal`] along both axes.
//!
//! The result is cut into tiles of O×O positions. A tile's I×I inputs, I = O + 2, are transformed channel by channel. Each transformed
//! number is then summed over the channels, by the usual micro-kernel for several tiles at once, and the sums are transformed into the
//! tile's results. Per tile, input channel and output channel, O = 4 needs 36 products in place of 144, and O = 2 needs 16 in place of
//! 36.
//!
//! A tile's values are added and subtracted before they are multiplied. An infinity or NaN therefore reaches all results of its tile.
//! A result that is exactly 0 by definition may come out as a rounding error of the tile's other values.

#![allow(unsafe_code)]

mod minimal;
mod task;
mod tiles;
mod transform;

use std::sync::OnceLock;

use rayon::prelude::*;

use super::float::Float;
use super::gather::{Axis, Gather};
use super::output::filled;
use super::panels::Panels;
use super::product::split;
use minimal::{Four, Minimal, TAPS, Two};
pub(super) use task::Winograd;
use task::least;
use tiles::Tiles;
use transform::LANES;

/// Below this number of input or output channels, the transformations cost more than they save.
const CHANNELS: usize = 32;
/// Bytes of transformed tiles that stay in a second-level cache.
const CHUNK: usize = 512 * 1024;
/// Blocks of tiles whose sums are computed together, sharing each read of the weights.
const BLOCKS: usize = 2;

/// Positions of a tile's result along one axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Two,
    Four,
}

impl Size {
    /// Returns the tile size that is likely to beat the direct convolution, from one image's positions; `None` if there is none.
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
        // The smaller a map, the fewer tiles share the transformed weights: 16 or 36 in place of 9.
        match gather.positions() {
            0..100 => None,
            100..400 => Some(Size::Two),
            _ => Some(Size::Four),
        }
    }
}

/// A convolution's transformed weights for each tile size, made when first needed: one group of panels for each product.
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

impl<T: Float> Winograd<'_, T> {
    /// Computes the result `(n, rows, columns, channels)`; `weight(tap, input, channel)` returns one weight.
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
        // SAFETY: the tiles of all chunks and the panels' channels cover the whole result.
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

    /// Returns the distance from one transformed tile to the next. Tiles a large power of two apart would share few places in the
    /// first-level cache.
    fn tile_len(&self, points: usize) -> usize {
        let len = points * self.gather.depth;
        if (len * size_of::<T>()).is_multiple_of(1024) {
            len + LANES
        } else {
            len
        }
    }
}
