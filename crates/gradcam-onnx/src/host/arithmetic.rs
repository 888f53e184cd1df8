//! Arithmetic of two or more values that broadcast.

use crate::graph::Node;
use crate::host::broadcast::{onto, zip};
use crate::host::inputs::Inputs;
use crate::host::number::Number;
use crate::host::value::{Data, Host, numeric};

/// Adds.
pub(crate) fn add(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    sum_of(inputs.get(0)?, inputs.get(1)?)
}

/// Subtracts.
pub(crate) fn sub(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    let values = numeric!(a, T => zip(a, b, <T as Number>::minus))?;
    Ok(values.typed(a.element()))
}

/// Multiplies.
pub(crate) fn mul(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    let values = numeric!(a, T => zip(a, b, <T as Number>::times))?;
    Ok(values.typed(a.element()))
}

/// Divides; integers toward zero.
pub(crate) fn div(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    let values = numeric!(a, T => divided(a, b, <T as Number>::over))?;
    Ok(values.typed(a.element()))
}

/// Returns the remainder: with the divisor's sign, or the dividend's if `fmod` is set.
pub(crate) fn modulo(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    let values = if node.flag("fmod", false)? {
        numeric!(a, T => divided(a, b, <T as Number>::remainder))?
    } else {
        numeric!(a, T => divided(a, b, <T as Number>::modulo))?
    };
    Ok(values.typed(a.element()))
}

fn divided<T: Number>(a: &Host, b: &Host, divide: impl Fn(T, T) -> T) -> Result<Host, String> {
    if T::of(b)?.iter().any(|divisor| divisor.is_no_divisor()) {
        return Err("expected divisors other than 0".to_string());
    }
    zip(a, b, divide)
}

/// Raises to a power. The result has the type of the base.
pub(crate) fn pow(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (base, exponent) = (inputs.get(0)?, inputs.get(1)?);
    let powers = match (base.data(), exponent.data()) {
        (Data::Float(_), Data::Float(_)) => zip(base, exponent, f32::powf),
        (Data::Float(_), Data::Int(_)) => zip(base, exponent, |a: f32, b: i64| a.powf(b as f32)),
        (Data::Int(_), Data::Float(_)) => {
            let power = |a: i64, b: f32| (a as f64).powf(f64::from(b)) as i64;
            zip(base, exponent, power)
        }
        (Data::Int(_), Data::Int(_)) => {
            let negative = exponent.ints()?.iter().any(|e| *e < 0);
            if negative && base.ints()?.contains(&0) {
                return Err("expected no 0 to a negative power".to_string());
            }
            zip(base, exponent, power)
        }
        (Data::Bool(_), _) | (_, Data::Bool(_)) => {
            Err("expected floats or integers, found Booleans".to_string())
        }
    };
    Ok(powers?.typed(base.element()))
}

/// Raises an integer to a power, and truncates the result toward zero.
fn power(base: i64, exponent: i64) -> i64 {
    if exponent < 0 {
        return match base {
            1 => 1,
            -1 if exponent % 2 == 0 => 1,
            -1 => -1,
            _ => 0,
        };
    }
    let (mut result, mut square, mut rest) = (1i64, base, exponent);
    while rest > 0 {
        if rest % 2 == 1 {
            result = result.wrapping_mul(square);
        }
        square = square.wrapping_mul(square);
        rest /= 2;
    }
    result
}

/// Returns the least of several values.
pub(crate) fn min(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    fold(
        inputs,
        |a, b| numeric!(a, T => zip(a, b, <T as Number>::least)),
    )
}

/// Returns the greatest of several values.
pub(crate) fn max(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    fold(
        inputs,
        |a, b| numeric!(a, T => zip(a, b, <T as Number>::greatest)),
    )
}

/// Adds several values.
pub(crate) fn sum(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    fold(inputs, sum_of)
}

/// Averages several values.
pub(crate) fn mean(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let total = fold(inputs, sum_of)?;
    let count = inputs.0.len() as f32;
    let values = total.floats()?.iter().map(|v| v / count).collect();
    Host::of(total.dims().to_vec(), values)
}

fn sum_of(a: &Host, b: &Host) -> Result<Host, String> {
    let values = numeric!(a, T => zip(a, b, <T as Number>::plus))?;
    Ok(values.typed(a.element()))
}

fn fold(
    inputs: &Inputs<'_>,
    join: impl Fn(&Host, &Host) -> Result<Host, String>,
) -> Result<Host, String> {
    let inputs = inputs.all()?;
    let element = inputs[0].element();
    let mut result = inputs[0].clone();
    for input in &inputs[1..] {
        result = join(&result, input)?;
    }
    Ok(result.typed(element))
}

