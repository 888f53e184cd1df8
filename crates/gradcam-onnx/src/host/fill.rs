//! Values that are made from nothing but their parameters.

use crate::element::ElementType;
use crate::graph::Node;
use crate::host::cast::converted;
use crate::host::inputs::Inputs;
use crate::host::value::{Data, Host, count, typed};

/// Returns the value of whichever attribute holds it.
pub(crate) fn constant(node: &Node, _: &Inputs<'_>) -> Result<Host, String> {
    if let Some(tensor) = node.tensor("value")? {
        return Host::from_tensor(tensor);
    }
    if let Some(value) = node.optional_float("value_float")? {
        return Host::scalar(value);
    }
    if let Some(values) = node.floats("value_floats")? {
        return Host::of(vec![values.len()], values);
    }
    if let Some(value) = node.optional_int("value_int")? {
        return Host::scalar(value);
    }
    if let Some(values) = node.ints("value_ints")? {
        return Host::list(values);
    }
    let found: Vec<&str> = node.attributes().keys().map(String::as_str).collect();
    Err(format!(
        "expected a tensor, floats or integers, found the attributes {found:?}"
    ))
}

/// Repeats one number in a shape.
pub(crate) fn constant_of_shape(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let dims = inputs.get(0)?.as_usizes()?;
    let value = match node.tensor("value")? {
        Some(tensor) => Host::from_tensor(tensor)?,
        None => Host::scalar(0f32)?,
    };
    let filled = typed!(value, T => {
        let value = value.only::<T>()?;
        let count = count(&dims)?;
        Host::of(dims, vec![value; count])
    })?;
    Ok(filled.typed(value.element()))
}

/// Counts from a start to before a limit.
pub(crate) fn range(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (start, limit, step) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
    let values = match start.data() {
        Data::Int(_) => integers(start.only()?, limit.only()?, step.only()?),
        Data::Float(_) => floats(start.only()?, limit.only()?, step.only()?),
        Data::Bool(_) => Err("expected floats or integers, found Booleans".to_string()),
    };
    Ok(values?.typed(start.element()))
}

fn integers(start: i64, limit: i64, step: i64) -> Result<Host, String> {
    if step == 0 {
        return Err("expected a step other than 0".to_string());
    }
    let distance = i128::from(limit) - i128::from(start);
    let distance = if step > 0 { distance } else { -distance };
    let steps = distance
        .max(0)
        .unsigned_abs()
        .div_ceil(step.unsigned_abs().into());
    let steps = count(&[usize::try_from(steps).unwrap_or(usize::MAX)])?;
    let at = |n: usize| start.wrapping_add(step.wrapping_mul(n as i64));
    Host::list((0..steps).map(at).collect())
}

fn floats(start: f32, limit: f32, step: f32) -> Result<Host, String> {
    let steps = ((f64::from(limit) - f64::from(start)) / f64::from(step)).ceil();
    if step == 0.0 || steps.is_nan() {
        return Err(format!(
            "expected finite numbers and a step other than 0, found {start}, {limit}, {step}"
        ));
    }
    let steps = count(&[steps as usize])?;
    let values = (0..steps).map(|n| start + n as f32 * step).collect();
    Host::of(vec![steps], values)
}

