//! Shapes: the values stay as they are.

use super::Call;
use crate::attributes::axis;
use crate::host::{Data, Host, shape_of};
use crate::plan::builder::{Builder, count};
use crate::plan::value::{Map, Value};
use crate::reason::Reason;

/// `Identity`, `Dropout` outside of training, and casts between floats.
pub(crate) fn same(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<Value>, Reason> {
    let x = call.value(0)?.clone();
    let node = call.node();
    if node.op() == "Cast" {
        // float32, float16, float64, bfloat16.
        match (node.int("to", 1)?, &x) {
            (1 | 10 | 11 | 16, _) | (_, Value::IsNan(_)) => {}
            _ => return Err("a cast from floats to whole numbers has no gradient".to_string()),
        }
    }
    let mask = node.outputs().get(1).is_some_and(Option::is_some);
    if node.op() == "Dropout" && mask {
        let dims = call.map(b, 0)?.dims;
        let len = dims.iter().product();
        let kept = Host::new(dims, Data::Bool(vec![true; len].into()))?;
        return Ok(vec![x, Value::Host(kept)]);
    }
    Ok(vec![x])
}

pub(crate) fn shape(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<Value>, Reason> {
    let dims = call.map(b, 0)?.dims;
    Ok(vec![Value::Host(shape_of(call.node(), &dims)?)])
}

pub(crate) fn size(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Vec<Value>, Reason> {
    let len = call.map(b, 0)?.len() as i64;
    Ok(vec![Value::Host(Host::new(
        Vec::new(),
        Data::Int(vec![len].into()),
    )?)])
}

pub(crate) fn reshape(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let Some(wanted) = call.ints(1, "shape")? else {
        return Err("the shape is missing".to_string());
    };
    let kept = call.node().int("allowzero", 0)? == 0;
    let mut dims = Vec::with_capacity(wanted.len());
    let mut free = None;
    for (at, &size) in wanted.iter().enumerate() {
        dims.push(match size {
            -1 if free.is_none() => {
                free = Some(at);
                1
            }
            0 if kept => match x.dims.get(at) {
                Some(&size) => size,
                None => {
                    return Err(format!(
                        "{wanted:?} keeps a dimension that {:?} lacks",
                        x.dims
                    ));
                }
            },
            size => {
                usize::try_from(size).map_err(|_| format!("the shape {wanted:?} is not valid"))?
            }
        });
    }
    if let Some(at) = free {
        let rest = count(&dims).unwrap_or(0);
        if rest == 0 || x.len() % rest != 0 {
            return Err(format!("{:?} cannot be reshaped to {wanted:?}", x.dims));
        }
        dims[at] = x.len() / rest;
    }
    b.reshape(&x, &dims)
}

pub(crate) fn flatten(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let rank = x.rank() as i64;
    let at = call.node().int("axis", 1)?;
    let at = if at < 0 { at.saturating_add(rank) } else { at };
    if !(0..=rank).contains(&at) {
        return Err(format!("axis {at} is outside of {:?}", x.dims));
    }
    let (lead, rest) = x.dims.split_at(at as usize);
    let dims = [lead.iter().product(), rest.iter().product()];
    b.reshape(&x, &dims)
}

/// Reads axes as sorted dimensions of a value of this rank.
fn axes(axes: &[i64], rank: usize) -> Result<Vec<usize>, Reason> {
    let mut dims = crate::attributes::axes(axes, rank)?;
    dims.sort_unstable();
    Ok(dims)
}

pub(crate) fn squeeze(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let dims = match call.ints(1, "axes")? {
        Some(given) => axes(&given, x.rank())?,
        // The dimension of the images stays: with one image it only looks like a size of 1.
        None => (0..x.rank())
            .filter(|&dim| x.dims[dim] == 1 && x.batch != Some(dim))
            .collect(),
    };
    b.squeeze(&x, &dims)
}

pub(crate) fn unsqueeze(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let given = call.ints(1, "axes")?.ok_or("the axes are missing")?;
    let rank = x.rank() + given.len();
    let dims = axes(&given, rank)?;
    b.unsqueeze(&x, &dims)
}

pub(crate) fn transpose(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let order = match call.node().ints("perm")? {
        None => (0..x.rank()).rev().collect(),
        Some(order) => order
            .iter()
            .map(|&dim| axis(dim, x.rank()))
            .collect::<Result<Vec<_>, _>>()?,
    };
    b.permute(&x, &order)
}

pub(crate) fn expand(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let shape = call.host(1)?;
    let wanted = shape.ints()?;
    let wanted = super::conv::positive("shape", wanted)?;
    let dims = crate::plan::builder::broadcast(&x.dims, &wanted)?;
    b.expand(&x, &dims)
}
