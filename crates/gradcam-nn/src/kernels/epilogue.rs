//! What follows a convolution's sum while its tile is still in the cache.

use super::Element;
use crate::ops::Activation;

/// `activation(sum * scale + shift + residual)`, per output channel; the batch norm and the bias live in `scale` and `shift`.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a, T> {
    /// One factor a channel, or none for 1.
    pub(crate) scale: Option<&'a [T]>,
    /// One summand a channel, or none for 0.
    pub(crate) shift: Option<&'a [T]>,
    /// A tensor of the output's shape.
    pub(crate) residual: Option<&'a [T]>,
    /// Applied last.
    pub(crate) activation: Activation,
}

impl<T: Element> Epilogue<'_, T> {
    /// Writes the results for a run of `sums` of one `channel`, which begins at the index `start` of the whole output.
    pub(crate) fn write(&self, out: &mut [T], sums: &[T], channel: usize, start: usize) {
        let scale = self.scale.map_or(T::ONE, |s| s[channel]);
        let shift = self.shift.map_or(T::ZERO, |s| s[channel]);
        let residual = self.residual.map(|r| &r[start..start + sums.len()]);
        // The usual functions get a loop of their own, so that each is compiled without a branch inside.
        match self.activation {
            Activation::Identity => run(out, sums, scale, shift, residual, |v| v),
            Activation::Relu => run(out, sums, scale, shift, residual, |v| {
                Activation::Relu.apply(v)
            }),
            Activation::Relu6 => run(out, sums, scale, shift, residual, |v| {
                Activation::Relu6.apply(v)
            }),
            other => run(out, sums, scale, shift, residual, |v| other.apply(v)),
        }
    }
}

#[inline(always)]
fn run<T: Element>(
    out: &mut [T],
    sums: &[T],
    scale: T,
    shift: T,
    residual: Option<&[T]>,
    f: impl Fn(T) -> T,
) {
    match residual {
        None => {
            for (y, &s) in out.iter_mut().zip(sums) {
                *y = f(s * scale + shift);
            }
        }
        Some(residual) => {
            for ((y, &s), &r) in out.iter_mut().zip(sums).zip(residual) {
                *y = f(s * scale + shift + r);
            }
        }
    }
}
