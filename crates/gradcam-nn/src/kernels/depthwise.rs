//! Convolutions whose groups read one channel each: a direct kernel, bound by memory rather than arithmetic.

use rayon::prelude::*;

use super::Element;
use super::epilogue::Epilogue;
use super::geometry::{Geometry, valid_range};

/// The forward pass: `x` is `(n, c, h, w)`, `weight` `(out, 1, kh, kw)`.
pub(crate) fn forward<T: Element>(
    out: &mut [T],
    x: &[T],
    weight: &[T],
    g: &Geometry,
    epilogue: Epilogue<'_, T>,
) {
    let (h, w) = g.in_size;
    let (oh, ow) = g.out_size;
    out.par_chunks_exact_mut(g.out_plane())
        .enumerate()
        .for_each_init(
            || vec![T::ZERO; ow],
            |sums, (index, plane)| {
                let (image, channel) = (index / g.out_channels, index % g.out_channels);
                let source = image * g.in_channels + channel / g.group_out();
                let source = &x[source * h * w..(source + 1) * h * w];
                let weight = &weight[channel * g.taps()..(channel + 1) * g.taps()];
                for oy in 0..oh {
                    sums.fill(T::ZERO);
                    for ky in 0..g.kernel.0 {
                        let iy = (oy * g.stride.0 + ky * g.dilation.0).wrapping_sub(g.padding.0);
                        if iy >= h {
                            continue;
                        }
                        let line = &source[iy * w..(iy + 1) * w];
                        for kx in 0..g.kernel.1 {
                            accumulate(sums, line, weight[ky * g.kernel.1 + kx], kx, g);
                        }
                    }
                    let start = oy * ow;
                    epilogue.write(
                        &mut plane[start..start + ow],
                        sums,
                        channel,
                        index * g.out_plane() + start,
                    );
                }
            },
        );
}

/// Adds one tap's share of one input line to a line of sums.
#[inline]
fn accumulate<T: Element>(sums: &mut [T], line: &[T], weight: T, kx: usize, g: &Geometry) {
    let offset = kx * g.dilation.1;
    let (left, right) = valid_range(sums.len(), line.len(), g.stride.1, offset, g.padding.1);
    if left == right {
        return;
    }
    let source = &line[left * g.stride.1 + offset - g.padding.1..];
    let sums = &mut sums[left..right];
    if g.stride.1 == 1 {
        for (s, &v) in sums.iter_mut().zip(source) {
            *s += weight * v;
        }
    } else {
        for (s, &v) in sums.iter_mut().zip(source.iter().step_by(g.stride.1)) {
            *s += weight * v;
        }
    }
}

/// The gradient of the input: `grad` is `(n, out, oh, ow)`, the result `(n, c, h, w)`, zero on entry.
pub(crate) fn backward<T: Element>(dx: &mut [T], grad: &[T], weight: &[T], g: &Geometry) {
    let w = g.in_size.1;
    let (oh, ow) = g.out_size;
    dx.par_chunks_exact_mut(g.in_plane())
        .enumerate()
        .for_each(|(index, plane)| {
            let (image, channel) = (index / g.in_channels, index % g.in_channels);
            for member in channel * g.group_out()..(channel + 1) * g.group_out() {
                let start = (image * g.out_channels + member) * g.out_plane();
                let grad = &grad[start..start + g.out_plane()];
                let weight = &weight[member * g.taps()..(member + 1) * g.taps()];
                for ky in 0..g.kernel.0 {
                    let offset = ky * g.dilation.0;
                    let (top, bottom) =
                        valid_range(oh, g.in_size.0, g.stride.0, offset, g.padding.0);
                    for oy in top..bottom {
                        let iy = oy * g.stride.0 + offset - g.padding.0;
                        let line = &mut plane[iy * w..(iy + 1) * w];
                        for kx in 0..g.kernel.1 {
                            scatter(
                                line,
                                &grad[oy * ow..(oy + 1) * ow],
                                weight[ky * g.kernel.1 + kx],
                                kx,
                                g,
                            );
                        }
                    }
                }
            }
        });
}

/// Adds one tap's share of one line of output gradients to an input line.
#[inline]
fn scatter<T: Element>(line: &mut [T], grad: &[T], weight: T, kx: usize, g: &Geometry) {
    let offset = kx * g.dilation.1;
    let (left, right) = valid_range(grad.len(), line.len(), g.stride.1, offset, g.padding.1);
    if left == right {
        return;
    }
    let target = &mut line[left * g.stride.1 + offset - g.padding.1..];
    let grad = &grad[left..right];
    if g.stride.1 == 1 {
        for (t, &v) in target.iter_mut().zip(grad) {
            *t += weight * v;
        }
    } else {
        for (t, &v) in target.iter_mut().step_by(g.stride.1).zip(grad) {
            *t += weight * v;
        }
    }
}
