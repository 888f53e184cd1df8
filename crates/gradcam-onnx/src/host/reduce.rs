//! Axes that are summed up.

use crate::attributes::axes;
use crate::graph::Node;
use crate::host::broadcast::spread;
use crate::host::inputs::Inputs;
use crate::host::number::Number;
use crate::host::value::{Data, Element, Host, count, numeric};
use crate::host::walk::walk;

/// Which elements of a value join in which element of the result.
struct Plan {
    dims: Vec<usize>,
    /// Strides in the result, 0 along reduced axes.
    to: Vec<isize>,
    /// The shape of the result.
    shape: Vec<usize>,
    /// Elements of the result.
    count: usize,
    /// Elements that join in each of them.
    joined: usize,
}

/// Plans a reduction; `None` if the node asks for none.
fn plan(node: &Node, inputs: &Inputs<'_>) -> Result<Option<Plan>, String> {
    let host = inputs.get(0)?;
    let list = inputs.list(1, node.ints("axes")?)?.unwrap_or_default();
    if list.is_empty() && node.flag("noop_with_empty_axes", false)? {
        return Ok(None);
    }
    let mut reduced = vec![list.is_empty(); host.rank()];
    for at in axes(&list, host.rank())? {
        reduced[at] = true;
    }
    along(host, &reduced, node.flag("keepdims", true)?).map(Some)
}

fn along(host: &Host, reduced: &[bool], keepdims: bool) -> Result<Plan, String> {
    let sizes = || host.dims().iter().zip(reduced);
    let full: Vec<usize> = sizes()
        .map(|(dim, gone)| if *gone { 1 } else { *dim })
        .collect();
    let kept = sizes().filter(|(_, gone)| keepdims || !**gone);
    Ok(Plan {
        dims: host.dims().to_vec(),
        to: spread(&full, host.dims()),
        shape: kept
            .map(|(dim, gone)| if *gone { 1 } else { *dim })
            .collect(),
        count: count(&full)?,
        joined: sizes()
            .filter(|(_, gone)| **gone)
            .map(|(dim, _)| dim)
            .product(),
    })
}

impl Plan {
    /// Joins elements in order, from a first value on.
    fn fold<T: Copy, A: Copy>(&self, values: &[T], first: A, join: impl Fn(A, T) -> A) -> Vec<A> {
        let mut result = vec![first; self.count];
        let mut values = values.iter();
        walk(&self.dims, [&self.to], [0], |[at]| {
            if let Some(value) = values.next() {
                result[at] = join(result[at], *value);
            }
        });
        result
    }

    fn host<T: Element>(self, values: Vec<T>, like: &Host) -> Result<Host, String> {
        Ok(Host::of(self.shape, values)?.typed(like.element()))
    }
}

/// The functions of a sum.
struct Terms<T> {
    /// Returns the term of an element.
    each: fn(T) -> T,
    /// Turns the sum of a number of elements into the result.
    last: fn(T, usize) -> T,
}

/// Sums in 64 bits: floats of double precision, or integers that wrap around.
fn sums(
    node: &Node,
    inputs: &Inputs<'_>,
    float: Terms<f64>,
    int: Terms<i64>,
) -> Result<Host, String> {
    let host = inputs.get(0)?;
    // Without axes, each element is a sum of its own.
    let plan = match plan(node, inputs)? {
        Some(plan) => plan,
        None => along(host, &vec![false; host.rank()], true)?,
    };
    let joined = plan.joined;
    match host.data() {
        Data::Float(values) => {
            let sums = plan.fold(values, 0.0, |sum, x: f32| sum + (float.each)(x.into()));
            let values = sums.into_iter().map(|sum| (float.last)(sum, joined) as f32);
            let values = values.collect();
            plan.host::<f32>(values, host)
        }
        Data::Int(values) => {
            let sums = plan.fold(values, 0i64, |sum, x: i64| sum.wrapping_add((int.each)(x)));
            let values = sums
                .into_iter()
                .map(|sum| (int.last)(sum, joined))
                .collect();
            plan.host::<i64>(values, host)
        }
        Data::Bool(_) => Err("expected floats or integers, found Booleans".to_string()),
    }
}

/// Sums terms as they are.
const fn plain<T>(each: fn(T) -> T) -> Terms<T> {
    Terms {
        each,
        last: |sum, _| sum,
    }
}

