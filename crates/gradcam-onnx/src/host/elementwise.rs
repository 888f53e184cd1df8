//! Functions of each element.

use std::f64::consts::PI;

use crate::graph::Node;
use crate::host::inputs::Inputs;
use crate::host::number::Number;
use crate::host::value::{Element, Host, numeric, typed};

fn each<A: Element, B: Element>(host: &Host, compute: impl Fn(A) -> B) -> Result<Host, String> {
    let values = A::of(host)?.iter().map(|value| compute(*value)).collect();
    Ok(Host::of(host.dims().to_vec(), values)?.typed(host.element()))
}

/// Changes the sign.
pub(crate) fn neg(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    // A difference from zero would lose the sign of a zero.
    numeric!(host, T => each(host, |x: T| x.times(T::ZERO.minus(T::ONE))))
}

/// Returns the absolute value.
pub(crate) fn abs(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    numeric!(host, T => each(host, |x: T| {
        if x > T::ZERO { x } else { T::ZERO.minus(x) }
    }))
}

/// Returns -1, 0 or 1.
pub(crate) fn sign(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    numeric!(host, T => each(host, |x: T| {
        if x > T::ZERO {
            T::ONE
        } else if x < T::ZERO {
            T::ZERO.minus(T::ONE)
        } else {
            x
        }
    }))
}

/// Rounds up.
pub(crate) fn ceil(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::ceil)
}

/// Rounds down.
pub(crate) fn floor(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::floor)
}

/// Rounds to the nearest integer, halves to the even one.
pub(crate) fn round(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::round_ties_even)
}

/// Returns the square root.
pub(crate) fn sqrt(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::sqrt)
}

/// Returns the exponential.
pub(crate) fn exp(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::exp)
}

/// Returns the natural logarithm.
pub(crate) fn log(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::ln)
}

/// Returns the sine.
pub(crate) fn sin(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::sin)
}

/// Returns the cosine.
pub(crate) fn cos(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::cos)
}

/// Returns the tangent.
pub(crate) fn tan(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::tan)
}

/// Returns the hyperbolic tangent.
pub(crate) fn tanh(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::tanh)
}

/// Returns the logistic function.
pub(crate) fn sigmoid(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, |x: f32| 1.0 / (1.0 + (-x).exp()))
}

/// Returns the error function.
pub(crate) fn erf(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, error_function)
}

/// Sums the series of positive terms of Abramowitz and Stegun (1964), equation 7.1.6.
fn error_function(x: f32) -> f32 {
    // From here on it is 1 in 32 bits.
    if x.abs() >= 4.0 {
        return x.signum();
    }
    let x = f64::from(x);
    let (mut term, mut sum, mut n) = (x, x, 1.0);
    while term.abs() > 1e-17 * sum.abs() {
        term *= 2.0 * x * x / (2.0 * n + 1.0);
        sum += term;
        n += 1.0;
    }
    (2.0 / PI.sqrt() * (-x * x).exp() * sum) as f32
}

/// Returns 1 over the element.
pub(crate) fn reciprocal(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, |x: f32| 1.0 / x)
}

/// Limits to a range, whose ends are attributes up to opset 10 and inputs from 11.
pub(crate) fn clip(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let attributes = (node.optional_float("min")?, node.optional_float("max")?);
    numeric!(host, T => {
        let wide = |bound: Option<f32>| bound.map(|bound| T::narrow(bound.into()));
        let least = inputs.only::<T>(1)?.or(wide(attributes.0));
        let greatest = inputs.only::<T>(2)?.or(wide(attributes.1));
        each(host, |x: T| {
            let x = least.filter(|bound| x < *bound).unwrap_or(x);
            greatest.filter(|bound| x > *bound).unwrap_or(x)
        })
    })
}

/// Replaces negative numbers by 0.
pub(crate) fn relu(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    numeric!(host, T => each(host, |x: T| if x < T::ZERO { T::ZERO } else { x }))
}

/// Scales negative numbers by `alpha`.
pub(crate) fn leaky_relu(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let alpha = node.float("alpha", 0.01)?;
    each(inputs.get(0)?, |x: f32| if x < 0.0 { alpha * x } else { x })
}

/// Returns `alpha * x + beta`, limited to 0 to 1.
pub(crate) fn hard_sigmoid(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (alpha, beta) = (node.float("alpha", 0.2)?, node.float("beta", 0.5)?);
    each(inputs.get(0)?, |x: f32| (alpha * x + beta).clamp(0.0, 1.0))
}

/// Returns `log(1 + exp(x))`.
pub(crate) fn softplus(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let function = |x: f32| {
        if x > 0.0 {
            x + (-x).exp().ln_1p()
        } else {
            x.exp().ln_1p()
        }
    };
    each(inputs.get(0)?, function)
}

/// Finds NaNs.
pub(crate) fn is_nan(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    each(inputs.get(0)?, f32::is_nan)
}

/// Finds infinities, unless one sign is left out.
pub(crate) fn is_inf(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let positive = node.flag("detect_positive", true)?;
    let negative = node.flag("detect_negative", true)?;
    each(inputs.get(0)?, |x: f32| {
        (positive && x == f32::INFINITY) || (negative && x == f32::NEG_INFINITY)
    })
}

/// Returns the value itself.
pub(crate) fn identity(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    inputs.get(0).cloned()
}

