//! Operations on a convolution's sums while their tile is in the cache.

#![allow(unsafe_code)]

use std::mem::MaybeUninit;
use std::ops::Range;

use super::activation::Activation;
use super::float::Float;
use super::micro::Rows;
use super::output::Output;
use super::wide::wide;

/// `activation(sum * scale + shift + residual)` for each output channel; `scale` and `shift` hold the batch norm and the bias.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a, T> {
    /// One factor a channel; `None` means 1.
    pub(crate) scale: Option<&'a [T]>,
    /// One summand a channel; `None` means 0.
    pub(crate) shift: Option<&'a [T]>,
    /// A tensor of the output's shape.
    pub(crate) residual: Option<&'a [T]>,
    /// Applied last.
    pub(crate) activation: Activation,
}

/// Channels handled at once.
const LANES: usize = 16;

impl<'a, T: Float> Epilogue<'a, T> {
    /// Leaves the sums unchanged.
    pub(crate) const NONE: Self = Epilogue {
        scale: None,
        shift: None,
        residual: None,
        activation: Activation::Identity,
    };

    /// Returns the epilogue in a micro-kernel's form, at `channels` of the positions that begin at `starts`. `None` if the
    /// micro-kernels lack the activation.
    pub(crate) fn rows_of<'s>(
        &self,
        channels: Range<usize>,
        starts: &'s [usize],
        out: &'s Output<'s, T>,
    ) -> Option<Rows<'s, T>>
    where
        'a: 's,
    {
        let (least, most) = (T::NEG_INFINITY, T::of(f64::INFINITY));
        let bounds = match self.activation {
            Activation::Identity => (least, most),
            Activation::Relu => (T::ZERO, most),
            Activation::Clip { low, high } => (T::of(low), T::of(high)),
            _ => return None,
        };
        let Epilogue {
            scale,
            shift,
            residual,
            ..
        } = *self;
        Some(Rows {
            scale: scale.map(|scale| &scale[channels.clone()]),
            shift: shift.map(|shift| &shift[channels.clone()]),
            residual,
            bounds,
            starts,
            first: channels.start,
            out,
        })
    }

    /// Writes the results of a tile: rows of `width` sums, of which the first `channels.len()` count. Row `r` begins at
    /// `starts[r] + channels.start` in the output.
    ///
    /// Not inlined, so that its loops, one for each function and choice of operands, are compiled once per type and instruction set,
    /// not for each kind of convolution.
    ///
    /// # Safety
    /// No other thread may access these runs of the output.
    #[inline(never)]
    pub(crate) unsafe fn write(
        &self,
        sums: &[T],
        width: usize,
        channels: Range<usize>,
        starts: &[usize],
        out: &Output<'_, T>,
    ) {
        let tile = Written {
            sums,
            width,
            channels,
            starts,
            out,
        };
        wide(
            #[inline(always)]
            || {
                // The common functions get loops of their own, compiled without a branch inside.
                match self.activation {
                    Activation::Identity => self.rows(
                        &tile,
                        #[inline(always)]
                        |v| v,
                    ),
                    Activation::Relu => self.rows(
                        &tile,
                        #[inline(always)]
                        |v| Activation::Relu.apply(v),
                    ),
                    Activation::Clip { low, high } => self.rows(
                        &tile,
                        #[inline(always)]
                        |v| Activation::Clip { low, high }.apply(v),
                    ),
                    Activation::Silu => self.rows(
                        &tile,
                        #[inline(always)]
                        |v| Activation::Silu.apply(v),
                    ),
                    Activation::HardSwish => self.rows(
                        &tile,
                        #[inline(always)]
                        |v| Activation::HardSwish.apply(v),
                    ),
                    Activation::Gelu => self.rows(
                        &tile,
                        #[inline(always)]
                        |v| Activation::Gelu.apply(v),
                    ),
                    other => self.rows(
                        &tile,
                        #[inline(always)]
                        |v| other.apply(v),
                    ),
                }
            },
        );
    }

    #[inline(always)]
    fn rows(&self, tile: &Written<'_, T>, f: impl Fn(T) -> T + Copy) {
        let len = tile.channels.len();
        let scale = self.scale.map(|s| &s[tile.channels.clone()]);
        let shift = self.shift.map(|s| &s[tile.channels.clone()]);
        // An index, since iterator adapters are not always inlined where instructions of one processor are used.
        let rows = (tile.sums.len() / tile.width.max(1)).min(tile.starts.len());
        for row in 0..rows {
            let start = tile.starts[row] + tile.channels.start;
            // SAFETY: the caller of `write` promises that no other thread has this run.
            let out = unsafe { tile.out.part(start, len) };
            let sums = &tile.sums[row * tile.width..][..len];
            match self.residual.map(|r| &r[start..][..len]) {
                None => line(
                    out,
                    sums,
                    scale,
                    shift,
                    sums,
                    #[inline(always)]
                    |v, _| f(v),
                ),
                Some(residual) => line(
                    out,
                    sums,
                    scale,
                    shift,
                    residual,
                    #[inline(always)]
                    |v, r| f(v + r),
                ),
            }
        }
    }
}

/// A tile of sums to write, and its place in the output.
struct Written<'a, T> {
    sums: &'a [T],
    /// The distance from one row of sums to the next.
    width: usize,
    channels: Range<usize>,
    /// The start of each position in the output.
    starts: &'a [usize],
    out: &'a Output<'a, T>,
}

/// Writes one row; `f` takes the scaled sum and `other`.
#[inline(always)]
fn line<T: Float>(
    out: &mut [MaybeUninit<T>],
    sums: &[T],
    scale: Option<&[T]>,
    shift: Option<&[T]>,
    other: &[T],
    f: impl Fn(T, T) -> T + Copy,
) {
    match (scale, shift) {
        (Some(scale), Some(shift)) => vectors(
            out,
            sums,
            scale,
            shift,
            other,
            #[inline(always)]
            |v, a, b, o| f(v * a + b, o),
        ),
        (None, Some(shift)) => vectors(
            out,
            sums,
            shift,
            shift,
            other,
            #[inline(always)]
            |v, b, _, o| f(v + b, o),
        ),
        (Some(scale), None) => vectors(
            out,
            sums,
            scale,
            scale,
            other,
            #[inline(always)]
            |v, a, _, o| f(v * a, o),
        ),
        (None, None) => vectors(
            out,
            sums,
            sums,
            sums,
            other,
            #[inline(always)]
            |v, _, _, o| f(v, o),
        ),
    }
}

/// Computes `out = f(v, a, b, o)` in whole vectors, then one by one. Loops over indices, as the micro-kernels do.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn vectors<T: Float>(
    out: &mut [MaybeUninit<T>],
    v: &[T],
    a: &[T],
    b: &[T],
    o: &[T],
    f: impl Fn(T, T, T, T) -> T,
) {
    let len = out.len();
    let (v, a, b, o) = (&v[..len], &a[..len], &b[..len], &o[..len]);
    let whole = len / LANES * LANES;
    let mut first = 0;
    while first < whole {
        let range = first..first + LANES;
        let out = &mut out[range.clone()];
        let (v, a, b, o) = (
            &v[range.clone()],
            &a[range.clone()],
            &b[range.clone()],
            &o[range],
        );
        for lane in 0..LANES {
            out[lane] = MaybeUninit::new(f(v[lane], a[lane], b[lane], o[lane]));
        }
        first += LANES;
    }
    for i in whole..len {
        out[i] = MaybeUninit::new(f(v[i], a[i], b[i], o[i]));
    }
}