/// Truncates a function of an integer sum.
fn truncated(function: fn(f64) -> f64, sum: i64) -> i64 {
    function(sum as f64) as i64
}

/// Adds.
pub(crate) fn sum(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    sums(node, inputs, plain(|x| x), plain(|x| x))
}

/// Averages; integers toward zero.
pub(crate) fn mean(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let empty = |plan: Plan| plan.joined == 0 && plan.count > 0;
    if inputs.get(0)?.ints().is_ok() && plan(node, inputs)?.is_some_and(empty) {
        return Err("expected integers to average, found none".to_string());
    }
    let float = Terms {
        each: |x: f64| x,
        last: |sum, n| sum / n as f64,
    };
    let int = Terms {
        each: |x: i64| x,
        last: |sum, n| sum.checked_div(n as i64).unwrap_or(0),
    };
    sums(node, inputs, float, int)
}

/// Adds absolute values.
pub(crate) fn l1(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    sums(node, inputs, plain(f64::abs), plain(i64::wrapping_abs))
}

/// Returns the Euclidean length.
pub(crate) fn l2(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let float = Terms {
        each: |x: f64| x * x,
        last: |sum, _| sum.sqrt(),
    };
    let int = Terms {
        each: |x: i64| x.wrapping_mul(x),
        last: |sum, _| truncated(f64::sqrt, sum),
    };
    sums(node, inputs, float, int)
}

/// Adds squares.
pub(crate) fn sum_square(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    sums(node, inputs, plain(|x| x * x), plain(|x| x.wrapping_mul(x)))
}

/// Returns the logarithm of the sum.
pub(crate) fn log_sum(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let float = Terms {
        each: |x: f64| x,
        last: |sum, _| sum.ln(),
    };
    let int = Terms {
        each: |x: i64| x,
        last: |sum, _| truncated(f64::ln, sum),
    };
    sums(node, inputs, float, int)
}

/// Returns the logarithm of the sum of exponentials, which are relative to the greatest element.
pub(crate) fn log_sum_exp(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let Some(plan) = plan(node, inputs)? else {
        return Ok(host.clone());
    };
    numeric!(host, T => {
        let values = T::of(host)?;
        let greatest = plan.fold(values, f64::NEG_INFINITY, |most, x: T| most.max(x.wide()));
        let mut sums = vec![0f64; plan.count];
        let mut next = values.iter();
        walk(&plan.dims, [&plan.to], [0], |[at]| {
            if let Some(x) = next.next() {
                // Infinity less infinity is no number, and its exponential 1.
                let below = if x.wide() == greatest[at] { 0.0 } else { x.wide() - greatest[at] };
                sums[at] += below.exp();
            }
        });
        let pairs = sums.into_iter().zip(greatest);
        let values: Vec<T> = pairs.map(|(sum, most)| T::narrow(sum.ln() + most)).collect();
        plan.host(values, host)
    })
}

/// Multiplies.
pub(crate) fn prod(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    folded(node, inputs, |host, plan| {
        numeric!(host, T => {
            let values = plan.fold(T::of(host)?, T::ONE, <T as Number>::times);
            plan.host(values, host)
        })
    })
}

/// Returns the greatest element, or the least number of the type if there is none.
pub(crate) fn max(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    folded(node, inputs, |host, plan| match host.data() {
        Data::Bool(values) => {
            let values = plan.fold(values, false, |a, b: bool| a | b);
            plan.host(values, host)
        }
        Data::Float(_) | Data::Int(_) => numeric!(host, T => {
            let values = plan.fold(T::of(host)?, T::LEAST, <T as Number>::greatest);
            plan.host(values, host)
        }),
    })
}

/// Returns the least element, or the greatest number of the type if there is none.
pub(crate) fn min(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    folded(node, inputs, |host, plan| match host.data() {
        Data::Bool(values) => {
            let values = plan.fold(values, true, |a, b: bool| a & b);
            plan.host(values, host)
        }
        Data::Float(_) | Data::Int(_) => numeric!(host, T => {
            let values = plan.fold(T::of(host)?, T::GREATEST, <T as Number>::least);
            plan.host(values, host)
        }),
    })
}

