//! Normalisations.

use candle_core::Tensor;
use gradcam_nn::ops::{Activation, AvgPool2d, Axis, BatchNorm, LayerNorm, LinearMap};

use super::Call;
use super::conv::{positive, vector};
use crate::attributes::axis;
use crate::plan::builder::Builder;
use crate::plan::layer::Layer;
use crate::plan::value::Map;
use crate::reason::Reason;
use crate::reason::reason;

pub(crate) fn batch(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    if call.node().int("training_mode", 0)? != 0 {
        return Err("the node is in training mode; export the network after `eval()`".to_string());
    }
    let Some(&channels) = x.dims.get(1) else {
        return Err(format!("expected (n, channels, …), found {:?}", x.dims));
    };
    let parameter = |index| vector(&call.map(b, index)?, channels);
    let eps = f64::from(call.node().float("epsilon", 1e-5)?);
    let norm = BatchNorm::new(
        parameter(1)?,
        parameter(2)?,
        parameter(3)?,
        parameter(4)?,
        eps,
    );
    let norm = norm.map_err(reason)?;
    match x.rank() {
        2 | 4 => b.each(Layer::BatchNorm(norm), &x, x.dims.clone()),
        _ => {
            let flat = [x.dims[0], channels, x.dims[2..].iter().product(), 1];
            let y = b.reshape(&x, &flat)?;
            let y = b.each(Layer::BatchNorm(norm), &y, flat.to_vec())?;
            b.reshape(&y, &x.dims)
        }
    }
}

/// Normalises over the last dimension of `x`, without factor and summand.
fn normalised(b: &mut Builder<'_>, x: &Map, eps: f64) -> Result<Map, Reason> {
    let len = x.dims.last().copied().unwrap_or(1);
    let make = |value: f64| {
        Tensor::full(value, len, b.device())
            .and_then(|tensor| tensor.to_dtype(b.dtype()))
            .map_err(reason)
    };
    let norm = LayerNorm {
        weight: make(1.0)?,
        bias: make(0.0)?,
        eps,
        axis: Axis::Last,
    };
    if let Some((Layer::LinearMap(LinearMap::Permute(order)), inner)) = b.only(x)
        && order == [0, 2, 3, 1]
    {
        // Over the channels of a feature map, where other permutations may follow.
        let norm = LayerNorm {
            axis: Axis::Channel,
            ..norm
        };
        let y = b.each(Layer::LayerNorm(norm), &inner, inner.dims.clone())?;
        return b.permute(&y, &order);
    }
    b.each(Layer::LayerNorm(norm), x, x.dims.clone())
}

pub(crate) fn layer(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    if call.node().outputs().iter().skip(1).any(Option::is_some) {
        return Err("the mean and the deviation (outputs 1 and 2) are not supported".to_string());
    }
    let dim = axis(call.node().int("axis", -1)?, x.rank())?;
    let eps = f64::from(call.node().float("epsilon", 1e-5)?);
    let flat = [&x.dims[..dim], &[x.dims[dim..].iter().product()]].concat();
    let y = b.reshape(&x, &flat)?;
    let y = normalised(b, &y, eps)?;
    let y = b.reshape(&y, &x.dims)?;
    affine(b, call, &y, 1, 2)
}

/// Multiplies by input `weight` and adds input `bias`, where they are given.
fn affine(
    b: &mut Builder<'_>,
    call: &Call<'_>,
    x: &Map,
    weight: usize,
    bias: usize,
) -> Result<Map, Reason> {
    let mut y = x.clone();
    if call.has(weight) {
        let factor = call.map(b, weight)?;
        y = b.multiply(&y, &factor)?;
    }
    if call.has(bias) {
        let summand = call.map(b, bias)?;
        y = b.add(&y, &summand)?;
    }
    Ok(y)
}

/// Normalises each group of channels over its channels and positions.
fn grouped(b: &mut Builder<'_>, x: &Map, groups: usize, eps: f64) -> Result<Map, Reason> {
    let (n, c) = match x.dims.as_slice() {
        &[n, c, _, ..] => (n, c),
        dims => return Err(format!("expected (n, channels, rows, …), found {dims:?}")),
    };
    if c == 0 || c % groups != 0 {
        return Err(format!("{groups} groups do not divide {c} channels"));
    }
    let flat = [n, groups, x.len() / (n * groups).max(1)];
    let y = b.reshape(x, &flat)?;
    let y = normalised(b, &y, eps)?;
    b.reshape(&y, &x.dims)
}

