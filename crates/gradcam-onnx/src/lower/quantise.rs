//! Quantised values, widened to floats.

use gradcam_nn::ops::Activation;

use super::Call;
use crate::element::ElementType;
use crate::plan::builder::Builder;
use crate::plan::value::Map;
use crate::reason::Reason;

/// `QuantizeLinear`: rounds to the grid of the integers and stays a float. Its gradient passes through.
pub(crate) fn quantise(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    let x = call.map(b, 0)?;
    let scale = call.host(1)?;
    let scale = match scale.floats()? {
        &[scale] if scale > 0.0 => f64::from(scale),
        _ => return Err("only one positive scale for the whole value is supported".to_string()),
    };
    let zero_point = if call.has(2) {
        call.host(2)?.number()?
    } else {
        0.0
    };
    let element = if call.has(2) {
        Some(call.host(2)?.element())
    } else {
        None
    };
    let (low, high) = match element {
        Some(ElementType::I8) => (-128.0, 127.0),
        Some(ElementType::U16) => (0.0, 65535.0),
        Some(ElementType::I16) => (-32768.0, 32767.0),
        Some(ElementType::U8) | None => (0.0, 255.0),
        Some(other) => return Err(format!("a zero point of type {other} is not supported")),
    };
    let steps = b.scale(&x, 1.0 / scale)?;
    let rounded = Activation::Round {
        low: low - zero_point,
        high: high - zero_point,
    };
    let rounded = b.activation(rounded, &steps)?;
    b.scale(&rounded, scale)
}

/// `DequantizeLinear` of a quantised value, which is a float already.
pub(crate) fn widened(b: &mut Builder<'_>, call: &Call<'_>) -> Result<Map, Reason> {
    call.map(b, 0)
}