/// Scales negative numbers by a slope that broadcasts to them.
pub(crate) fn prelu(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (x, slope) = (inputs.get(0)?, inputs.get(1)?);
    onto(slope.dims(), x.dims())?;
    let values = numeric!(x, T => zip(x, slope, |x: T, slope: T| {
        if x < T::ZERO { x.times(slope) } else { x }
    }))?;
    Ok(values.typed(x.element()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::power;
    use crate::element::ElementType;
    use crate::host::tests::{NONE, check, f, int, l, refuses};

    #[test]
    fn integers_divide_toward_zero_and_wrap() {
        let (a, b) = (l(&[7, -7, 7, -7]), l(&[2, 2, -2, -2]));
        check("Div", &[], &[a.clone(), b.clone()], &l(&[3, -3, -3, 3]));
        check("Mod", &[], &[a.clone(), b.clone()], &l(&[1, 1, -1, -1]));
        check("Mod", &[("fmod", int(1))], &[a, b], &l(&[1, -1, 1, -1]));
        check("Div", &[], &[l(&[i64::MIN]), l(&[-1])], &l(&[i64::MIN]));
        check("Mod", &[], &[l(&[i64::MIN]), l(&[-1])], &l(&[0]));
        check("Add", &[], &[l(&[i64::MAX]), l(&[1])], &l(&[i64::MIN]));
        refuses("Div", &[], &[l(&[1]), l(&[0])], "divisors other than 0");
        refuses(
            "Mod",
            &[],
            &[l(&[1, 2]), l(&[1, 0])],
            "divisors other than 0",
        );
    }

    #[test]
    fn floats_divide_by_zero() {
        let (a, b) = (f(&[2], &[1.0, 0.0]), f(&[], &[0.0]));
        check("Div", &[], &[a, b], &f(&[2], &[f32::INFINITY, f32::NAN]));
        let (a, b) = (f(&[2], &[-7.5, 7.5]), f(&[2], &[2.0, -2.0]));
        check("Mod", &[], &[a.clone(), b.clone()], &f(&[2], &[0.5, -0.5]));
        check("Mod", &[("fmod", int(1))], &[a, b], &f(&[2], &[-1.5, 1.5]));
    }

    #[test]
    fn small_integers_wrap_to_their_width() {
        let byte = |value| l(&[value]).typed(ElementType::U8);
        check("Sub", &[], &[byte(1), byte(2)], &l(&[255]));
        check("Sum", &[], &[byte(200), byte(50), byte(9)], &l(&[3]));
    }

    #[test]
    fn powers_have_the_type_of_the_base() {
        check(
            "Pow",
            &[],
            &[l(&[2, -3, 7]), l(&[10, 3, 0])],
            &l(&[1024, -27, 1]),
        );
        check(
            "Pow",
            &[],
            &[l(&[1, -1, -1, 2]), l(&[-5, -2, -3, -1])],
            &l(&[1, 1, -1, 0]),
        );
        check("Pow", &[], &[l(&[9, 2]), f(&[2], &[0.5, 0.5])], &l(&[3, 1]));
        check(
            "Pow",
            &[],
            &[f(&[2], &[1.5, 0.0]), l(&[2, -1])],
            &f(&[2], &[2.25, f32::INFINITY]),
        );
        check(
            "Pow",
            &[],
            &[l(&[3]), l(&[i64::MAX])],
            &l(&[power(3, i64::MAX)]),
        );
        refuses("Pow", &[], &[l(&[0]), l(&[-1])], "0 to a negative power");
    }

    #[test]
    fn several_values_broadcast_together() {
        let (a, b) = (f(&[2, 1], &[1.0, -2.0]), f(&[3], &[0.0, 2.0, f32::NAN]));
        let nan = f32::NAN;
        check(
            "Min",
            &[],
            &[a.clone(), b.clone()],
            &f(&[2, 3], &[0.0, 1.0, nan, -2.0, -2.0, nan]),
        );
        check(
            "Max",
            &[],
            &[a.clone(), b.clone()],
            &f(&[2, 3], &[1.0, 2.0, nan, 0.0, 2.0, nan]),
        );
        check(
            "Mean",
            &[],
            &[a.clone(), a.clone(), f(&[], &[4.0])],
            &f(&[2, 1], &[2.0, 0.0]),
        );
        check("Sum", &[], &[&a], &a);
        refuses("Sum", &[], NONE, "at least one input");
        refuses(
            "Add",
            &[],
            &[a.clone(), l(&[1])],
            "expected floats, found integers",
        );
        refuses(
            "Add",
            &[],
            &[f(&[2], &[0.0; 2]), f(&[3], &[0.0; 3])],
            "do not broadcast",
        );
        refuses("Mul", &[], &[&b], "input 2 is left out");
        check("Mul", &[], &[f(&[0, 3], &[]), b], &f(&[0, 3], &[]));
        let (tall, wide) = (
            l(&[0; 1 << 15]).reshaped(vec![1 << 15, 1]),
            l(&[0; 1 << 15]),
        );
        refuses(
            "Add",
            &[],
            &[tall.unwrap(), wide],
            "at most 268435456 elements",
        );
    }

    #[test]
    fn a_slope_scales_negative_numbers() {
        let x = f(&[2, 2], &[-1.0, 1.0, -2.0, 2.0]);
        let slope = f(&[2, 1], &[0.5, 2.0]);
        check(
            "PRelu",
            &[],
            &[x.clone(), slope],
            &f(&[2, 2], &[-0.5, 1.0, -4.0, 2.0]),
        );
        refuses("PRelu", &[], &[f(&[1], &[0.0]), x], "does not broadcast to");
    }
}
