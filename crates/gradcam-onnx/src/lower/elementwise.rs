//! Functions of single numbers, and the softmax.

use gradcam_nn::ops::{Activation, LinearMap};

use super::Call;
use crate::attributes::axis;
use crate::plan::builder::Builder;
use crate::plan::value::Map;
use crate::reason::Reason;

/// Finds the function that an operator applies to each number; `None` if the operator is another one.
pub(crate) fn function(call: &Call<'_>) -> Result<Option<Activation>, Reason> {
    let node = call.node();
    let float = |name: &str, default: f32| node.float(name, default).map(f64::from);
    Ok(Some(match node.op() {
        "Relu" => Activation::Relu,
        "LeakyRelu" => Activation::LeakyRelu {
            slope: float("alpha", 0.01)?,
        },
        "Clip" => clip(call)?,
        "Sigmoid" => Activation::Sigmoid,
        "HardSigmoid" => Activation::HardSigmoid {
            slope: hundredth(float("alpha", 0.2)?),
            offset: float("beta", 0.5)?,
        },
        "HardSwish" => Activation::HardSwish,
        "Swish" => match float("alpha", 1.0)? {
            1.0 => Activation::Silu,
            alpha => return Err(format!("Swish with `alpha` = {alpha} is not supported")),
        },
        "Gelu" => match node.text("approximate", "none")? {
            "none" => Activation::Gelu,
            "tanh" => Activation::GeluTanh,
            other => {
                return Err(format!(
                    "`approximate` is `{other}`, which ONNX does not define"
                ));
            }
        },
        "Mish" => Activation::Mish,
        "Tanh" => Activation::Tanh,
        "Erf" => Activation::Erf,
        "Exp" => Activation::Exp,
        "Log" => Activation::Log,
        "Sqrt" => Activation::Power { exponent: 0.5 },
        "Reciprocal" => Activation::Power { exponent: -1.0 },
        "Softplus" => Activation::Softplus,
        "Softsign" => Activation::Softsign,
        "Abs" => Activation::Abs,
        "Sin" => Activation::Sin,
        "Cos" => Activation::Cos,
        "Elu" => Activation::Elu {
            alpha: float("alpha", 1.0)?,
            rate: 1.0,
        },
        "Celu" => {
            let alpha = float("alpha", 1.0)?;
            Activation::Elu {
                alpha,
                rate: 1.0 / alpha,
            }
        }
        _ => return Ok(None),
    }))
}

/// Returns 1/6 for the 0.16666667 and 0.16667 of files.
fn hundredth(slope: f64) -> f64 {
    if (slope - 1.0 / 6.0).abs() < 1e-7 {
        1.0 / 6.0
    } else {
        slope
    }
}

fn clip(call: &Call<'_>) -> Result<Activation, Reason> {
    let low = call.number(1, "min")?.unwrap_or(f64::NEG_INFINITY);
    let high = call.number(2, "max")?.unwrap_or(f64::INFINITY);
    let none = |bound: f64| bound.is_infinite() || bound.abs() >= f64::from(f32::MAX);
    Ok(match (none(low), none(high)) {
        (true, true) => Activation::Identity,
        (false, true) if low == 0.0 => Activation::Relu,
        _ => Activation::Clip { low, high },
    })
}

/// `gamma` times an ELU (Klambauer et al. 2017).
pub(crate) fn selu(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let alpha = f64::from(call.node().float("alpha", 1.673_263_2)?);
    let y = b.activation(Activation::Elu { alpha, rate: 1.0 }, &x)?;
    b.scale(&y, f64::from(call.node().float("gamma", 1.050_701)?))
}

/// `max(x, 0) + slope · min(x, 0)` with a slope for each channel.
pub(crate) fn parametric_relu(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let (x, slope) = (call.map(b, 0)?, call.map(b, 1)?);
    let positive = b.activation(Activation::Relu, &x)?;
    let minus = b.scale(&x, -1.0)?;
    let negative = b.activation(Activation::Relu, &minus)?;
    let negative = b.multiply(&negative, &slope)?;
    let negative = b.scale(&negative, -1.0)?;
    b.add(&positive, &negative)
}

pub(crate) fn softmax(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let old = call.opset() < 13;
    let dim = axis(call.node().int("axis", if old { 1 } else { -1 })?, x.rank())?;
    if !old || dim + 1 == x.rank() {
        return b.softmax(&x, dim);
    }
    // Older operator sets flatten the dimensions from the axis on.
    let lead = x.dims[..dim].to_vec();
    let flat = [&lead[..], &[x.dims[dim..].iter().product()]].concat();
    let y = b.reshape(&x, &flat)?;
    let y = b.softmax(&y, dim)?;
    b.reshape(&y, &x.dims)
}

pub(crate) fn log_softmax(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let y = softmax(b, call)?;
    // x minus the logarithm of the sum, by one entry's probability; more exact than the logarithm of a small probability.
    let dim = axis(
        call.node()
            .int("axis", if call.opset() < 13 { 1 } else { -1 })?,
        x.rank(),
    )?;
    let weighted = b.multiply(&y, &x)?;
    let logarithm = b.activation(Activation::Log, &y)?;
    let entropy = b.multiply(&y, &logarithm)?;
    let minus = b.scale(&entropy, -1.0)?;
    // log Σ eˣ = Σ p x - Σ p log p.
    let terms = b.add(&weighted, &minus)?;
    let total = b.linear_map(
        LinearMap::Reduce(gradcam_nn::ops::Reduce {
            dims: vec![dim],
            mean: false,
            keep: true,
        }),
        &terms,
    )?;
    let total = b.scale(&total, -1.0)?;
    b.add(&x, &total)
}
