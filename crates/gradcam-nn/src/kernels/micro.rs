//! Micro-kernels: the sums of one small tile, kept in registers.
//!
//! A tile is some positions of the result by the channels of one panel. Every sum runs over its terms in one order, so that its bits
//! do not depend on the tile that it falls into, nor, between the x86 kernels, on the width of the vectors.

#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod x86;

use std::mem::MaybeUninit;

use super::Element;
use super::gemm::{Matrix, multiply};
use super::output::Output;

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
    run: Run<A, T>,
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
    fn fits(&self, width: usize) -> bool {
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
type Run<A, T> = unsafe fn(
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

/// The ways to compute some positions of a depthwise convolution.
pub(crate) struct DepthwiseKernel<T> {
    /// Whether it takes a [`Sink::Rows`].
    pub(crate) finishes: bool,
    taps: RunTaps<T>,
    /// Where neighbouring positions read the same columns.
    window: Option<RunWindow<T>>,
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
type RunTaps<T> = unsafe fn(&[*const T], weight: &[T], channels: usize, sink: Sink<'_, T>);
/// For each row of taps there is a source for each column that is read, and for each tap a line of weights.
type RunWindow<T> =
    unsafe fn(Neighbours, &[*const T], weight: &[T], channels: usize, sink: Sink<'_, T>);

impl<T: Element> DepthwiseKernel<T> {
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

/// The depthwise kernel for any processor and element type.
fn portable_depthwise<T: Element>() -> DepthwiseKernel<T> {
    DepthwiseKernel {
        finishes: false,
        taps: run_portable_taps::<T>,
        window: None,
    }
}

unsafe fn run_portable_taps<T: Element>(
    sources: &[*const T],
    weight: &[T],
    channels: usize,
    sink: Sink<'_, T>,
) {
    let Sink::Sums(out) = sink else {
        unreachable!("`DepthwiseKernel` has checked that the kernel finishes rows");
    };
    let mut sums = vec![T::ZERO; channels];
    for (position, out) in out.chunks_exact_mut(channels).enumerate() {
        sums.fill(T::ZERO);
        let sources = sources.iter().skip(position).step_by(DEPTHWISE);
        for (source, weight) in sources.zip(weight.chunks_exact(channels)) {
            // SAFETY: the caller promises `channels` values behind every source.
            let source = unsafe { std::slice::from_raw_parts(*source, channels) };
            for (sum, (&x, &w)) in sums.iter_mut().zip(source.iter().zip(weight)) {
                *sum += x * w;
            }
        }
        for (out, &sum) in out.iter_mut().zip(&sums) {
            out.write(sum);
        }
    }
}

/// Positions of a tile of the portable kernel.
const ROWS: usize = 64;

/// The kernel for any processor and element type: rows are copied together and multiplied by the `gemm` crate.
fn portable<T: Element>() -> Kernel<T, T> {
    Kernel {
        rows: ROWS,
        lanes: 1 << 20,
        vector: 1,
        pair: 1,
        finishes: false,
        run: run_portable::<T>,
    }
}

unsafe fn run_portable<T: Element>(
    sources: &[*const T],
    positions: usize,
    depth: usize,
    panel: &[T],
    width: usize,
    sink: Sink<'_, T>,
) {
    let Sink::Sums(sums) = sink else {
        unreachable!("`Kernel::tile` has checked that the kernel finishes rows");
    };
    let terms = sources.len() / positions * depth;
    let mut rows = Vec::with_capacity(ROWS * terms);
    for position in 0..positions {
        for source in sources.iter().skip(position).step_by(positions) {
            // SAFETY: the caller promises `depth` values behind every source.
            rows.extend_from_slice(unsafe { std::slice::from_raw_parts(*source, depth) });
        }
    }
    // A product of another size might be summed in another order: a tile is filled up.
    rows.resize(ROWS * terms, T::ZERO);
    let mut product = vec![T::ZERO; ROWS * width];
    multiply(
        &mut product,
        Matrix::row_major(&rows, ROWS, terms, terms),
        Matrix::row_major(panel, terms, width, width),
    );
    for (sum, value) in sums.iter_mut().zip(product) {
        sum.write(value);
    }
}

/// Asks for the cache line behind `start`, which will be used soon; any pointer will do.
#[inline(always)]
pub(crate) fn prefetch<T>(start: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect but on time, and does not fault.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(start.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = start;
}

/// What computes the convolutions of one element type.
pub(crate) struct Kernels<T> {
    pub(crate) dense: Kernel<T, T>,
    pub(crate) depthwise: DepthwiseKernel<T>,
}

impl<T: Element> Kernels<T> {
    /// Those for any processor and element type.
    pub(crate) fn portable() -> Self {
        Kernels {
            dense: portable(),
            depthwise: portable_depthwise(),
        }
    }
}

impl Kernels<f32> {
    /// The fastest on this processor.
    pub(crate) fn fastest() -> Self {
        Self::avx512()
            .or_else(Self::avx2)
            .unwrap_or_else(Self::portable)
    }

    /// Those with 512-bit vectors, where the processor has them.
    pub(crate) fn avx512() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx512f") {
            return Some(x86::avx512());
        }
        None
    }

    /// Those with 256-bit vectors, where the processor has them.
    pub(crate) fn avx2() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma") {
            return Some(x86::avx2());
        }
        None
    }
}

/// The kernel that multiplies bf16 numbers and adds up in `f32`, where the processor has one.
pub(crate) fn bf16() -> Option<Kernel<u16, f32>> {
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512bf16") && std::is_x86_feature_detected!("avx512f") {
        return Some(x86::bf16());
    }
    None
}
