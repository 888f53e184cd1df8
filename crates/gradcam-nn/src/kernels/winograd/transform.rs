//! A filter's transformations along both axes of a tile, several channels at once.

use crate::kernels::float::Float;

/// Channels that are transformed at once.
pub(super) const LANES: usize = 16;

/// The values transformed along one axis, reused between calls to save zeroing.
pub(super) type Half<T, const I: usize, const O: usize> = [[[T; LANES]; I]; O];

/// Transforms `I × I` lines of `len` values along both axes to `O × O` lines. `result(y, x, first, values)` receives some values of
/// one line.
#[inline(always)]
pub(super) fn transform<'a, T: Float, const I: usize, const O: usize>(
    len: usize,
    source: impl Fn(usize, usize) -> &'a [T],
    f: impl Fn([T; I]) -> [T; O] + Copy,
    half: &mut Half<T, I, O>,
    mut result: impl FnMut(usize, usize, usize, &[T]),
) {
    let mut first = 0;
    while first + LANES <= len {
        square(first, &source, f, half, &mut result);
        first += LANES;
    }
    let mut half = [[[T::ZERO; 1]; I]; O];
    while first < len {
        square(first, &source, f, &mut half, &mut result);
        first += 1;
    }
}

/// Transforms `L` values of each line, from the value `first` on. Loops over indices, as the micro-kernels do.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn square<'a, T: Float, const I: usize, const O: usize, const L: usize>(
    first: usize,
    source: &impl Fn(usize, usize) -> &'a [T],
    f: impl Fn([T; I]) -> [T; O] + Copy,
    half: &mut [[[T; L]; I]; O],
    result: &mut impl FnMut(usize, usize, usize, &[T]),
) {
    for x in 0..I {
        let mut d = [&[][..]; I];
        for y in 0..I {
            d[y] = &source(y, x)[first..first + L];
        }
        for lane in 0..L {
            let mut values = [T::ZERO; I];
            for y in 0..I {
                values[y] = d[y][lane];
            }
            let values = f(values);
            for y in 0..O {
                half[y][x][lane] = values[y];
            }
        }
    }
    for y in 0..O {
        let mut row = [[T::ZERO; L]; O];
        for lane in 0..L {
            let mut values = [T::ZERO; I];
            for x in 0..I {
                values[x] = half[y][x][lane];
            }
            let values = f(values);
            for x in 0..O {
                row[x][lane] = values[x];
            }
        }
        for x in 0..O {
            result(y, x, first, &row[x]);
        }
    }
}
