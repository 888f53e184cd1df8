//! Products of a few rows with a large matrix: bound by reading the matrix once.
//!
//! Each result is one dot product, summed in a fixed order for any number of rows, so a batch gives the same bits as its rows alone.

use rayon::prelude::*;

use super::float::Float;
use super::wide::wide;

/// Partial sums of one dot product: four of the widest vectors, so that no addition waits for the previous one.
const LANES: usize = 64;
/// Rows of the matrix read side by side, so that the sums are loaded and stored less often.
const ROWS: usize = 4;

/// Computes the dot product of two slices of equal length. Loops over indices, as the micro-kernels do.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn dot<T: Float>(a: &[T], b: &[T]) -> T {
    let len = a.len();
    let b = &b[..len];
    let mut sums = [T::ZERO; LANES];
    let mut first = 0;
    while first + LANES <= len {
        let (a, b) = (&a[first..first + LANES], &b[first..first + LANES]);
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
        first += LANES;
    }
    for i in first..len {
        sums[i - first] += a[i] * b[i];
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}

/// Computes `x · weightᵀ + bias`: `x` is `(rows, inputs)`, `weight` `(outputs, inputs)`, the result `(rows, outputs)`.
pub(crate) fn forward<T: Float>(
    x: &[T],
    weight: &[T],
    bias: Option<&[T]>,
    inputs: usize,
    outputs: usize,
) -> Vec<T> {
    let rows = x.len() / inputs;
    // Output-major, so that tasks own contiguous ranges and each weight row is read once for all rows of `x`.
    let mut columns = vec![T::ZERO; rows * outputs];
    columns
        .par_chunks_exact_mut(rows.max(1))
        .with_min_len(16)
        .enumerate()
        .for_each(|(output, column)| {
            let weight = &weight[output * inputs..(output + 1) * inputs];
            for (y, x) in column.iter_mut().zip(x.chunks_exact(inputs)) {
                let sum = wide(
                    #[inline(always)]
                    || dot(weight, x),
                );
                *y = sum + bias.map_or(T::ZERO, |b| b[output]);
            }
        });
    if rows == 1 {
        return columns;
    }
    let mut out = Vec::with_capacity(columns.len());
    for row in 0..rows {
        out.extend(columns.iter().skip(row).step_by(rows).copied());
    }
    out
}

/// Computes the gradient of the input, `grad · weight`: `(rows, inputs)` from `(rows, outputs)`.
pub(crate) fn backward<T: Float>(
    grad: &[T],
    weight: &[T],
    inputs: usize,
    outputs: usize,
) -> Vec<T> {
    /// Inputs of one task.
    const BLOCK: usize = 2048;
    let rows = grad.len() / outputs;
    let mut dx = vec![T::ZERO; rows * inputs];
    for (dx, grad) in dx.chunks_exact_mut(inputs).zip(grad.chunks_exact(outputs)) {
        // The gradient of a score is zero for all but the target class, and after a ReLU for half of the units.
        let terms: Vec<(usize, T)> = (0..outputs)
            .map(|output| (output, grad[output]))
            .filter(|(_, g)| *g != T::ZERO)
            .collect();
        dx.par_chunks_mut(BLOCK)
            .enumerate()
            .for_each(|(block, dx)| {
                let (first, len) = (block * BLOCK, dx.len());
                let row = |term: &(usize, T)| &weight[term.0 * inputs + first..][..len];
                for terms in terms.chunks(ROWS) {
                    match terms {
                        [a, b, c, d] => {
                            let (w, g) = ([row(a), row(b), row(c), row(d)], [a.1, b.1, c.1, d.1]);
                            wide(
                                #[inline(always)]
                                || add_rows(dx, w, g),
                            );
                        }
                        terms => {
                            for term in terms {
                                let row = row(term);
                                wide(
                                    #[inline(always)]
                                    || add_rows(dx, [row], [term.1]),
                                );
                            }
                        }
                    }
                }
            });
    }
    dx
}

/// Adds rows times their factors, one after the other.
#[inline(always)]
#[allow(clippy::needless_range_loop)]
fn add_rows<T: Float, const N: usize>(sums: &mut [T], rows: [&[T]; N], factors: [T; N]) {
    let len = sums.len();
    let rows = rows.map(|row| &row[..len]);
    for i in 0..len {
        let mut sum = sums[i];
        for n in 0..N {
            sum += factors[n] * rows[n][i];
        }
        sums[i] = sum;
    }
}
