//! Comparisons, logic, and choices by them.

use crate::graph::Node;
use crate::host::broadcast::{shape, spread, zip};
use crate::host::inputs::Inputs;
use crate::host::value::{Element, Host, count, numeric, typed};
use crate::host::walk::walk;

/// Compares for equality.
pub(crate) fn equal(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    typed!(a, T => zip(a, b, |a: T, b: T| a == b))
}

/// Compares by `<`.
pub(crate) fn less(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    numeric!(a, T => zip(a, b, |a: T, b: T| a < b))
}

/// Compares by `<=`.
pub(crate) fn less_or_equal(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    numeric!(a, T => zip(a, b, |a: T, b: T| a <= b))
}

/// Compares by `>`.
pub(crate) fn greater(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    numeric!(a, T => zip(a, b, |a: T, b: T| a > b))
}

/// Compares by `>=`.
pub(crate) fn greater_or_equal(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (a, b) = (inputs.get(0)?, inputs.get(1)?);
    numeric!(a, T => zip(a, b, |a: T, b: T| a >= b))
}

/// Joins by "and".
pub(crate) fn and(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    zip(inputs.get(0)?, inputs.get(1)?, |a: bool, b: bool| a & b)
}

/// Joins by "or".
pub(crate) fn or(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    zip(inputs.get(0)?, inputs.get(1)?, |a: bool, b: bool| a | b)
}

/// Joins by "either or".
pub(crate) fn xor(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    zip(inputs.get(0)?, inputs.get(1)?, |a: bool, b: bool| a ^ b)
}

/// Negates.
pub(crate) fn not(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let values = host.bools()?.iter().map(|value| !value);
    Host::of(host.dims().to_vec(), values.collect())
}

/// Takes each element from one of two values (`Where`).
pub(crate) fn choose(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (condition, yes, no) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
    let chosen = typed!(yes, T => chosen::<T>(condition, yes, no))?;
    Ok(chosen.typed(yes.element()))
}

fn chosen<T: Element>(condition: &Host, yes: &Host, no: &Host) -> Result<Host, String> {
    let dims = shape(&[condition.dims(), yes.dims(), no.dims()])?;
    let (which, a, b) = (condition.bools()?, T::of(yes)?, T::of(no)?);
    let to = [condition, yes, no].map(|host| spread(host.dims(), &dims));
    let mut values = Vec::with_capacity(count(&dims)?);
    walk(
        &dims,
        [&to[0], &to[1], &to[2]],
        [0; 3],
        |[which_at, yes_at, no_at]| {
            values.push(if which[which_at] { a[yes_at] } else { b[no_at] });
        },
    );
    Host::of(dims, values)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::tests::{b, check, f, i, l, refuses};

    #[test]
    fn comparisons_broadcast() {
        let (a, c) = (l(&[1, 2, 3]), l(&[2]));
        check(
            "Less",
            &[],
            &[a.clone(), c.clone()],
            &b(&[3], &[true, false, false]),
        );
        check(
            "LessOrEqual",
            &[],
            &[a.clone(), c.clone()],
            &b(&[3], &[true, true, false]),
        );
        check(
            "Greater",
            &[],
            &[a.clone(), c.clone()],
            &b(&[3], &[false, false, true]),
        );
        check(
            "GreaterOrEqual",
            &[],
            &[a.clone(), c.clone()],
            &b(&[3], &[false, true, true]),
        );
        check(
            "Equal",
            &[],
            &[a.clone(), c],
            &b(&[3], &[false, true, false]),
        );
        let nan = f(&[], &[f32::NAN]);
        check("Equal", &[], &[nan.clone(), nan], &b(&[], &[false]));
        let (yes, no) = (b(&[], &[true]), b(&[], &[false]));
        check("Equal", &[], &[yes.clone(), no.clone()], &no);
        refuses("Less", &[], &[yes, no], "found Booleans");
    }

    #[test]
    fn booleans_join() {
        let (x, y) = (b(&[2, 1], &[true, false]), b(&[2], &[true, false]));
        check(
            "And",
            &[],
            &[x.clone(), y.clone()],
            &b(&[2, 2], &[true, false, false, false]),
        );
        check(
            "Or",
            &[],
            &[x.clone(), y.clone()],
            &b(&[2, 2], &[true, true, true, false]),
        );
        check(
            "Xor",
            &[],
            &[x.clone(), y],
            &b(&[2, 2], &[false, true, true, false]),
        );
        check("Not", &[], &[x], &b(&[2, 1], &[false, true]));
        refuses("Not", &[], &[l(&[1])], "expected Booleans, found integers");
    }

    #[test]
    fn a_choice_broadcasts_three_values() {
        let condition = b(&[2, 1], &[true, false]);
        let (yes, no) = (l(&[1, 2]), i(&[], &[-1]));
        check(
            "Where",
            &[],
            &[condition.clone(), yes.clone(), no],
            &i(&[2, 2], &[1, 2, -1, -1]),
        );
        refuses(
            "Where",
            &[],
            &[condition, yes, f(&[], &[0.0])],
            "expected integers",
        );
    }
}
