//! Convolution as a matrix product whose rows are read in place, without im2col.
//!
//! Channels are stored last, so each tap of the kernel reads `depth` consecutive source values for a position of the result. A
//! micro-kernel gets a pointer for each tap and position of its tile. The forward pass and the gradient of the input are the same
//! computation over different [`Gather`]s.

#![allow(unsafe_code)]

use std::ops::Range;

use rayon::prelude::*;

use super::epilogue::Epilogue;
use super::float::Float;
use super::gather::Gather;
use super::micro::{Kernel, Sink};
use super::output::Output;
use super::panels::Panels;
use super::prefetch::prefetch;

/// The least number of tasks of a layer, if its size allows, so that small layers keep several cores busy too.
const TASKS: usize = 24;
/// Bytes that a second-level cache of 1 MiB keeps.
const SECOND_LEVEL: usize = 768 * 1024;
/// Bytes of the source, or of the weights, that fit there together with the other.
const CACHE: usize = 320 * 1024;

/// Numbers of a cache line.
const LINE: usize = 16;

/// A product of gathered rows and packed weights.
pub(crate) struct Product<'a, A, T> {
    pub(crate) kernel: Kernel<A, T>,
    pub(crate) panels: &'a Panels<A>,
    pub(crate) gather: &'a Gather,
    /// `(n, rows, columns, pixel)`, as described by the gather.
    pub(crate) x: &'a [A],
    /// Images in the source and in the result.
    pub(crate) batch: usize,
    /// Rows and columns of the result.
    pub(crate) size: (usize, usize),
    pub(crate) epilogue: Epilogue<'a, T>,
}

/// The range of one task.
struct Task {
    group: usize,
    panels: Range<usize>,
    blocks: Range<usize>,
}

impl<A: Copy + Default + Send + Sync, T: Float> Product<'_, A, T> {
    /// Computes the gather's positions of the result `(n, size.0, size.1, groups * channels)`.
    pub(crate) fn run(&self, out: &Output<'_, T>) {
        let positions = self.batch * self.gather.positions();
        if positions == 0 || self.panels.count() == 0 {
            return;
        }
        let zeros = vec![A::default(); self.gather.depth];
        let tasks = self.tasks(positions.div_ceil(self.kernel.rows));
        tasks.par_iter().with_max_len(1).for_each_init(
            || Tile {
                sources: Vec::new(),
                targets: Vec::new(),
                starts: Vec::new(),
                sums: Vec::new(),
            },
            |tile, task| {
                let panels = &task.panels;
                let bytes =
                    panels.len() * self.panels.depth() * self.panels.lanes() * size_of::<A>();
                // The data read repeatedly stay in the nearer cache: a few weights for each block, or a row of blocks for each panel.
                let chunk = if bytes <= CACHE { 1 } else { task.blocks.len() };
                for first in task.blocks.clone().step_by(chunk) {
                    let blocks = first..(first + chunk).min(task.blocks.end);
                    tile.locate(self, task.group, blocks.clone(), &zeros);
                    for panel in panels.clone() {
                        for block in blocks.clone() {
                            let located = block - blocks.start;
                            tile.compute(self, task.group, panel, block, located, out);
                        }
                    }
                }
            },
        );
    }

    /// Returns the positions of a block, counted over all images.
    fn positions(&self, block: usize) -> Range<usize> {
        let all = self.batch * self.gather.positions();
        block * self.kernel.rows..((block + 1) * self.kernel.rows).min(all)
    }

    /// Splits the work by shapes alone: along the panels if the weights are large, so that one core reads each panel, else along the
    /// blocks of positions.
    fn tasks(&self, blocks: usize) -> Vec<Task> {
        let (panels, gather) = (self.panels.count(), self.gather);
        let weights = panels * self.panels.lanes() * self.panels.depth() * size_of::<A>();
        let per_position = gather.rows.stride
            * gather.columns.stride
            * gather.depth.min(gather.pixel)
            * size_of::<A>();
        let panel = self.panels.lanes() * self.panels.depth() * size_of::<A>();
        let room = SECOND_LEVEL.saturating_sub(panel).clamp(CACHE / 4, CACHE);
        let most = (room / per_position.max(1) / self.kernel.rows).max(1);
        let wanted = TASKS.div_ceil(self.panels.groups());
        let mut along = blocks.div_ceil(most);
        let mut across = 1;
        if weights > CACHE && panels > 1 {
            across = panels.min(wanted.div_ceil(along));
        }
        along = along.max(wanted.div_ceil(across)).min(blocks);
        let mut tasks = Vec::new();
        for group in 0..self.panels.groups() {
            for panels in split(panels, across) {
                for blocks in split(blocks, along) {
                    tasks.push(Task {
                        group,
                        panels: panels.clone(),
                        blocks,
                    });
                }
            }
        }
        tasks
    }
}

/// Splits `0..count` into nearly equal ranges.
pub(crate) fn split(count: usize, parts: usize) -> impl Iterator<Item = Range<usize>> {
    (0..parts).map(move |part| part * count / parts..(part + 1) * count / parts)
}

