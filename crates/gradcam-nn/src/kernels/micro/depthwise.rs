//! A depthwise micro-kernel.

use super::tile::Sink;
use crate::kernels::float::Float;

/// The ways to compute some positions of a depthwise convolution.
pub(crate) struct DepthwiseKernel<T> {
    /// Whether it takes a [`Sink::Rows`].
    pub(crate) finishes: bool,
    pub(super) taps: RunTaps<T>,
    /// Where neighbouring positions read the same columns.
    pub(super) window: Option<RunWindow<T>>,
}

/// Positions that a depthwise kernel computes at once: they share a load of the weights.
pub(crate) const DEPTHWISE: usize = 4;

/// Columns of taps that lie side by side, and columns from one position to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Neighbours {
    pub(crate) columns: usize,
    pub(crate) stride: usize,
}

impl Neighbours {
    /// Columns that `DEPTHWISE` positions read.
    pub(crate) fn reach(self) -> usize {
        (DEPTHWISE - 1) * self.stride + self.columns
    }
}

/// For each tap there are `DEPTHWISE` sources and a line of weights, each of `channels` values.
pub(super) type RunTaps<T> =
    unsafe fn(&[*const T], weight: &[T], channels: usize, sink: Sink<'_, T>);
/// For each row of taps there is a source for each column that is read, and for each tap a line of weights.
pub(super) type RunWindow<T> =
    unsafe fn(Neighbours, &[*const T], weight: &[T], channels: usize, sink: Sink<'_, T>);

impl<T: Float> DepthwiseKernel<T> {
    /// Whether [`window`](Self::window) takes these.
    pub(crate) fn has_window(&self, neighbours: Neighbours) -> bool {
        self.window.is_some()
            && (1..=7).contains(&neighbours.columns)
            && (1..=2).contains(&neighbours.stride)
    }

    /// Computes some positions: `sources` is `(taps, DEPTHWISE)`, `weight` `(taps, channels)`, sums are `(DEPTHWISE, channels)`, and there
    /// may be fewer rows.
    ///
    /// # Safety
    /// Every source must be valid for reading `channels` values. The rows of a [`Sink::Rows`] must lie in its result, whose size its
    /// residual has, no other thread may use them, and the factors and summands must be `channels` ones.
    pub(crate) unsafe fn taps(
        &self,
        sources: &[*const T],
        weight: &[T],
        channels: usize,
        sink: Sink<'_, T>,
    ) {
        assert!(self.fits(channels, &sink) && weight.len() * DEPTHWISE == sources.len() * channels);
        // SAFETY: the sizes fit by the assertion, the sources and rows by the caller's promise; a kernel is only handed out where the
        // processor has its instructions.
        unsafe { (self.taps)(sources, weight, channels, sink) }
    }

    /// As [`taps`](Self::taps), where `sources` is `(rows of taps, columns that are read)`.
    ///
    /// # Safety
    /// As for [`taps`](Self::taps).
    pub(crate) unsafe fn window(
        &self,
        neighbours: Neighbours,
        sources: &[*const T],
        weight: &[T],
        channels: usize,
        sink: Sink<'_, T>,
    ) {
        let rows = sources.len() / neighbours.reach();
        assert!(
            self.fits(channels, &sink)
                && self.has_window(neighbours)
                && sources.len() == rows * neighbours.reach()
                && weight.len() == rows * neighbours.columns * channels
        );
        if let Some(window) = self.window {
            // SAFETY: as above.
            unsafe { window(neighbours, sources, weight, channels, sink) }
        }
    }

    fn fits(&self, channels: usize, sink: &Sink<'_, T>) -> bool {
        match sink {
            Sink::Sums(sums) => sums.len() == DEPTHWISE * channels,
            Sink::Rows(rows) => {
                debug_assert!(rows.fits(channels));
                self.finishes && (1..=DEPTHWISE).contains(&rows.starts.len())
            }
        }
    }
}
