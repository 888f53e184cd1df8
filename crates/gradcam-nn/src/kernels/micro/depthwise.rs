//! A depthwise micro-kernel.

use super::tile::Sink;
use crate::kernels::float::Float;

/// The functions that compute a few positions of a depthwise convolution.
pub(crate) struct DepthwiseKernel<T> {
    /// Whether the kernel takes a [`Sink::Rows`].
    pub(crate) finishes: bool,
    pub(super) taps: RunTaps<T>,
    /// For neighbouring positions that read the same columns.
    pub(super) window: Option<RunWindow<T>>,
}

/// Positions that a depthwise kernel computes at once: they share each load of the weights.
pub(crate) const DEPTHWISE: usize = 4;

/// The number of adjacent columns of taps, and the stride in columns from one position to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Neighbours {
    pub(crate) columns: usize,
    pub(crate) stride: usize,
}

impl Neighbours {
    /// Counts the columns that `DEPTHWISE` positions read.
    pub(crate) fn reach(self) -> usize {
        (DEPTHWISE - 1) * self.stride + self.columns
    }
}

/// Takes, for each tap, `DEPTHWISE` sources and a line of weights, each of `channels` values.
pub(super) type RunTaps<T> =
    unsafe fn(&[*const T], weight: &[T], channels: usize, sink: Sink<'_, T>);
/// Takes a source for each column read in each row of taps, and a line of weights for each tap.
pub(super) type RunWindow<T> =
    unsafe fn(Neighbours, &[*const T], weight: &[T], channels: usize, sink: Sink<'_, T>);

impl<T: Float> DepthwiseKernel<T> {
    /// Returns whether [`window`](Self::window) takes `neighbours`.
    pub(crate) fn has_window(&self, neighbours: Neighbours) -> bool {
        self.window.is_some()
            && (1..=7).contains(&neighbours.columns)
            && (1..=2).contains(&neighbours.stride)
    }

    /// Computes up to `DEPTHWISE` positions: `sources` is `(taps, DEPTHWISE)`, `weight` `(taps, channels)`, sums are
    /// `(DEPTHWISE, channels)`. A [`Sink::Rows`] may have fewer rows.
    ///
    /// # Safety
    /// Every source must be valid for reading `channels` values. The rows of a [`Sink::Rows`] must be inside its result, and no other
    /// thread may use them. Its residual must have the result's size, and its factors and summands `channels` values.
    pub(crate) unsafe fn taps(
        &self,
        sources: &[*const T],
        weight: &[T],
        channels: usize,
        sink: Sink<'_, T>,
    ) {
        assert!(self.fits(channels, &sink) && weight.len() * DEPTHWISE == sources.len() * channels);
        // SAFETY: the assertion checks the sizes, the caller vouches for sources and rows, and a kernel is only handed out if the
        // processor has its instructions.
        unsafe { (self.taps)(sources, weight, channels, sink) }
    }

    /// As [`taps`](Self::taps), with `sources` of `(rows of taps, columns read)`.
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
