//! Floats as integers with a scale.

use crate::attributes::axis;
use crate::element::ElementType;
use crate::graph::Node;
use crate::host::cast::converted;
use crate::host::inputs::Inputs;
use crate::host::value::Host;
use crate::host::walk::walk;
use crate::host::width::bounds;

/// Scales and zero points, and where each element has its own.
struct Scales<'a> {
    scales: &'a [f32],
    zeros: Option<&'a [i64]>,
    to: Vec<isize>,
}

fn scales<'a>(node: &Node, inputs: &Inputs<'a>) -> Result<Scales<'a>, String> {
    let (host, scale, zero) = (inputs.get(0)?, inputs.get(1)?, inputs.optional(2));
    let block = node.int("block_size", 0)?;
    if block != 0 {
        return Err(format!(
            "scales of blocks are not supported, found blocks of {block}"
        ));
    }
    if let Some(zero) = zero
        && zero.dims() != scale.dims()
    {
        return Err(format!(
            "expected zero points of shape {:?}, found {:?}",
            scale.dims(),
            zero.dims()
        ));
    }
    let mut to = vec![0; host.rank()];
    match scale.dims() {
        [] | [1] => {}
        [count] => {
            let at = axis(node.int("axis", 1)?, host.rank())?;
            if *count != host.dims()[at] {
                return Err(format!(
                    "expected {} scales along axis {at}, found {count}",
                    host.dims()[at]
                ));
            }
            to[at] = 1;
        }
        dims => {
            return Err(format!(
                "expected a list of scales, found the shape {dims:?}"
            ));
        }
    }
    Ok(Scales {
        scales: scale.floats()?,
        zeros: zero.map(Host::ints).transpose()?,
        to,
    })
}

/// Returns `(x - zero) * scale`.
pub(crate) fn dequantize_linear(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let Scales { scales, zeros, to } = scales(node, inputs)?;
    let mut values = host.ints()?.iter();
    let mut out = Vec::with_capacity(values.len());
    walk(host.dims(), [&to], [0], |[at]| {
        let zero = zeros.map_or(0, |zeros| zeros[at]);
        out.extend(
            values
                .next()
                .map(|x| x.wrapping_sub(zero) as f32 * scales[at]),
        );
    });
    let floats = Host::of(host.dims().to_vec(), out)?;
    match node.int("output_dtype", 0)? {
        0 => Ok(floats),
        code => converted(
            &floats,
            ElementType::of(i32::try_from(code).unwrap_or(i32::MAX)),
        ),
    }
}

/// Rounds `x / scale + zero` to the type of the zero point, which is 8 bits without sign if there is none.
pub(crate) fn quantize_linear(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let Scales { scales, zeros, to } = scales(node, inputs)?;
    let element = match (inputs.optional(2), node.int("output_dtype", 0)?) {
        (Some(zero), _) => zero.element(),
        (None, 0) => ElementType::U8,
        (None, code) => ElementType::of(i32::try_from(code).unwrap_or(i32::MAX)),
    };
    let Some((least, greatest)) = bounds(element) else {
        return Err(format!("quantisation to {element} is not supported"));
    };
    let mut values = host.floats()?.iter();
    let mut out = Vec::with_capacity(values.len());
    walk(host.dims(), [&to], [0], |[at]| {
        let zero = zeros.map_or(0, |zeros| zeros[at]);
        out.extend(values.next().map(|x| {
            let rounded = (x / scales[at]).round_ties_even() as i64;
            rounded.saturating_add(zero).clamp(least, greatest)
        }));
    });
    Ok(Host::of(host.dims().to_vec(), out)?.typed(element))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::element::ElementType;
    use crate::host::tests::{check, f, i, int, l, refuses};

    #[test]
    fn integers_become_floats() {
        let x = i(&[2, 2], &[0, 1, 2, 3]);
        let (one, two) = (f(&[], &[0.5]), f(&[2], &[1.0, 2.0]));
        let zero = i(&[], &[1]);
        check(
            "DequantizeLinear",
            &[],
            &[x.clone(), one.clone()],
            &f(&[2, 2], &[0.0, 0.5, 1.0, 1.5]),
        );
        let whole = [x.clone(), one, zero.clone()];
        check(
            "DequantizeLinear",
            &[],
            &whole,
            &f(&[2, 2], &[-0.5, 0.0, 0.5, 1.0]),
        );
        let each = [x.clone(), two.clone(), l(&[0, 1])];
        check(
            "DequantizeLinear",
            &[],
            &each,
            &f(&[2, 2], &[0.0, 0.0, 2.0, 4.0]),
        );
        let rows = [("axis", int(-2))];
        check(
            "DequantizeLinear",
            &rows,
            &each,
            &f(&[2, 2], &[0.0, 1.0, 2.0, 4.0]),
        );
        let blocks = [("block_size", int(2))];
        refuses(
            "DequantizeLinear",
            &blocks,
            &each,
            "blocks are not supported",
        );
        refuses(
            "DequantizeLinear",
            &[],
            &[x.clone(), two, zero],
            "zero points of shape [2]",
        );
        refuses(
            "DequantizeLinear",
            &[],
            &[x, f(&[3], &[1.0; 3])],
            "expected 2 scales along axis 1",
        );
    }

    #[test]
    fn floats_become_integers() {
        let x = f(&[4], &[-300.0, 0.5, 1.5, 300.0]);
        let one = f(&[], &[1.0]);
        check(
            "QuantizeLinear",
            &[],
            &[x.clone(), one.clone()],
            &l(&[0, 0, 2, 255]),
        );
        let zero = i(&[], &[1]).typed(ElementType::I8);
        check(
            "QuantizeLinear",
            &[],
            &[x.clone(), one.clone(), zero],
            &l(&[-128, 1, 3, 127]),
        );
        let wide = [("output_dtype", int(5))];
        check(
            "QuantizeLinear",
            &wide,
            &[x.clone(), one.clone()],
            &l(&[-300, 0, 2, 300]),
        );
        let float8 = [("output_dtype", int(17))];
        refuses(
            "QuantizeLinear",
            &float8,
            &[x.clone(), one],
            "quantisation to float8e4m3fn",
        );
        check(
            "QuantizeLinear",
            &[],
            &[x, f(&[], &[0.0])],
            &l(&[0, 255, 255, 255]),
        );
    }
}
