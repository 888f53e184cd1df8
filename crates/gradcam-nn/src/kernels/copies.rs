//! Copies of feature maps, for kernels that need another memory layout.

use std::borrow::Cow;

use super::float::Float;
use super::gather::Gather;
use super::output::parts;
use super::view::Map;

/// Bytes of a cache line.
const LINE: usize = 64;
/// Positions a multiple of this many bytes apart compete for the same few lines of a 32 KiB first-level cache.
const CONFLICT: usize = 4096;

/// Copies a map whose positions compete for lines of the first-level cache, unless only one panel reads it; borrows any other. Also
/// returns the distance from one position to the next.
pub(super) fn apart<'a, T: Float>(
    x: &'a [T],
    gather: &Gather,
    panels: usize,
) -> (Cow<'a, [T]>, usize) {
    if panels < 2 || distance::<T>(gather.pixel) == gather.pixel {
        return (Cow::Borrowed(x), gather.pixel);
    }
    let (x, gather) = converted(
        x,
        gather,
        #[inline(always)]
        |v| v,
    );
    (Cow::Owned(x), gather.pixel)
}

/// Returns how far apart positions of `pixel` values should be.
fn distance<A>(pixel: usize) -> usize {
    if (pixel * size_of::<A>()).is_multiple_of(CONFLICT) {
        pixel + LINE / size_of::<A>()
    } else {
        pixel
    }
}

/// Copies a map, converting every value, with its positions at a good [`distance`].
pub(super) fn converted<T: Float, A: Copy + Default + Send>(
    x: &[T],
    gather: &Gather,
    convert: impl Fn(T) -> A + Sync,
) -> (Vec<A>, Gather) {
    let pixel = distance::<A>(gather.pixel);
    let (from, to) = (
        gather.columns.size * gather.pixel,
        gather.columns.size * pixel,
    );
    let copy = parts(
        x.len() / from.max(1) * to,
        to,
        to,
        #[inline(always)]
        |row, part: &mut [A]| {
            let x = x[row * from..][..from].chunks_exact(gather.pixel);
            for (part, x) in part.chunks_exact_mut(pixel).zip(x) {
                for (y, &x) in part.iter_mut().zip(x) {
                    *y = convert(x);
                }
            }
        },
    );
    let gather = Gather {
        pixel,
        ..gather.clone()
    };
    (copy, gather)
}

/// Copies a map of few channels with its padding, so that the taps of one kernel row read one run of values.
pub(super) fn as_runs<T: Float>(x: Map<'_, T>, gather: &mut Gather) -> Vec<T> {
    let [n, c, h, w] = x.dims;
    let [sn, sc, sh, sw] = x.strides;
    let columns = &mut gather.columns;
    let padding = columns
        .offsets
        .first()
        .map_or(0, |first| first.unsigned_abs());
    let width = (columns.count - 1) * columns.stride + columns.offsets.len();
    let padding = padding.min(width);
    let copied = w.min(width - padding);
    let values = parts(
        n * h * width * c,
        width * c,
        width * c,
        #[inline(always)]
        |row, line: &mut [T]| {
            let source = &x.values[row / h * sn + row % h * sh..];
            let line = &mut line[padding * c..][..copied * c];
            if sc == 1 && sw == c {
                line.copy_from_slice(&source[..copied * c]);
                return;
            }
            for channel in 0..c {
                let source = &source[channel * sc..];
                let mut column = 0;
                while column < copied {
                    line[column * c + channel] = source[column * sw];
                    column += 1;
                }
            }
        },
    );
    gather.depth = columns.offsets.len() * c;
    gather.pixel = c;
    columns.offsets = vec![0];
    columns.size = width;
    values
}

/// Transposes consecutive matrices of `rows × columns`.
pub(super) fn transposed<T: Float>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    let matrices = values.chunks_exact((rows * columns).max(1));
    matrices
        .flat_map(|matrix| (0..columns * rows).map(move |i| matrix[i % rows * columns + i / rows]))
        .collect()
}
