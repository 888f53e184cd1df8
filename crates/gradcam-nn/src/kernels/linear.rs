//! Products of few rows with a large matrix: bound by reading the matrix once.
//!
//! Each result is one dot product with a fixed order of summation, whatever the number of rows, so that a batch gives to the bit
//! what its rows give alone.

use rayon::prelude::*;

use super::Element;

/// Partial sums of one dot product, one per lane of the widest vector unit.
const LANES: usize = 16;

/// The dot product of two slices of one length.
fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    let mut sums = [T::ZERO; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: T = a
        .remainder()
        .iter()
        .zip(b.remainder())
        .map(|(&x, &y)| x * y)
        .sum();
    for (a, b) in a.zip(b) {
        for ((s, &x), &y) in sums.iter_mut().zip(a).zip(b) {
            *s += x * y;
        }
    }
    sums.into_iter().sum::<T>() + rest
}

/// `x · weightᵀ + bias`: `x` is `(rows, inputs)`, `weight` `(outputs, inputs)`; returns `(rows, outputs)`.
pub(crate) fn forward<T: Element>(
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
                *y = dot(weight, x) + bias.map_or(T::ZERO, |b| b[output]);
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

/// `grad · weight`: the gradient of the input, `(rows, inputs)` from `(rows, outputs)`.
pub(crate) fn backward<T: Element>(
    grad: &[T],
    weight: &[T],
    inputs: usize,
    outputs: usize,
) -> Vec<T> {
    /// Inputs of one task.
    const BLOCK: usize = 1024;
    let rows = grad.len() / outputs;
    let mut dx = vec![T::ZERO; rows * inputs];
    for (dx, grad) in dx.chunks_exact_mut(inputs).zip(grad.chunks_exact(outputs)) {
        dx.par_chunks_mut(BLOCK)
            .enumerate()
            .for_each(|(block, dx)| {
                let start = block * BLOCK;
                for (output, &g) in grad.iter().enumerate() {
                    // The score's gradient is zero but for the target class.
                    if g == T::ZERO {
                        continue;
                    }
                    let weight = &weight[output * inputs + start..];
                    for (d, &w) in dx.iter_mut().zip(weight) {
                        *d += g * w;
                    }
                }
            });
    }
    dx
}
