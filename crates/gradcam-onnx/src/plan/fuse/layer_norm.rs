//! Layer norms that are spelled out in parts.

use candle_core::Tensor;
use gradcam_nn::ops::{Activation, Axis, LayerNorm, LinearMap};

use crate::plan::builder::Builder;
use crate::plan::layer::Layer;
use crate::plan::value::Map;
use crate::reason::Reason;
use crate::reason::reason;

/// Finds `(x - mean) · (variance + eps)^(-1/2)` over the last dimension, or over the channels of a feature map.
pub(crate) fn product(b: &mut Builder<'_>, x: &Map, y: &Map) -> Result<Option<Map>, Reason> {
    for (centred, inverse) in [(x, y), (y, x)] {
        if let Some((input, axis, eps)) = parts(b, centred, inverse) {
            let len = match axis {
                Axis::Last => input.dims.last().copied(),
                Axis::Channel => input.dims.get(1).copied(),
            };
            let make = |value| Tensor::full(value, len.unwrap_or(1), b.device());
            let make = |value: f64| make(value).and_then(|t| t.to_dtype(b.dtype()));
            let norm = LayerNorm {
                weight: make(1.0).map_err(reason)?,
                bias: make(0.0).map_err(reason)?,
                eps,
                axis,
            };
            let dims = input.dims.clone();
            return b.each(Layer::LayerNorm(norm), &input, dims).map(Some);
        }
    }
    Ok(None)
}

fn parts(b: &Builder<'_>, centred: &Map, inverse: &Map) -> Option<(Map, Axis, f64)> {
    let (Activation::Power { exponent: -0.5 }, sum) = b.as_activation(inverse)? else {
        return None;
    };
    let (variance, eps) = b.as_shifted(&sum)?;
    let (squares, axis) = mean(b, &variance)?;
    let (base, 2) = b.as_power(&squares) else {
        return None;
    };
    let input = centre(b, centred, axis)?;
    let same = base.source.is(&centred.source)
        || centre(b, &base, axis).is_some_and(|other| other.source.is(&input.source));
    same.then_some((input, axis, eps))
}

/// Finds the `x` of `x - mean(x)`.
fn centre(b: &Builder<'_>, centred: &Map, axis: Axis) -> Option<Map> {
    let (x, minus) = b.as_sum(centred)?;
    let (-1.0, average) = b.as_scaled(&minus) else {
        return None;
    };
    let (averaged, found) = mean(b, &average)?;
    (averaged.source.is(&x.source) && found == axis).then_some(x)
}

/// Finds the input of a mean, which must keep the dimension.
fn mean(b: &Builder<'_>, x: &Map) -> Option<(Map, Axis)> {
    let (Layer::LinearMap(LinearMap::Reduce(reduce)), inner) = b.only(x)? else {
        return None;
    };
    if !reduce.mean || !reduce.keep {
        return None;
    }
    match *reduce.dims.as_slice() {
        [dim] if dim + 1 == inner.rank() => Some((inner, Axis::Last)),
        [1] if inner.rank() == 4 => Some((inner, Axis::Channel)),
        _ => None,
    }
}
