//! Arithmetic between values, with broadcasting.

use gradcam_nn::ops::Activation;

use super::Call;
use crate::host::Data;
use crate::plan::builder::{Builder, broadcast};
use crate::plan::value::{Map, Value};
use crate::reason::Reason;
use crate::reason::reason;

pub(crate) fn sum(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let mut total = call.map(b, 0)?;
    for index in 1..call.len() {
        let next = call.map(b, index)?;
        total = b.add(&total, &next)?;
    }
    Ok(total)
}

pub(crate) fn mean(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let total = sum(b, call)?;
    b.scale(&total, 1.0 / call.len().max(1) as f64)
}

pub(crate) fn difference(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let (x, y) = (call.map(b, 0)?, call.map(b, 1)?);
    subtract(b, &x, &y)
}

fn subtract(b: &mut Builder<'_>, x: &Map, y: &Map) -> Result<Map, Reason> {
    let minus = b.scale(y, -1.0)?;
    b.add(x, &minus)
}

pub(crate) fn product(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let (x, y) = (call.map(b, 0)?, call.map(b, 1)?);
    b.multiply(&x, &y)
}

pub(crate) fn quotient(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let (x, y) = (call.map(b, 0)?, call.map(b, 1)?);
    let inverse = match b.number(&y) {
        // Exact in f64, where a reciprocal in f32 is not.
        Some(divisor) if y.rank() <= x.rank() => return b.scale(&x, 1.0 / divisor),
        _ => b.activation(Activation::Power { exponent: -1.0 }, &y)?,
    };
    b.multiply(&x, &inverse)
}

pub(crate) fn power(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let (x, y) = (call.map(b, 0)?, call.map(b, 1)?);
    match b.number(&y) {
        Some(1.0) => Ok(x),
        Some(exponent) => b.activation(Activation::Power { exponent }, &x),
        None => {
            // xʸ = exp(y log x), for a positive base.
            let logarithm = b.activation(Activation::Log, &x)?;
            let exponent = b.multiply(&logarithm, &y)?;
            b.activation(Activation::Exp, &exponent)
        }
    }
}

/// `max(x, y) = y + relu(x - y)`.
pub(crate) fn maximum(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    extreme(b, call, |b, x, y| {
        if let Some(bound) = b.number(y)
            && y.rank() <= x.rank()
        {
            let f = match bound {
                0.0 => Activation::Relu,
                low => Activation::Clip {
                    low,
                    high: f64::INFINITY,
                },
            };
            return b.activation(f, x);
        }
        let more = subtract(b, x, y)?;
        let more = b.activation(Activation::Relu, &more)?;
        b.add(&more, y)
    })
}

/// `min(x, y) = y - relu(y - x)`.
pub(crate) fn minimum(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    extreme(b, call, |b, x, y| {
        if let Some(high) = b.number(y)
            && y.rank() <= x.rank()
        {
            let low = f64::NEG_INFINITY;
            return b.activation(Activation::Clip { low, high }, x);
        }
        let more = subtract(b, y, x)?;
        let more = b.activation(Activation::Relu, &more)?;
        subtract(b, y, &more)
    })
}

fn extreme(
    b: &mut Builder<'_>,
    call: &Call<'_>,
    pair: impl Fn(&mut Builder<'_>, &Map, &Map) -> Result<Map, Reason>,
) -> Result<Map, Reason> {
    let mut found = call.map(b, 0)?;
    for index in 1..call.len() {
        let next = call.map(b, index)?;
        found = match found.tensor() {
            Some(_) => pair(b, &next, &found)?,
            None => pair(b, &found, &next)?,
        };
    }
    Ok(found)
}

/// `Where`: a choice that is known without the image, or the guard `Where(IsNaN(x), 0, x)`, which passes `x`.
pub(crate) fn choice(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    if let Value::IsNan(tested) = call.value(0)? {
        let (otherwise, x) = (call.map(b, 1)?, call.map(b, 2)?);
        return if x.source.is(&tested.source) && otherwise.tensor().is_some() {
            Ok(x)
        } else {
            Err(
                "a guard against NaN must choose between a constant and the tested value"
                    .to_string(),
            )
        };
    }
    let condition = call.host(0)?;
    let Data::Bool(chosen) = condition.data() else {
        return Err("the condition must be Boolean".to_string());
    };
    let (x, y) = (call.map(b, 1)?, call.map(b, 2)?);
    let dims = broadcast(&broadcast(&x.dims, &y.dims)?, condition.dims())?;
    if chosen.iter().all(|&chosen| chosen) {
        return b.expand(&x, &dims);
    }
    if !chosen.iter().any(|&chosen| chosen) {
        return b.expand(&y, &dims);
    }
    let part = |b: &mut Builder<'_>, value: &Map, when: bool| -> Result<Map, Reason> {
        let mask: Vec<f32> = chosen.iter().map(|&c| f32::from(c == when)).collect();
        let host = crate::host::Host::new(condition.dims().to_vec(), Data::Float(mask.into()))?;
        let mask = b.constant(&host)?;
        match (value.tensor(), mask.tensor()) {
            // An infinite constant times 0 would not be a number.
            (Some(tensor), Some(mask)) => {
                let shape = broadcast(tensor.dims(), mask.dims())?;
                let kept = mask.broadcast_as(shape.as_slice()).and_then(|mask| {
                    let tensor = tensor.broadcast_as(shape.as_slice())?;
                    mask.gt(0.5)?.where_cond(&tensor, &tensor.zeros_like()?)
                });
                kept.map(Map::constant).map_err(reason)
            }
            _ => b.multiply(value, &mask),
        }
    };
    let (x, y) = (part(b, &x, true)?, part(b, &y, false)?);
    let sum = b.add(&x, &y)?;
    b.expand(&sum, &dims)
}