/// Returns the value itself, and a mask that keeps everything.
///
/// # Errors
/// If the node is in training mode.
pub(crate) fn dropout(_: &Node, inputs: &Inputs<'_>) -> Result<Vec<Host>, String> {
    let host = inputs.get(0)?;
    if inputs.only::<bool>(2)? == Some(true) {
        return Err("expected inference, found the training mode; export after `eval()`".into());
    }
    let mask = typed!(host, T => each(host, |_: T| true))?;
    Ok(vec![host.clone(), mask])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::evaluate;
    use crate::host::tests::{assert_same, b, check, f, float, int, l, node, refuses, run};

    #[test]
    fn floats_round() {
        let x = f(&[5], &[-1.5, -0.5, 0.5, 1.5, 2.5]);
        check("Round", &[], &[&x], &f(&[5], &[-2.0, 0.0, 0.0, 2.0, 2.0]));
        check("Ceil", &[], &[&x], &f(&[5], &[-1.0, 0.0, 1.0, 2.0, 3.0]));
        check("Floor", &[], &[x], &f(&[5], &[-2.0, -1.0, 0.0, 1.0, 2.0]));
        refuses("Floor", &[], &[l(&[1])], "expected floats, found integers");
    }

    #[test]
    fn signs_of_floats_and_integers() {
        check("Neg", &[], &[l(&[3, i64::MIN])], &l(&[-3, i64::MIN]));
        check("Abs", &[], &[l(&[-3, i64::MIN])], &l(&[3, i64::MIN]));
        check("Sign", &[], &[l(&[-3, 0, 4])], &l(&[-1, 0, 1]));
        check(
            "Abs",
            &[],
            &[f(&[2], &[-0.5, f32::NAN])],
            &f(&[2], &[0.5, f32::NAN]),
        );
        check("Relu", &[], &[l(&[-3, 4])], &l(&[0, 4]));
        let negated = run("Neg", &[], &[f(&[], &[0.0])]).unwrap();
        assert!(negated.floats().unwrap()[0].is_sign_negative());
        refuses("Neg", &[], &[b(&[], &[true])], "found Booleans");
    }

    #[test]
    fn functions_at_known_places() {
        let (zero, one) = (f(&[], &[0.0]), f(&[], &[1.0]));
        for (op, at_zero, at_one) in [
            ("Sqrt", 0.0, 1.0),
            ("Exp", 1.0, std::f32::consts::E),
            ("Log", f32::NEG_INFINITY, 0.0),
            ("Sin", 0.0, 0.841_471),
            ("Cos", 1.0, 0.540_302_3),
            ("Tan", 0.0, 1.557_407_7),
            ("Tanh", 0.0, 0.761_594_2),
            ("Sigmoid", 0.5, 0.731_058_6),
            ("Erf", 0.0, 0.842_700_8),
            ("Reciprocal", f32::INFINITY, 1.0),
            ("Softplus", std::f32::consts::LN_2, 1.313_261_7),
            ("HardSigmoid", 0.5, 0.7),
            ("LeakyRelu", 0.0, 1.0),
        ] {
            check(op, &[], &[&zero], &f(&[], &[at_zero]));
            check(op, &[], &[&one], &f(&[], &[at_one]));
        }
        let far = f(&[3], &[-200.0, 200.0, f32::NAN]);
        check("Erf", &[], &[&far], &f(&[3], &[-1.0, 1.0, f32::NAN]));
        check("Sigmoid", &[], &[&far], &f(&[3], &[0.0, 1.0, f32::NAN]));
        check("Softplus", &[], &[far], &f(&[3], &[0.0, 200.0, f32::NAN]));
        check(
            "LeakyRelu",
            &[("alpha", float(0.5))],
            &[f(&[], &[-3.0])],
            &f(&[], &[-1.5]),
        );
    }

    #[test]
    fn a_range_has_both_spellings() {
        let x = f(&[3], &[-2.0, 0.5, 9.0]);
        let bounds = [("min", float(-1.0)), ("max", float(6.0))];
        check("Clip", &bounds, &[&x], &f(&[3], &[-1.0, 0.5, 6.0]));
        check("Clip", &[], &[&x], &x);
        let (least, most) = (f(&[], &[-1.0]), f(&[1], &[6.0]));
        check(
            "Clip",
            &[],
            &[x.clone(), least, most],
            &f(&[3], &[-1.0, 0.5, 6.0]),
        );
        check("Clip", &[], &[l(&[1, 5]), l(&[3])], &l(&[3, 5]));
        refuses(
            "Clip",
            &[],
            &[x.clone(), f(&[2], &[0.0; 2])],
            "expected one number",
        );
        refuses(
            "Clip",
            &[("min", int(0))],
            &[x],
            "to be a float, found an integer",
        );
    }

    #[test]
    fn unusual_numbers_are_found() {
        let x = f(&[3], &[f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
        check("IsNaN", &[], &[&x], &b(&[3], &[true, false, false]));
        check("IsInf", &[], &[&x], &b(&[3], &[false, true, true]));
        check(
            "IsInf",
            &[("detect_negative", int(0))],
            &[x],
            &b(&[3], &[false, true, false]),
        );
    }

    #[test]
    fn dropout_keeps_everything() {
        let x = f(&[2], &[1.0, 2.0]);
        let inputs = [Some(x.clone()), Some(f(&[], &[0.5]))];
        let outputs = evaluate(&node("Dropout", 2, &[]), &inputs)
            .unwrap()
            .unwrap();
        assert_same("Dropout", outputs[0].as_ref().unwrap(), &x);
        assert_same(
            "Dropout",
            outputs[1].as_ref().unwrap(),
            &b(&[2], &[true; 2]),
        );
        let training = [x.clone(), f(&[], &[0.5]), b(&[], &[true])];
        refuses("Dropout", &[], &training, "found the training mode");
        check("Identity", &[], &[&x], &x);
    }
}
