//! Values that are normalised along axes.

use crate::attributes::axis;
use crate::graph::Node;
use crate::host::broadcast::onto;
use crate::host::inputs::Inputs;
use crate::host::lanes::lanes;
use crate::host::value::Host;
use crate::host::walk::walk;

/// The operator set from which on `Softmax` keeps the dimensions apart.
const ONE_AXIS: i64 = 13;

/// Returns probabilities.
pub(crate) fn softmax(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    normalised(node, inputs, |x, greatest, sum| (x - greatest).exp() / sum)
}

/// Returns logarithms of probabilities.
pub(crate) fn log_softmax(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    normalised(node, inputs, |x, greatest, sum| x - greatest - sum.ln())
}

fn normalised(
    node: &Node,
    inputs: &Inputs<'_>,
    normalise: impl Fn(f32, f32, f32) -> f32,
) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let dims = host.dims();
    let (shaped, at) = if node.opset().is_some_and(|opset| opset < ONE_AXIS) {
        let at = match node.int("axis", 1)? {
            at if usize::try_from(at) == Ok(dims.len()) => dims.len(),
            at => axis(at, dims.len())?,
        };
        let (before, after) = dims.split_at(at);
        let matrix = vec![before.iter().product(), after.iter().product()];
        (host.reshaped(matrix)?, 1)
    } else {
        (host.clone(), axis(node.int("axis", -1)?, dims.len())?)
    };
    let mut values = shaped.floats()?.to_vec();
    for lane in lanes(&shaped, at) {
        let places = || (0..lane.length).map(|n| lane.start + n * lane.stride);
        let greatest = places()
            .map(|at| values[at])
            .fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = places().map(|at| (values[at] - greatest).exp()).sum();
        for at in places() {
            values[at] = normalise(values[at], greatest, sum);
        }
    }
    Host::of(dims.to_vec(), values)
}

/// Shifts and scales to mean 0 and variance 1 over the axes from one on; also returns the means and the scales.
pub(crate) fn layer_normalization(node: &Node, inputs: &Inputs<'_>) -> Result<Vec<Host>, String> {
    let (host, scale, bias) = (inputs.get(0)?, inputs.get(1)?, inputs.optional(2));
    let at = axis(node.int("axis", -1)?, host.rank())?;
    let epsilon = f64::from(node.float("epsilon", 1e-5)?);
    let (outer, inner) = host.dims().split_at(at);
    let size: usize = inner.iter().product();
    let mut values = host.floats()?.to_vec();
    let rows: usize = outer.iter().product();
    let (mut means, mut scales) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    for row in 0..rows {
        let row = &mut values[row * size..(row + 1) * size];
        let wide = || row.iter().map(|x| f64::from(*x));
        let mean = wide().sum::<f64>() / size as f64;
        let variance = wide().map(|x| (x - mean).powi(2)).sum::<f64>() / size as f64;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for x in row {
            *x = ((f64::from(*x) - mean) * inverse) as f32;
        }
        means.push(mean as f32);
        scales.push(inverse as f32);
    }
    along(host, &mut values, scale, |x, scale| x * scale)?;
    if let Some(bias) = bias {
        along(host, &mut values, bias, |x, bias| x + bias)?;
    }
    let mut kept = outer.to_vec();
    kept.resize(host.rank(), 1);
    Ok(vec![
        Host::of(host.dims().to_vec(), values)?,
        Host::of(kept.clone(), means)?,
        Host::of(kept, scales)?,
    ])
}

/// Joins each number with that of a value that broadcasts to it.
fn along(
    host: &Host,
    values: &mut [f32],
    other: &Host,
    join: impl Fn(f32, f32) -> f32,
) -> Result<(), String> {
    let to = onto(other.dims(), host.dims())?;
    let other = other.floats()?;
    let mut values = values.iter_mut();
    walk(host.dims(), [&to], [0], |[at]| {
        if let Some(x) = values.next() {
            *x = join(*x, other[at]);
        }
    });
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::tests::{assert_same, check, f, float, int, node, refuses};
    use crate::host::{Host, evaluate};

    #[test]
    fn probabilities_sum_to_one() {
        let x = f(&[2, 2, 1], &[0.0, 3f32.ln(), 1000.0, 1000.0]);
        let along = [("axis", int(1))];
        check(
            "Softmax",
            &along,
            &[&x],
            &f(&[2, 2, 1], &[0.25, 0.75, 0.5, 0.5]),
        );
        check("Softmax", &[], &[&x], &f(&[2, 2, 1], &[1.0; 4]));
        let logs = [0.25f32.ln(), 0.75f32.ln(), 0.5f32.ln(), 0.5f32.ln()];
        check("LogSoftmax", &along, &[&x], &f(&[2, 2, 1], &logs));
        refuses("Softmax", &[("axis", int(3))], &[x], "expected an axis");
        check("Softmax", &[], &[f(&[2, 0], &[])], &f(&[2, 0], &[]));
    }

    #[test]
    fn older_operator_sets_flatten() {
        let mut node = node("Softmax", 1, &[]);
        node.opset = Some(11);
        let x = f(&[1, 2, 2], &[0.0; 4]);
        let outputs = evaluate(&node, &[Some(x)]).unwrap().unwrap();
        assert_same(
            "Softmax",
            outputs[0].as_ref().unwrap(),
            &f(&[1, 2, 2], &[0.25; 4]),
        );
    }

    #[test]
    fn layers_have_mean_0_and_variance_1() {
        let x = f(&[2, 2], &[1.0, 3.0, -5.0, 5.0]);
        let (scale, bias) = (f(&[2], &[1.0, 2.0]), f(&[2], &[0.0, 1.0]));
        let exact = [("epsilon", float(0.0))];
        let inputs = [Some(x.clone()), Some(scale.clone()), Some(bias)];
        let node = node("LayerNormalization", 3, &exact);
        let outputs = evaluate(&node, &inputs).unwrap().unwrap();
        let outputs: Vec<Host> = outputs.into_iter().flatten().collect();
        assert_same("y", &outputs[0], &f(&[2, 2], &[-1.0, 3.0, -1.0, 3.0]));
        assert_same("mean", &outputs[1], &f(&[2, 1], &[2.0, 0.0]));
        assert_same("scale", &outputs[2], &f(&[2, 1], &[1.0, 0.2]));
        let whole = [("axis", int(-2)), ("epsilon", float(0.0))];
        let ones = f(&[], &[1.0]);
        let expected = f(&[2, 2], &[0.0, 0.534_522_5, -1.603_567_5, 1.069_045]);
        check("LayerNormalization", &whole, &[x.clone(), ones], &expected);
        refuses(
            "LayerNormalization",
            &[],
            &[x, f(&[3], &[1.0; 3])],
            "do not broadcast",
        );
    }
}
