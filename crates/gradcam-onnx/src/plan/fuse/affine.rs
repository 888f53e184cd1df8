//! Factors and summands of the operation before.

use candle_core::Tensor;
use gradcam_nn::ops::{Axis, LayerNorm};

use crate::plan::builder::Builder;
use crate::plan::layer::Layer;
use crate::plan::value::Map;
use crate::reason::Reason;
use crate::reason::reason;

/// Finds the layer that takes the summand `y` as its bias.
pub(crate) fn add(b: &mut Builder<'_>, x: &Map, y: &Map) -> Result<Option<Map>, Reason> {
    let Some(summand) = y.tensor().cloned() else {
        return Ok(None);
    };
    let Some((layer, input)) = b.only(x) else {
        return Ok(None);
    };
    let layer = match layer {
        Layer::Linear(linear) => {
            let Some(bias) = along_last(&summand, &x.dims)? else {
                return Ok(None);
            };
            let bias = sum(linear.bias(), bias)?;
            Layer::Linear(linear.with_bias(Some(bias)))
        }
        Layer::Conv(conv) => {
            let Some(bias) = along_channels(&summand, &x.dims)? else {
                return Ok(None);
            };
            let bias = sum(conv.bias(), bias)?;
            Layer::Conv(conv.with_bias(Some(bias)))
        }
        Layer::LayerNorm(norm) => {
            let found = match norm.axis {
                Axis::Last => along_last(&summand, &x.dims)?,
                Axis::Channel => along_channels(&summand, &x.dims)?,
            };
            let Some(bias) = found else { return Ok(None) };
            let bias = sum(Some(&norm.bias), bias)?;
            Layer::LayerNorm(LayerNorm { bias, ..norm })
        }
        _ => return Ok(None),
    };
    b.each(layer, &input, x.dims.clone()).map(Some)
}

/// Finds the layer that takes the factor `y` into its own.
pub(crate) fn multiply(b: &mut Builder<'_>, x: &Map, y: &Map) -> Result<Option<Map>, Reason> {
    let Some(factor) = y.tensor().cloned() else {
        return Ok(None);
    };
    let Some((Layer::LayerNorm(norm), input)) = b.only(x) else {
        return Ok(None);
    };
    let found = match norm.axis {
        Axis::Last => along_last(&factor, &x.dims)?,
        Axis::Channel => along_channels(&factor, &x.dims)?,
    };
    let Some(factor) = found else { return Ok(None) };
    let norm = LayerNorm {
        weight: (&norm.weight * &factor).map_err(reason)?,
        bias: (&norm.bias * &factor).map_err(reason)?,
        ..norm
    };
    b.each(Layer::LayerNorm(norm), &input, x.dims.clone())
        .map(Some)
}

fn sum(bias: Option<&Tensor>, more: Tensor) -> Result<Tensor, Reason> {
    match bias {
        None => Ok(more),
        Some(bias) => (bias + more).map_err(reason),
    }
}

/// Returns a constant as a vector if it has one number for each entry of the last dimension.
fn along_last(constant: &Tensor, dims: &[usize]) -> Result<Option<Tensor>, Reason> {
    vector(constant, dims, dims.len().saturating_sub(1))
}

/// Returns a constant as a vector if it has one number for each channel of `(n, c, h, w)`.
fn along_channels(constant: &Tensor, dims: &[usize]) -> Result<Option<Tensor>, Reason> {
    if dims.len() != 4 {
        return Ok(None);
    }
    vector(constant, dims, 1)
}

fn vector(constant: &Tensor, dims: &[usize], dim: usize) -> Result<Option<Tensor>, Reason> {
    let (rank, found) = (dims.len(), constant.dims());
    let Some(skipped) = rank.checked_sub(found.len()) else {
        return Ok(None);
    };
    let len = dims[dim];
    let each = found.iter().zip(skipped..);
    let only = each
        .clone()
        .all(|(&size, at)| size == if at == dim { len } else { 1 });
    if !only || constant.elem_count() != len {
        return Ok(None);
    }
    constant.flatten_all().map(Some).map_err(reason)
}
