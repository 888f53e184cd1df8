//! Sums, means and extremes over dimensions.

use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, LinearMap};

use super::Call;
use crate::attributes::axis;
use crate::plan::builder::Builder;
use crate::plan::layer::Layer;
use crate::plan::value::Map;
use crate::reason::Reason;

pub(crate) fn reduce(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let node = call.node();
    let keep = node.int("keepdims", 1)? != 0;
    let mut dims = match call.ints(1, "axes")? {
        Some(axes) if !axes.is_empty() => axes
            .iter()
            .map(|&a| axis(a, x.rank()))
            .collect::<Result<Vec<_>, _>>()?,
        _ if node.int("noop_with_empty_axes", 0)? != 0 => return Ok(x),
        _ => (0..x.rank()).collect(),
    };
    dims.sort_unstable();
    dims.dedup();
    let square = Activation::Power { exponent: 2.0 };
    let root = Activation::Power { exponent: 0.5 };
    match node.op() {
        "ReduceMean" => mean(b, &x, &dims, keep),
        "ReduceSum" => b.reduce(&x, &dims, false, keep),
        "ReduceL1" => {
            let x = b.activation(Activation::Abs, &x)?;
            b.reduce(&x, &dims, false, keep)
        }
        "ReduceL2" => {
            let x = b.activation(square, &x)?;
            let x = b.reduce(&x, &dims, false, keep)?;
            b.activation(root, &x)
        }
        "ReduceSumSquare" => {
            let x = b.activation(square, &x)?;
            b.reduce(&x, &dims, false, keep)
        }
        "ReduceLogSum" => {
            let x = b.reduce(&x, &dims, false, keep)?;
            b.activation(Activation::Log, &x)
        }
        "ReduceLogSumExp" => {
            let x = b.activation(Activation::Exp, &x)?;
            let x = b.reduce(&x, &dims, false, keep)?;
            b.activation(Activation::Log, &x)
        }
        "ReduceMax" => maximum(b, &x, &dims, keep),
        "ReduceMin" => {
            let x = b.scale(&x, -1.0)?;
            let y = maximum(b, &x, &dims, keep)?;
            b.scale(&y, -1.0)
        }
        other => Err(format!("`{other}` is not supported")),
    }
}

/// A mean; over the positions of a feature map it is a global average pooling.
fn mean(b: &mut Builder<'_>, x: &Map, dims: &[usize], keep: bool) -> Result<Map, Reason> {
    let global = |b: &mut Builder<'_>, x: &Map| {
        b.linear_map(LinearMap::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1)), x)
    };
    if x.rank() == 4 && x.batch == Some(0) {
        if dims == [2, 3] {
            let y = global(b, x)?;
            return if keep { Ok(y) } else { b.squeeze(&y, &[2, 3]) };
        }
        if dims == [1, 2]
            && let Some((Layer::LinearMap(LinearMap::Permute(order)), inner)) = b.only(x)
            && order == [0, 2, 3, 1]
        {
            let y = global(b, &inner)?;
            return if keep {
                b.permute(&y, &order)
            } else {
                b.squeeze(&y, &[2, 3])
            };
        }
    }
    b.reduce(x, dims, true, keep)
}

/// A maximum, as the pooling of one window.
fn maximum(b: &mut Builder<'_>, x: &Map, dims: &[usize], keep: bool) -> Result<Map, Reason> {
    if x.len() == 0 {
        return Err(format!("the maximum of {:?} is not defined", x.dims));
    }
    let rest: Vec<usize> = (0..x.rank()).filter(|dim| !dims.contains(dim)).collect();
    let order = [&rest[..], dims].concat();
    let y = b.permute(x, &order)?;
    let outer: Vec<usize> = rest.iter().map(|&dim| x.dims[dim]).collect();
    let inner: usize = dims.iter().map(|&dim| x.dims[dim]).product();
    let lead = outer.first().copied().unwrap_or(1);
    let channels = outer.iter().skip(1).product::<usize>();
    let y = b.reshape(&y, &[lead, channels, 1, inner])?;
    let y = super::pool::maximum(b, &y, (1, inner))?;
    let shape: Vec<usize> = if keep {
        (0..x.rank())
            .map(|dim| if dims.contains(&dim) { 1 } else { x.dims[dim] })
            .collect()
    } else {
        outer
    };
    b.reshape(&y, &shape)
}
