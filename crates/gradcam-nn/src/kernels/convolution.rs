//! Convolution as a product of matrices, tile by tile.

#![allow(unsafe_code)]

use rayon::prelude::*;

use super::Element;
use super::depthwise;
use super::epilogue::Epilogue;
use super::gemm::{Matrix, multiply};
use super::geometry::Geometry;
use super::im2col::{col2im, im2col};
use super::shared::Shared;

/// Values of an im2col tile: together with the tile of sums it stays in a second-level cache of 1 MiB.
const TILE: usize = 128 * 1024;
/// Tasks that a layer is split into at the least, where its size allows: small layers keep several cores busy too.
const TASKS: usize = 4;

/// The forward pass: `x` is `(n, c, h, w)`, `weight` `(out, c / groups, kh, kw)`; returns `(n, out, oh, ow)`.
pub(crate) fn forward<T: Element>(
    x: &[T],
    weight: &[T],
    g: &Geometry,
    epilogue: Epilogue<'_, T>,
) -> Vec<T> {
    let mut out = vec![T::ZERO; g.batch * g.out_channels * g.out_plane()];
    if out.is_empty() {
        return out;
    }
    if g.is_depthwise() {
        depthwise::forward(&mut out, x, weight, g, epilogue);
        return out;
    }
    let depth = g.group_in() * g.taps();
    let tiles = Tiles::new(g, depth);
    let shared = Shared::new(&mut out);
    (0..g.batch * g.groups * tiles.count())
        .into_par_iter()
        .for_each_init(
            || (Vec::new(), Vec::new()),
            |(columns, sums), task| {
                let (plane, tile) = (task / tiles.count(), task % tiles.count());
                let (image, group) = (plane / g.groups, plane % g.groups);
                let (rows, positions) = tiles.get(tile);
                let count = positions.len();
                let first = (image * g.in_channels + group * g.group_in()) * g.in_plane();
                let x = &x[first..first + g.group_in() * g.in_plane()];
                let b = if g.is_pointwise() {
                    Matrix::row_major(&x[positions.start..], depth, count, g.in_plane())
                } else {
                    columns.resize(depth * count, T::ZERO);
                    im2col(columns, x, g, positions.start, count);
                    Matrix::row_major(columns, depth, count, count)
                };
                let first = group * g.group_out() + rows.start;
                let a = Matrix::row_major(&weight[first * depth..], rows.len(), depth, depth);
                sums.resize(rows.len() * count, T::ZERO);
                multiply(sums, a, b);
                for (row, sums) in sums.chunks_exact(count).enumerate() {
                    let channel = first + row;
                    let start =
                        (image * g.out_channels + channel) * g.out_plane() + positions.start;
                    // SAFETY: tiles cover the output without overlap, so no other task writes this run.
                    let out = unsafe { shared.part(start, count) };
                    epilogue.write(out, sums, channel, start);
                }
            },
        );
    out
}

/// How the output of one group of one image is cut: a grid of row blocks (channels) and column blocks (positions).
struct Tiles {
    channels: usize,
    positions: usize,
    rows: usize,
    columns: usize,
}

impl Tiles {
    fn new(g: &Geometry, depth: usize) -> Self {
        let (channels, positions) = (g.group_out(), g.out_plane());
        let most = (TILE / depth.max(channels)).max(48);
        let columns = positions.div_ceil(positions.div_ceil(most));
        let blocks = g.groups * positions.div_ceil(columns);
        let wanted = TASKS.div_ceil(blocks).min(channels.div_ceil(64));
        // Whole micro-kernels (multiples of 16 rows), so that no block ends in a slow remainder.
        let rows = channels.div_ceil(wanted).next_multiple_of(16);
        Tiles {
            channels,
            positions,
            rows,
            columns,
        }
    }
    fn count(&self) -> usize {
        self.channels.div_ceil(self.rows) * self.positions.div_ceil(self.columns)
    }
    fn get(&self, tile: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let blocks = self.channels.div_ceil(self.rows);
        let (column, row) = (tile / blocks * self.columns, tile % blocks * self.rows);
        (
            row..(row + self.rows).min(self.channels),
            column..(column + self.columns).min(self.positions),
        )
    }
}

/// The gradient of the input: `grad` is `(n, out, oh, ow)`; returns `(n, c, h, w)`.
///
/// `dX = col2im(Wᵀ · dY)`, a block of input channels at a time; the kernel's gradient is not computed.
pub(crate) fn backward<T: Element>(grad: &[T], weight: &[T], g: &Geometry) -> Vec<T> {
    let mut dx = vec![T::ZERO; g.batch * g.in_channels * g.in_plane()];
    if dx.is_empty() {
        return dx;
    }
    if g.is_depthwise() {
        depthwise::backward(&mut dx, grad, weight, g);
        return dx;
    }
    let depth = g.group_in() * g.taps();
    let per_channel = g.taps() * g.out_plane();
    let block = (2 * TILE / per_channel.max(1))
        .min(g.group_in().div_ceil(TASKS))
        .max(1);
    dx.par_chunks_mut(g.group_in() * g.in_plane())
        .enumerate()
        .for_each(|(index, dx)| {
            let (image, group) = (index / g.groups, index % g.groups);
            let first = (image * g.out_channels + group * g.group_out()) * g.out_plane();
            let grad = &grad[first..first + g.group_out() * g.out_plane()];
            let grad = Matrix::row_major(grad, g.group_out(), g.out_plane(), g.out_plane());
            let weight = &weight[group * g.group_out() * depth..];
            dx.par_chunks_mut(block * g.in_plane())
                .enumerate()
                .for_each_init(Vec::new, |columns, (index, planes)| {
                    let channels = planes.len() / g.in_plane();
                    let rows = channels * g.taps();
                    let weight = &weight[index * block * g.taps()..];
                    let weight = Matrix::row_major(weight, g.group_out(), rows, depth);
                    if g.is_pointwise() {
                        multiply(planes, weight.transposed(), grad);
                    } else {
                        columns.resize(rows * g.out_plane(), T::ZERO);
                        multiply(columns, weight.transposed(), grad);
                        col2im(planes, columns, g);
                    }
                });
        });
    dx
}