/// Makes a matrix with ones on a diagonal, in the shape of another.
pub(crate) fn eye_like(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let [rows, columns] = host.dims() else {
        return Err(format!(
            "expected a matrix, found the shape {:?}",
            host.dims()
        ));
    };
    let shift = node.int("k", 0)?;
    let mut values = vec![0i64; host.len()];
    for row in 0..*rows {
        let column = usize::try_from((row as i64).saturating_add(shift));
        if let Ok(column) = column
            && column < *columns
        {
            values[row * columns + column] = 1;
        }
    }
    let ones = Host::of(host.dims().to_vec(), values)?;
    let element = match node.optional_int("dtype")? {
        Some(code) => ElementType::of(i32::try_from(code).unwrap_or(i32::MAX)),
        None => host.element(),
    };
    converted(&ones, element)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::graph::Attribute;
    use crate::host::tests::{NONE, check, f, float, i, int, ints, l, refuses, tensor, text};
    use crate::tensor::Values;

    #[test]
    fn a_constant_has_one_of_several_attributes() {
        check(
            "Constant",
            &[("value_float", float(1.5))],
            NONE,
            &f(&[], &[1.5]),
        );
        check("Constant", &[("value_int", int(3))], NONE, &i(&[], &[3]));
        check(
            "Constant",
            &[("value_ints", ints(&[3, 4]))],
            NONE,
            &l(&[3, 4]),
        );
        let floats = Attribute::Floats([1.0, 2.0].into());
        check(
            "Constant",
            &[("value_floats", floats)],
            NONE,
            &f(&[2], &[1.0, 2.0]),
        );
        let tensor = tensor(&[1, 2], Values::I32(vec![5, 6]));
        check("Constant", &[("value", tensor)], NONE, &i(&[1, 2], &[5, 6]));
        refuses(
            "Constant",
            &[("value_string", text("x"))],
            NONE,
            "value_string",
        );
    }

    #[test]
    fn one_number_fills_a_shape() {
        check(
            "ConstantOfShape",
            &[],
            &[l(&[2, 1])],
            &f(&[2, 1], &[0.0; 2]),
        );
        check("ConstantOfShape", &[], &[l(&[])], &f(&[], &[0.0]));
        let seven = [("value", tensor(&[1], Values::I64(vec![7])))];
        check("ConstantOfShape", &seven, &[l(&[2, 0])], &i(&[2, 0], &[]));
        check("ConstantOfShape", &seven, &[l(&[2])], &l(&[7, 7]));
        refuses("ConstantOfShape", &[], &[l(&[-1])], "sizes of at least 0");
        refuses(
            "ConstantOfShape",
            &[],
            &[l(&[1 << 20, 1 << 20])],
            "at most 268435456 elements",
        );
        refuses(
            "ConstantOfShape",
            &[],
            &[l(&[0, i64::MAX, 4])],
            "at most 268435456 elements",
        );
    }

    #[test]
    fn a_range_ends_before_its_limit() {
        let range = |a, b, c| [i(&[], &[a]), i(&[], &[b]), i(&[], &[c])];
        check("Range", &[], &range(1, 6, 2), &l(&[1, 3, 5]));
        check("Range", &[], &range(5, -4, -3), &l(&[5, 2, -1]));
        check("Range", &[], &range(5, 5, 1), &l(&[]));
        check("Range", &[], &range(5, 0, 1), &l(&[]));
        let third = i64::MAX / 2;
        check(
            "Range",
            &[],
            &range(i64::MIN, i64::MAX, i64::MAX),
            &l(&[i64::MIN, -1, i64::MAX - 1]),
        );
        refuses(
            "Range",
            &[],
            &range(0, third, 1),
            "at most 268435456 elements",
        );
        refuses("Range", &[], &range(0, 1, 0), "a step other than 0");
        let range = |a, b, c| [f(&[], &[a]), f(&[], &[b]), f(&[1], &[c])];
        check(
            "Range",
            &[],
            &range(1.0, 2.0, 0.3),
            &f(&[4], &[1.0, 1.3, 1.6, 1.9]),
        );
        refuses("Range", &[], &range(0.0, 1.0, 0.0), "a step other than 0");
        refuses(
            "Range",
            &[],
            &range(0.0, f32::INFINITY, 1.0),
            "at most 268435456 elements",
        );
        refuses("Range", &[], &range(0.0, f32::NAN, 1.0), "finite numbers");
    }

    #[test]
    fn ones_lie_on_a_diagonal() {
        let x = i(&[2, 3], &[9; 6]);
        check("EyeLike", &[], &[&x], &i(&[2, 3], &[1, 0, 0, 0, 1, 0]));
        let shifted = [("k", int(-1)), ("dtype", int(1))];
        check(
            "EyeLike",
            &shifted,
            &[&x],
            &f(&[2, 3], &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]),
        );
        check(
            "EyeLike",
            &[("k", int(i64::MAX))],
            &[x],
            &i(&[2, 3], &[0; 6]),
        );
        refuses("EyeLike", &[], &[l(&[1])], "expected a matrix");
    }
}