/// A thread's buffers for its tiles.
struct Tile<A, T> {
    /// The sources of each block, `(taps, positions)`.
    sources: Vec<*const A>,
    /// The starts of each block's positions in the result.
    targets: Vec<usize>,
    /// The starts of each block in `sources` and `targets`.
    starts: Vec<(usize, usize)>,
    sums: Vec<T>,
}

impl<A: Copy + Default + Send + Sync, T: Float> Tile<A, T> {
    /// Collects the sources and targets of some blocks.
    fn locate(
        &mut self,
        product: &Product<'_, A, T>,
        group: usize,
        blocks: Range<usize>,
        zeros: &[A],
    ) {
        self.sources.clear();
        self.targets.clear();
        self.starts.clear();
        for block in blocks {
            self.starts.push((self.sources.len(), self.targets.len()));
            self.append(product, group, block, zeros);
        }
    }

    /// Appends the sources and targets of a block.
    fn append(&mut self, product: &Product<'_, A, T>, group: usize, block: usize, zeros: &[A]) {
        let gather = product.gather;
        let positions = product.positions(block);
        let count = positions.len();
        let all = product.panels.groups() * product.panels.channels();
        let targets = positions.clone();
        let targets = targets.map(|p| gather.target(p, product.size) * all);
        self.targets.extend(targets);
        if gather.is_pointwise() {
            let start = positions.start * gather.pixel + group * gather.depth;
            let rows = product.x[start..].chunks(gather.pixel).take(count);
            self.sources
                .extend(rows.map(|row| row[..gather.depth].as_ptr()));
            return;
        }
        let base = self.sources.len();
        self.sources
            .resize(base + gather.taps() * count, zeros.as_ptr());
        let (rows, columns) = (&gather.rows, &gather.columns);
        let mut done = 0;
        // One row's positions at a time.
        while done < count {
            let position = positions.start + done;
            let (image, position) = (position / gather.positions(), position % gather.positions());
            let (i, j) = (position / columns.count, position % columns.count);
            let run = (columns.count - j).min(count - done);
            for (tap_row, &dy) in rows.offsets.iter().enumerate() {
                let Some(y) = rows.source(i, dy) else {
                    continue;
                };
                let line = (image * rows.size + y) * columns.size * gather.pixel;
                let line = &product.x[line..][..columns.size * gather.pixel];
                for (tap_column, &dx) in columns.offsets.iter().enumerate() {
                    let inside = columns.inside(j..j + run, dx);
                    let Some(x) = columns.source(inside.start, dx) else {
                        continue;
                    };
                    let step = columns.stride * gather.pixel;
                    let start = x * gather.pixel + group * gather.depth;
                    // If the last one fits, all do.
                    let most = start + inside.len().saturating_sub(1) * step;
                    let _ = &line[most..most + gather.depth];
                    let mut source = line[start..].as_ptr();
                    let tap = tap_row * columns.offsets.len() + tap_column;
                    let slot = base + tap * count + done + inside.start - j;
                    for slot in &mut self.sources[slot..slot + inside.len()] {
                        *slot = source;
                        source = source.wrapping_add(step);
                    }
                }
            }
            done += run;
        }
    }

    /// Computes the tile of a block and a panel; `located` is the block's number among those located.
    fn compute(
        &mut self,
        product: &Product<'_, A, T>,
        group: usize,
        panel: usize,
        block: usize,
        located: usize,
        out: &Output<'_, T>,
    ) {
        let Product { panels, gather, .. } = *product;
        let panel = panels.panel(group, panel);
        let (start, targets) = self.starts[located];
        let positions = product.positions(block);
        let sources = &self.sources[start..start + gather.taps() * positions.len()];
        let first = group * panels.channels();
        let channels = first + panel.channels.start..first + panel.channels.end;
        let starts = &self.targets[targets..][..positions.len()];
        // Prefetches the lines that are written at the end while the sums are computed.
        for &start in starts {
            let start = start + channels.start;
            if let Some(residual) = product.epilogue.residual {
                for value in residual[start..start + channels.len()].iter().step_by(LINE) {
                    prefetch(value);
                }
            }
            out.prefetch(start, channels.len());
        }
        let tile = |sink: Sink<'_, T>| {
            // SAFETY: each source is `depth` values of `x` or of the zeros, which both outlive the call; tiles cover the result
            // without overlap, so no other task writes these rows; the epilogue has its channels and its size.
            unsafe {
                product.kernel.tile(
                    sources,
                    positions.len(),
                    gather.depth,
                    panel.values,
                    panel.width,
                    sink,
                );
            }
        };
        if product.kernel.finishes
            && channels.len() == panel.width
            && let Some(rows) = product.epilogue.rows_of(channels.clone(), starts, out)
        {
            return tile(Sink::Rows(rows));
        }
        let len = positions.len() * panel.width;
        self.sums.clear();
        self.sums.reserve(len);
        tile(Sink::Sums(&mut self.sums.spare_capacity_mut()[..len]));
        // SAFETY: the kernel has written all of them.
        unsafe { self.sums.set_len(len) };
        // SAFETY: tiles cover the result without overlap, so no other task writes these runs.
        unsafe {
            product
                .epilogue
                .write(&self.sums, panel.width, channels, starts, out);
        }
    }
}