fn folded(
    node: &Node,
    inputs: &Inputs<'_>,
    fold: impl Fn(&Host, Plan) -> Result<Host, String>,
) -> Result<Host, String> {
    let host = inputs.get(0)?;
    match plan(node, inputs)? {
        Some(plan) => fold(host, plan),
        None => Ok(host.clone()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::tests::{b, check, f, i, int, ints, l, refuses, run};

    #[test]
    fn axes_are_reduced() {
        let x = f(&[2, 3], &[1.0, -2.0, 3.0, 4.0, 5.0, -6.0]);
        for (op, expected) in [
            ("ReduceSum", [2.0, 3.0]),
            ("ReduceMean", [2.0 / 3.0, 1.0]),
            ("ReduceMax", [3.0, 5.0]),
            ("ReduceMin", [-2.0, -6.0]),
            ("ReduceProd", [-6.0, -120.0]),
            ("ReduceL1", [6.0, 15.0]),
            ("ReduceL2", [14f32.sqrt(), 77f32.sqrt()]),
            ("ReduceLogSum", [2f32.ln(), 3f32.ln()]),
            ("ReduceLogSumExp", [3.132_845_2, 5.313_274]),
            ("ReduceSumSquare", [14.0, 77.0]),
        ] {
            check(op, &[("axes", ints(&[-1]))], &[&x], &f(&[2, 1], &expected));
            let flat = [("keepdims", int(0))];
            check(op, &flat, &[x.clone(), l(&[1])], &f(&[2], &expected));
            let all = run(op, &[], &[&x]).unwrap();
            assert_eq!(all.dims(), [1, 1], "{op}");
            refuses(op, &[], &[x.clone(), l(&[2])], "expected an axis");
            refuses(op, &[], &[x.clone(), l(&[0, -2])], "each axis once");
        }
        let none = [("noop_with_empty_axes", int(1))];
        check("ReduceSum", &none, &[&x], &x);
        check("ReduceMax", &none, &[x.clone(), l(&[])], &x);
    }

    #[test]
    fn integers_are_reduced() {
        let x = i(&[3], &[-7, 2, 1]);
        for (op, expected) in [
            ("ReduceSum", -4),
            ("ReduceMean", -1),
            ("ReduceMax", 2),
            ("ReduceMin", -7),
            ("ReduceProd", -14),
            ("ReduceL1", 10),
            ("ReduceL2", 7),
            ("ReduceSumSquare", 54),
            ("ReduceLogSumExp", 2),
        ] {
            check(op, &[("keepdims", int(0))], &[&x], &i(&[], &[expected]));
        }
        check("ReduceSum", &[], &[l(&[i64::MAX, 1])], &l(&[i64::MIN]));
        check("ReduceL1", &[], &[l(&[i64::MIN])], &l(&[i64::MIN]));
    }

    #[test]
    fn nothing_is_reduced() {
        let x = f(&[0, 2], &[]);
        let along = [("axes", ints(&[0]))];
        let both = |value| f(&[1, 2], &[value; 2]);
        check("ReduceSum", &along, &[&x], &both(0.0));
        check("ReduceProd", &along, &[&x], &both(1.0));
        check("ReduceMax", &along, &[&x], &both(f32::NEG_INFINITY));
        check("ReduceMin", &along, &[&x], &both(f32::INFINITY));
        check("ReduceMean", &along, &[&x], &both(f32::NAN));
        check("ReduceLogSumExp", &along, &[x], &both(f32::NEG_INFINITY));
        refuses(
            "ReduceMean",
            &along,
            &[i(&[0, 2], &[])],
            "expected integers to average",
        );
        check(
            "ReduceMax",
            &[],
            &[b(&[2], &[true, false])],
            &b(&[1], &[true]),
        );
        check(
            "ReduceMin",
            &[],
            &[b(&[2], &[true, false])],
            &b(&[1], &[false]),
        );
    }

    #[test]
    fn exponentials_do_not_overflow() {
        let x = f(&[2], &[1000.0, 1000.0]);
        check(
            "ReduceLogSumExp",
            &[],
            &[x],
            &f(&[1], &[1000.0 + std::f32::consts::LN_2]),
        );
        let x = f(&[2], &[f32::INFINITY, 0.0]);
        check("ReduceLogSumExp", &[], &[x], &f(&[1], &[f32::INFINITY]));
    }
}
