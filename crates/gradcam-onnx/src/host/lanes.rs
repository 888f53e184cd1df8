//! Elements in order along an axis.

use crate::attributes::axis;
use crate::graph::Node;
use crate::host::inputs::Inputs;
use crate::host::number::Number;
use crate::host::value::{Element, Host, count, numeric};
use crate::host::walk::strides;

/// Returns the place of the greatest element along an axis.
pub(crate) fn arg_max(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    numeric!(host, T => best_place(node, host, |new: T, best: T| new > best))
}

/// Returns the place of the least element along an axis.
pub(crate) fn arg_min(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    numeric!(host, T => best_place(node, host, |new: T, best: T| new < best))
}

fn best_place<T: Number>(
    node: &Node,
    host: &Host,
    better: impl Fn(T, T) -> bool,
) -> Result<Host, String> {
    let at = axis(node.int("axis", 0)?, host.rank())?;
    let last = node.flag("select_last_index", false)?;
    let mut dims = host.dims().to_vec();
    if node.flag("keepdims", true)? {
        dims[at] = 1;
    } else {
        dims.remove(at);
    }
    let values = T::of(host)?;
    let mut places = Vec::with_capacity(count(&dims)?);
    for lane in lanes(host, at) {
        let value = |place: usize| values[lane.start + place * lane.stride];
        let choose = |best: usize, place: usize| {
            let (old, new) = (value(best), value(place));
            if better(new, old) || (last && new == old) {
                place
            } else {
                best
            }
        };
        places.push((1..lane.length).fold(0, choose) as i64);
    }
    // Without elements along the axis there are no lanes.
    if places.len() != count(&dims)? {
        return Err(format!("expected elements along axis {at}, found none"));
    }
    Host::of(dims, places)
}

/// Returns running sums along an axis.
pub(crate) fn cum_sum(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, at) = (inputs.get(0)?, inputs.get(1)?.only::<i64>()?);
    let at = axis(at, host.rank())?;
    let (exclusive, reverse) = (node.flag("exclusive", false)?, node.flag("reverse", false)?);
    let sums = numeric!(host, T => {
        let mut values = T::of(host)?.to_vec();
        for lane in lanes(host, at) {
            let mut sum = T::ZERO;
            for n in 0..lane.length {
                let n = if reverse { lane.length - 1 - n } else { n };
                let value = &mut values[lane.start + n * lane.stride];
                let before = sum;
                sum = sum.plus(*value);
                *value = if exclusive { before } else { sum };
            }
        }
        Host::of(host.dims().to_vec(), values)
    })?;
    Ok(sums.typed(host.element()))
}

/// The elements along an axis at one place of the other axes.
pub(crate) struct Lane {
    pub(crate) start: usize,
    pub(crate) stride: usize,
    pub(crate) length: usize,
}

/// Returns the lanes along an axis, in the order of the other axes.
pub(crate) fn lanes(host: &Host, at: usize) -> impl Iterator<Item = Lane> + use<> {
    let length = host.dims()[at];
    let stride = strides(host.dims())[at] as usize;
    let lanes = host.len().checked_div(length).unwrap_or(0);
    (0..lanes).map(move |lane| Lane {
        start: lane / stride * stride * length + lane % stride,
        stride,
        length,
    })
}

