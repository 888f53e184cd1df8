//! Matrix products.

use super::Call;
use crate::plan::builder::{Builder, swapped};
use crate::plan::layer::Layer;
use crate::plan::value::Map;
use crate::reason::Reason;
use crate::reason::reason;

pub(crate) fn matmul(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let (x, y) = (call.map(b, 0)?, call.map(b, 1)?);
    product(b, &x, &y)
}

/// Multiplies as `numpy.matmul` does: a vector gets a second dimension, which the result loses.
pub(crate) fn product(b: &mut Builder<'_>, x: &Map, y: &Map) -> Result<Map, Reason> {
    if x.rank() == 0 || y.rank() == 0 || x.len() * y.len() == 0 {
        return Err(format!(
            "{:?} and {:?} cannot be multiplied",
            x.dims, y.dims
        ));
    }
    if x.rank() == 1 {
        let row = b.unsqueeze(x, &[0])?;
        let z = product(b, &row, y)?;
        let dim = z.rank() - if y.rank() == 1 { 1 } else { 2 };
        return b.squeeze(&z, &[dim]);
    }
    if y.rank() == 1 {
        let column = b.unsqueeze(y, &[1])?;
        let z = product(b, x, &column)?;
        return b.squeeze(&z, &[z.rank() - 1]);
    }
    if x.tensor().is_none() && y.tensor().is_some() && y.rank() == 2 {
        return linear(b, x, y, true);
    }
    if x.tensor().is_some() && y.tensor().is_none() && x.rank() == 2 {
        // (A B)ᵀ = Bᵀ Aᵀ.
        let order = swapped(y.rank(), y.rank() - 2, y.rank() - 1);
        let y = b.permute(y, &order)?;
        let z = linear(b, &y, x, false)?;
        return b.permute(&z, &order);
    }
    b.matmul(x, y)
}

/// Multiplies by a constant matrix `(outputs, inputs)`, or `(inputs, outputs)` if `transposed`.
fn linear(b: &mut Builder<'_>, x: &Map, weight: &Map, transposed: bool) -> Result<Map, Reason> {
    let Some(tensor) = weight.tensor() else {
        return Err("the weight depends on the image".to_string());
    };
    let (outputs, inputs) = if transposed {
        (weight.dims[1], weight.dims[0])
    } else {
        (weight.dims[0], weight.dims[1])
    };
    let mut dims = x.dims.clone();
    match dims.last_mut() {
        Some(last) if *last == inputs => *last = outputs,
        _ => {
            return Err(format!(
                "{:?} and {:?} cannot be multiplied: the inner sizes differ",
                x.dims, weight.dims
            ));
        }
    }
    let layer = b.shared.linear(tensor, transposed, None).map_err(reason)?;
    b.each(Layer::Linear(layer), x, dims)
}

pub(crate) fn gemm(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let node = call.node();
    let (mut x, y) = (call.map(b, 0)?, call.map(b, 1)?);
    if x.rank() != 2 || y.rank() != 2 {
        return Err(format!(
            "expected two matrices, found {:?} and {:?}",
            x.dims, y.dims
        ));
    }
    if node.int("transA", 0)? != 0 {
        x = b.permute(&x, &[1, 0])?;
    }
    let transposed = node.int("transB", 0)? != 0;
    let z = if x.tensor().is_none() && y.tensor().is_some() {
        linear(b, &x, &y, !transposed)?
    } else {
        let y = if transposed {
            b.permute(&y, &[1, 0])?
        } else {
            y
        };
        product(b, &x, &y)?
    };
    let z = b.scale(&z, f64::from(node.float("alpha", 1.0)?))?;
    if !call.has(2) {
        return Ok(z);
    }
    let summand = call.map(b, 2)?;
    let summand = b.scale(&summand, f64::from(node.float("beta", 1.0)?))?;
    b.add(&z, &summand)
}
