//! Slices of one dimension.

use candle_core::{Result, Tensor, bail};

use super::take;

/// Takes `len` positions `start`, `start + step`, …; adjacent positions and a single one are a view.
pub(super) fn forward(
    x: &Tensor,
    dim: usize,
    (start, len, step): (usize, usize, usize),
) -> Result<Tensor> {
    output_dims(x.dims(), dim, (start, len, step))?;
    if step == 1 || len <= 1 {
        return x.narrow(dim, start, len);
    }
    take::forward(x, dim, &positions(start, len, step))
}

/// Puts the values back at their positions, with zeros elsewhere.
pub(super) fn adjoint(
    grad: &Tensor,
    dims: &[usize],
    dim: usize,
    (start, len, step): (usize, usize, usize),
) -> Result<Tensor> {
    output_dims(dims, dim, (start, len, step))?;
    if step == 1 || len <= 1 {
        return grad.pad_with_zeros(dim, start, dims[dim] - start - len);
    }
    take::adjoint(grad, dims, dim, &positions(start, len, step))
}

/// Returns the dimensions of the result if the positions exist.
pub(super) fn output_dims(
    dims: &[usize],
    dim: usize,
    (start, len, step): (usize, usize, usize),
) -> Result<Vec<usize>> {
    let fits = dims.get(dim).is_some_and(|&size| {
        let end = start.checked_add(span(len, step));
        end.is_some_and(|end| end <= size)
    });
    if !fits || step == 0 {
        bail!(
            "{len} positions of dimension {dim} from {start} on, {step} apart, are not in {dims:?}"
        );
    }
    let mut dims = dims.to_vec();
    dims[dim] = len;
    Ok(dims)
}

/// Lists the positions.
fn positions(start: usize, len: usize, step: usize) -> Vec<usize> {
    (0..len).map(|i| start + i * step).collect()
}

/// Returns the length from the first position to the last, both included.
fn span(len: usize, step: usize) -> usize {
    match len {
        0 => 0,
        _ => (len - 1).saturating_mul(step).saturating_add(1),
    }
}