/// Returns the greatest or least elements along an axis, and their places.
pub(crate) fn top_k(node: &Node, inputs: &Inputs<'_>) -> Result<Vec<Host>, String> {
    let host = inputs.get(0)?;
    let at = axis(node.int("axis", -1)?, host.rank())?;
    let wanted = inputs.only::<i64>(1)?.or(node.optional_int("k")?);
    let size = host.dims()[at];
    let kept = wanted
        .and_then(|k| usize::try_from(k).ok())
        .filter(|k| *k <= size);
    let Some(kept) = kept else {
        return Err(format!(
            "expected to keep up to {size} elements, found {wanted:?}"
        ));
    };
    let largest = node.flag("largest", true)?;
    let mut dims = host.dims().to_vec();
    dims[at] = kept;
    let stride = strides(host.dims())[at] as usize;
    let length = count(&dims)?;
    numeric!(host, T => {
        let values = T::of(host)?;
        let mut best = vec![T::ZERO; length];
        let mut places = vec![0i64; length];
        for (n, lane) in lanes(host, at).enumerate() {
            let value = |place: usize| values[lane.start + place * lane.stride];
            let mut order: Vec<usize> = (0..lane.length).collect();
            // The sort is stable, so that the first of equal elements stays first.
            order.sort_by(|a, b| {
                let order = value(*a).order(value(*b));
                if largest { order.reverse() } else { order }
            });
            let start = n / stride * stride * kept + n % stride;
            for (rank, place) in order.into_iter().take(kept).enumerate() {
                best[start + rank * stride] = value(place);
                places[start + rank * stride] = place as i64;
            }
        }
        let best = Host::of(dims.clone(), best)?.typed(host.element());
        Ok(vec![best, Host::of(dims, places)?])
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::graph::Attribute;
    use crate::host::tests::{assert_same, check, f, i, int, l, node, refuses};
    use crate::host::{Host, evaluate};

    #[test]
    fn sums_run_along_an_axis() {
        let x = i(&[2, 2], &[1, 2, 3, 4]);
        let at = |axis| [x.clone(), i(&[], &[axis])];
        check("CumSum", &[], &at(0), &i(&[2, 2], &[1, 2, 4, 6]));
        check(
            "CumSum",
            &[("reverse", int(1))],
            &at(-1),
            &i(&[2, 2], &[3, 2, 7, 4]),
        );
        check(
            "CumSum",
            &[("exclusive", int(1))],
            &at(1),
            &i(&[2, 2], &[0, 1, 0, 3]),
        );
        refuses("CumSum", &[], &at(i64::MIN), "expected an axis");
    }

    #[test]
    fn the_greatest_are_sorted() {
        let x = f(&[2, 3], &[1.0, 3.0, 3.0, -0.0, 0.0, f32::NAN]);
        let top = |attributes: &[(&str, Attribute)], k: i64| {
            let inputs = [Some(x.clone()), Some(l(&[k]))];
            evaluate(&node("TopK", 2, attributes), &inputs).map(|found| {
                let found: Vec<Host> = found.unwrap().into_iter().flatten().collect();
                found
            })
        };
        let two = top(&[], 2).unwrap();
        assert_same("TopK", &two[0], &f(&[2, 2], &[3.0, 3.0, f32::NAN, 0.0]));
        assert_same("TopK", &two[1], &i(&[2, 2], &[1, 2, 2, 0]));
        let least = top(&[("largest", int(0)), ("axis", int(0))], 1).unwrap();
        assert_same("TopK", &least[1], &i(&[1, 3], &[1, 1, 0]));
        assert_eq!(top(&[], 0).unwrap()[0].dims(), [2, 0]);
        assert!(top(&[], 4).is_err());
        assert!(top(&[], -1).is_err());
    }

    #[test]
    fn the_best_place_is_found() {
        let x = f(&[2, 3], &[1.0, 3.0, 3.0, 0.0, 0.0, 5.0]);
        let along = ("axis", int(-1));
        check(
            "ArgMax",
            std::slice::from_ref(&along),
            &[&x],
            &i(&[2, 1], &[1, 2]),
        );
        let last = [
            along.clone(),
            ("select_last_index", int(1)),
            ("keepdims", int(0)),
        ];
        check("ArgMax", &last, &[&x], &l(&[2, 2]));
        check("ArgMin", &last, &[&x], &l(&[0, 1]));
        check("ArgMin", &[], &[x], &i(&[1, 3], &[1, 1, 0]));
        refuses(
            "ArgMax",
            &[],
            &[f(&[0, 2], &[])],
            "expected elements along axis 0",
        );
    }
}