/// Gives a parameter of `c` channels the shape `(c, 1, …)`.
fn over_channels(
    b: &mut Builder<'_>,
    call: &Call<'_>,
    index: usize,
    x: &Map,
    repeated: usize,
) -> Result<Map, Reason> {
    let c = x.dims[1];
    let tensor = vector(&call.map(b, index)?, c / repeated)?;
    let tensor = tensor
        .unsqueeze(1)
        .and_then(|t| t.broadcast_as((c / repeated, repeated))?.reshape(c))
        .map_err(reason)?;
    let shape: Vec<usize> = (1..x.rank())
        .map(|dim| if dim == 1 { c } else { 1 })
        .collect();
    tensor.reshape(shape).map(Map::constant).map_err(reason)
}

pub(crate) fn instance(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let eps = f64::from(call.node().float("epsilon", 1e-5)?);
    let channels = x.dims.get(1).copied().unwrap_or(1);
    let y = grouped(b, &x, channels.max(1), eps)?;
    let factor = over_channels(b, call, 1, &x, 1)?;
    let y = b.multiply(&y, &factor)?;
    let summand = over_channels(b, call, 2, &x, 1)?;
    b.add(&y, &summand)
}

pub(crate) fn group(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let eps = f64::from(call.node().float("epsilon", 1e-5)?);
    let groups = positive("num_groups", &[call.node().int("num_groups", 0)?])?[0];
    let y = grouped(b, &x, groups, eps)?;
    // Before operator set 21 there was a parameter for each group.
    let each = if call.opset() < 21 {
        x.dims[1] / groups
    } else {
        1
    };
    let factor = over_channels(b, call, 1, &x, each)?;
    let y = b.multiply(&y, &factor)?;
    let summand = over_channels(b, call, 2, &x, each)?;
    b.add(&y, &summand)
}

pub(crate) fn root_mean_square(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let dim = axis(call.node().int("axis", -1)?, x.rank())?;
    let eps = f64::from(call.node().float("epsilon", 1e-5)?);
    let dims: Vec<usize> = (dim..x.rank()).collect();
    let squares = b.activation(Activation::Power { exponent: 2.0 }, &x)?;
    let mean = b.reduce(&squares, &dims, true, true)?;
    let shifted = b.shift(&mean, eps)?;
    let factor = b.activation(Activation::Power { exponent: -0.5 }, &shifted)?;
    let y = b.multiply(&x, &factor)?;
    affine(b, call, &y, 1, usize::MAX)
}

pub(crate) fn length(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let dim = axis(call.node().int("axis", -1)?, x.rank())?;
    let length = match call.node().int("p", 2)? {
        1 => {
            let size = b.activation(Activation::Abs, &x)?;
            b.reduce(&size, &[dim], false, true)?
        }
        2 => {
            let squares = b.activation(Activation::Power { exponent: 2.0 }, &x)?;
            let sum = b.reduce(&squares, &[dim], false, true)?;
            b.activation(Activation::Power { exponent: 0.5 }, &sum)?
        }
        p => return Err(format!("`p` = {p} is not supported")),
    };
    let factor = b.activation(Activation::Power { exponent: -1.0 }, &length)?;
    b.multiply(&x, &factor)
}

/// `x / (bias + alpha/size · Σ x²)^beta`, the sum over neighbouring channels (Krizhevsky et al. 2012, section 3.3).
pub(crate) fn local_response(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let node = call.node();
    let size = positive("size", &[node.int("size", 0)?])?[0];
    let float = |name: &str, default: f32| node.float(name, default).map(f64::from);
    let (alpha, beta, bias) = (
        float("alpha", 1e-4)?,
        float("beta", 0.75)?,
        float("bias", 1.0)?,
    );
    let &[n, c, ref rest @ ..] = x.dims.as_slice() else {
        return Err(format!("expected (n, channels, …), found {:?}", x.dims));
    };
    if rest.is_empty() {
        return Err(format!("expected (n, channels, …), found {:?}", x.dims));
    }
    let squares = b.activation(Activation::Power { exponent: 2.0 }, &x)?;
    // The channels as rows of a map with one channel.
    let as_rows = b.reshape(&squares, &[n, 1, c, rest.iter().product()])?;
    let before = (size - 1) / 2;
    let zeros = [(0, 0), (0, 0), (before, size - 1 - before), (0, 0)];
    let padded = super::pick::padded(b, &as_rows, &zeros, 0.0)?;
    let pool = AvgPool2d {
        kernel: (size, 1),
        stride: (1, 1),
        padding: (0, 0),
        ceil_mode: false,
        count_include_pad: true,
    };
    let mean = b.linear_map(LinearMap::AvgPool(pool), &padded)?;
    let scaled = b.scale(&mean, alpha)?;
    let shifted = b.shift(&scaled, bias)?;
    let factor = b.activation(Activation::Power { exponent: -beta }, &shifted)?;
    let factor = b.reshape(&factor, &x.dims)?;
    b.multiply(&x, &factor)
}
