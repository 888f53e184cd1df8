//! A dense micro-kernel, and what becomes of its sums.

use std::mem::MaybeUninit;

use crate::kernels::output::Output;

/// The way to compute a tile, and the sizes that suit it. `A` is what is multiplied, `T` what is added up.
pub(crate) struct Kernel<A, T> {
    /// The most positions of a tile.
    pub(crate) rows: usize,
    /// Channels of a full panel.
    pub(crate) lanes: usize,
    /// A panel's channels are filled up to a multiple of this.
    pub(crate) vector: usize,
    /// Consecutive terms of a channel that lie side by side in a panel.
    pub(crate) pair: usize,
    /// Whether it takes a [`Sink::Rows`].
    pub(crate) finishes: bool,
    pub(super) run: Run<A, T>,
}

/// What becomes of a tile's sums.
pub(crate) enum Sink<'a, T> {
    /// They are written as they are, `(positions, width)`.
    Sums(&'a mut [MaybeUninit<T>]),
    /// They are finished while they are in registers.
    Rows(Rows<'a, T>),
}

/// `sum * scale + shift + residual`, between two bounds, for every channel of a panel that is full of them.
pub(crate) struct Rows<'a, T> {
    /// One factor a channel, or none for 1.
    pub(crate) scale: Option<&'a [T]>,
    /// One summand a channel, or none for 0.
    pub(crate) shift: Option<&'a [T]>,
    /// A tensor of the result's shape.
    pub(crate) residual: Option<&'a [T]>,
    /// The least and the largest result; NaN stays NaN.
    pub(crate) bounds: (T, T),
    /// Where each position's values begin in the result.
    pub(crate) starts: &'a [usize],
    /// The first of the channels.
    pub(crate) first: usize,
    pub(crate) out: &'a Output<'a, T>,
}

impl<T> Rows<'_, T> {
    /// Whether `width` channels fit everywhere: the part of the promise to the kernels that can be checked, in debug builds alone since it
    /// takes as long as a tenth of a small tile.
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

/// Computes a tile. For each tap there are `positions` sources, each of `depth` values.
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
    /// Computes a tile: `sources` is `(taps, positions)` pointers to `depth` values each, and `panel` has `taps * depth * width` weights.
    /// All of the sink is written.
    ///
    /// # Safety
    /// Every source must be valid for reading `depth` values. The rows of a [`Sink::Rows`] must lie in its result, whose size its residual
    /// has, no other thread may use them, and the factors and summands must be `width` ones.
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
        // SAFETY: the sizes fit by the assertion, the sources and rows by the caller's promise; a kernel is only handed out where the
        // processor has its instructions.
        unsafe { (self.run)(sources, positions, depth, panel, width, sink) }
    }
}
