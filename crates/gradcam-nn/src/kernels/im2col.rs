//! Between an image and the matrix whose product with the kernel is the convolution.

use super::Element;
use super::geometry::{Geometry, valid_range};

/// Writes the columns `from..from + count` of the im2col matrix of one group of one image: row `(c, ky, kx)`, column `oy * ow + ox`.
///
/// `x` holds the group's `group_in` planes, `columns` has `group_in * kh * kw` rows of `count` values.
pub(crate) fn im2col<T: Element>(
    columns: &mut [T],
    x: &[T],
    g: &Geometry,
    from: usize,
    count: usize,
) {
    let (h, w) = g.in_size;
    let ow = g.out_size.1;
    let rows = columns.chunks_exact_mut(count);
    for (row, out) in rows.enumerate() {
        let (c, tap) = (row / g.taps(), row % g.taps());
        let (ky, kx) = (tap / g.kernel.1, tap % g.kernel.1);
        let plane = &x[c * h * w..(c + 1) * h * w];
        let (left, right) = valid_range(ow, w, g.stride.1, kx * g.dilation.1, g.padding.1);
        let mut done = 0;
        while done < count {
            let position = from + done;
            let (oy, start) = (position / ow, position % ow);
            let len = (ow - start).min(count - done);
            let line = &mut out[done..done + len];
            done += len;
            let iy = (oy * g.stride.0 + ky * g.dilation.0).wrapping_sub(g.padding.0);
            if iy >= h {
                line.fill(T::ZERO);
                continue;
            }
            // The part of `start..start + len` whose input exists; zeros around it.
            let l = left.clamp(start, start + len);
            let r = right.clamp(l, start + len);
            line[..l - start].fill(T::ZERO);
            line[r - start..].fill(T::ZERO);
            if l == r {
                continue;
            }
            let ix = l * g.stride.1 + kx * g.dilation.1 - g.padding.1;
            let source = &plane[iy * w + ix..];
            let line = &mut line[l - start..r - start];
            if g.stride.1 == 1 {
                line.copy_from_slice(&source[..line.len()]);
            } else {
                for (y, &v) in line.iter_mut().zip(source.iter().step_by(g.stride.1)) {
                    *y = v;
                }
            }
        }
    }
}

/// Adds the rows of an im2col matrix back onto the planes that they were read from: the transpose of [`im2col`] over all columns.
///
/// `planes` holds as many input planes as `columns` has groups of `kh * kw` rows.
pub(crate) fn col2im<T: Element>(planes: &mut [T], columns: &[T], g: &Geometry) {
    let (h, w) = g.in_size;
    let (oh, ow) = g.out_size;
    for (row, values) in columns.chunks_exact(g.out_plane()).enumerate() {
        let (c, tap) = (row / g.taps(), row % g.taps());
        let (ky, kx) = (tap / g.kernel.1, tap % g.kernel.1);
        let plane = &mut planes[c * h * w..(c + 1) * h * w];
        let (top, bottom) = valid_range(oh, h, g.stride.0, ky * g.dilation.0, g.padding.0);
        let (left, right) = valid_range(ow, w, g.stride.1, kx * g.dilation.1, g.padding.1);
        if left == right {
            continue;
        }
        let ix = left * g.stride.1 + kx * g.dilation.1 - g.padding.1;
        for oy in top..bottom {
            let iy = oy * g.stride.0 + ky * g.dilation.0 - g.padding.0;
            let line = &values[oy * ow + left..oy * ow + right];
            let target = &mut plane[iy * w + ix..(iy + 1) * w];
            if g.stride.1 == 1 {
                for (t, &v) in target.iter_mut().zip(line) {
                    *t += v;
                }
            } else {
                for (t, &v) in target.iter_mut().step_by(g.stride.1).zip(line) {
                    *t += v;
                }
            }
        }
    }
}
