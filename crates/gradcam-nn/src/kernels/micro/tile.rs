//! The dense micro-kernel and the destinations of its sums.

use std::mem::MaybeUninit;

use crate::kernels::output::Output;

/// A function that computes a tile, and its tile sizes. `A` is the type of the factors, `T` that of the sums.
pub(crate) struct Kernel<A, T> {
    /// The most positions of a tile.
    pub(crate) rows: usize,
    /// Channels of a full panel.
    pub(crate) lanes: usize,
    /// A panel's channels are padded to a multiple of this.
    pub(crate) vector: usize,
    /// Consecutive terms of a channel that are adjacent in a panel.
    pub(crate) pair: usize,
    /// Whether the kernel takes a [`Sink::Rows`].
    pub(crate) finishes: bool,
    pub(super) run: Run<A, T>,
}

/// The destination of a tile's sums.
pub(crate) enum Sink<'a, T> {
    /// Receives the raw sums, `(positions, width)`.
    Sums(&'a mut [MaybeUninit<T>]),
    /// Finishes the sums while they are in registers.
    Rows(Rows<'a, T>),
}

/// Finishes sums as `sum * scale + shift + residual`, clamped, for every channel of a panel without padding.
pub(crate) struct Rows<'a, T> {
    /// One factor a channel; `None` means 1.
    pub(crate) scale: Option<&'a [T]>,
    /// One summand a channel; `None` means 0.
    pub(crate) shift: Option<&'a [T]>,
    /// A tensor of the result's shape.
    pub(crate) residual: Option<&'a [T]>,
    /// The smallest and the largest result; NaN stays NaN.
    pub(crate) bounds: (T, T),
    /// The start of each position's values in the result.
    pub(crate) starts: &'a [usize],
    /// The first of the channels.
    pub(crate) first: usize,
    pub(crate) out: &'a Output<'a, T>,
}

impl<T> Rows<'_, T> {
    /// Returns whether `width` channels fit everywhere: the checkable part of the promise to the kernels. Only debug builds check it,
    /// since that takes a tenth of the time of a small tile.
    pub(super) fn fits(&self, width: usize) -> bool {
        let all = self.out.len();
        let last = self.starts.iter().fold(0, |last, &start| last.max(start));
        let last = last.checked_add(self.first + width);
        let vectors = [self.scale, self.shift];
        last.is_some_and(|last| last <= all)
            && self.residual.is_none_or(|residual| residual.len() == all)
            && vectors.iter().flatten().all(|v| v.len() == width)
    }
}

/// Computes a tile from `positions` sources for each tap, each of `depth` values.
pub(super) type Run<A, T> = unsafe fn(
    sources: &[*const A],
    positions: usize,
    depth: usize,
    panel: &[A],
    width: usize,
    sink: Sink<'_, T>,
);

impl<A, T> Clone for Kernel<A, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<A, T> Copy for Kernel<A, T> {}

impl<A, T> Kernel<A, T> {
    /// Computes a tile: `sources` is `(taps, positions)` pointers to `depth` values each, and `panel` has `taps * depth * width`
    /// weights. The whole sink is written.
    ///
    /// # Safety
    /// Every source must be valid for reading `depth` values. The rows of a [`Sink::Rows`] must be inside its result, and no other
    /// thread may use them. Its residual must have the result's size, and its factors and summands `width` values.
    pub(crate) unsafe fn tile(
        &self,
        sources: &[*const A],
        positions: usize,
        depth: usize,
        panel: &[A],
        width: usize,
        sink: Sink<'_, T>,
    ) {
        let fits = match &sink {
            Sink::Sums(sums) => sums.len() == positions * width,
            Sink::Rows(rows) => {
                debug_assert!(rows.fits(width));
                self.finishes && rows.starts.len() == positions
            }
        };
        assert!(
            fits && (1..=self.rows).contains(&positions)
                && width <= self.lanes.next_multiple_of(self.vector)
                && width.is_multiple_of(self.vector)
                && depth.is_multiple_of(self.pair)
                && panel.len() == sources.len() / positions * depth * width
        );
        // SAFETY: the assertion checks the sizes, the caller vouches for sources and rows, and a kernel is only handed out if the
        // processor has its instructions.
        unsafe { (self.run)(sources, positions, depth, panel, width, sink) }
    }
}
