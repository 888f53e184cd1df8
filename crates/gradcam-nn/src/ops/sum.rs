//! Sums in a fixed order.

use crate::kernels::element::Element;

/// Partial sums kept side by side: as many as the widest vector registers hold.
const LANES: usize = 16;
/// Values that are summed before their sum joins the total, so that the rounding error grows slowly.
const BLOCK: usize = 64 * LANES;

/// Sums all values.
pub(super) fn sum<T: Element>(values: &[T]) -> T {
    sum_of(values, values, |v, _| v)
}

/// Sums `f(a, b)` over the pairs of two slices of equal length.
#[inline]
pub(super) fn sum_of<T: Element>(a: &[T], b: &[T], f: impl Fn(T, T) -> T + Copy) -> T {
    a.chunks(BLOCK)
        .zip(b.chunks(BLOCK))
        .map(|(a, b)| block(a, b, f))
        .sum()
}

#[inline]
fn block<T: Element>(a: &[T], b: &[T], f: impl Fn(T, T) -> T) -> T {
    let mut lanes = [T::ZERO; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += f(a[lane], b[lane]);
        }
    }
    for (lane, (&a, &b)) in lanes.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *lane += f(a, b);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}
