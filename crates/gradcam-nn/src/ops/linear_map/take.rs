//! Entries of one dimension by their indices.

use candle_core::{Device, Result, Tensor, bail};

/// Takes the entries of dimension `dim` with these indices, in their order.
pub(super) fn forward(x: &Tensor, dim: usize, indices: &[usize]) -> Result<Tensor> {
    output_dims(x.dims(), dim, indices)?;
    x.contiguous()?.index_select(&on(indices, x.device())?, dim)
}

/// Adds the values up at their entries. The sums follow the order of `indices` on every device, so the same input gives the same bytes.
pub(super) fn adjoint(
    grad: &Tensor,
    dims: &[usize],
    dim: usize,
    indices: &[usize],
) -> Result<Tensor> {
    output_dims(dims, dim, indices)?;
    Tensor::zeros(dims, grad.dtype(), grad.device())?.index_add(
        &on(indices, grad.device())?,
        &grad.contiguous()?,
        dim,
    )
}

/// Returns the dimensions of the result if the entries exist.
pub(super) fn output_dims(dims: &[usize], dim: usize, indices: &[usize]) -> Result<Vec<usize>> {
    let Some(&size) = dims.get(dim) else {
        bail!(
            "entries are taken along dimension {dim}, but {dims:?} has only {}",
            dims.len()
        );
    };
    if indices.is_empty() {
        bail!("at least one index is needed along dimension {dim} of {dims:?}");
    }
    if let Some(index) = indices.iter().find(|&&index| index >= size) {
        bail!("index {index} is not below {size}, the size of dimension {dim} of {dims:?}");
    }
    let mut dims = dims.to_vec();
    dims[dim] = indices.len();
    Ok(dims)
}

/// Puts the indices on a device. Each is below the size of a dimension, so it fits `i64`.
fn on(indices: &[usize], device: &Device) -> Result<Tensor> {
    let indices: Vec<i64> = indices.iter().map(|&index| index as i64).collect();
    Tensor::new(indices, device)
}
