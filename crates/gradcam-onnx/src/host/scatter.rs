//! Elements that are replaced at places.

use crate::attributes::axis;
use crate::graph::Node;
use crate::host::index::{element_places, slice_starts};
use crate::host::inputs::Inputs;
use crate::host::number::Number;
use crate::host::value::{Data, Element, Host, numeric, typed};

/// How an element that is written joins the one that is there.
enum Reduction {
    None,
    Add,
    Mul,
    Max,
    Min,
}

fn reduction(node: &Node) -> Result<Reduction, String> {
    match node.text("reduction", "none")? {
        "none" => Ok(Reduction::None),
        "add" => Ok(Reduction::Add),
        "mul" => Ok(Reduction::Mul),
        "max" => Ok(Reduction::Max),
        "min" => Ok(Reduction::Min),
        other => Err(format!(
            "expected the reduction none, add, mul, max or min, found {other:?}"
        )),
    }
}

/// Writes one element for each index, which replaces the place along an axis.
pub(crate) fn scatter_elements(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, indices, updates) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
    let at = axis(node.int("axis", 0)?, host.rank())?;
    if updates.dims() != indices.dims() {
        return Err(format!(
            "expected updates of shape {:?}, found {:?}",
            indices.dims(),
            updates.dims()
        ));
    }
    let places = element_places(host, indices, at)?;
    written(host, updates, &places, 1, &reduction(node)?)
}

/// Writes the slices that lists of indices name.
pub(crate) fn scatter_nd(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, indices, updates) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
    let contradiction = || {
        format!(
            "indices of shape {:?} and updates of shape {:?} do not fit {:?}",
            indices.dims(),
            updates.dims(),
            host.dims()
        )
    };
    let Some((depth, lists)) = indices.dims().split_last() else {
        return Err(contradiction());
    };
    if *depth > host.rank() {
        return Err(contradiction());
    }
    let (indexed, slice) = host.dims().split_at(*depth);
    if updates.dims() != [lists, slice].concat() {
        return Err(contradiction());
    }
    let inner: usize = slice.iter().product();
    let mut places = slice_starts(indices, *depth, indexed)?;
    for place in &mut places {
        *place *= inner;
    }
    written(host, updates, &places, inner, &reduction(node)?)
}

/// Writes runs of `inner` elements at places.
fn written(
    host: &Host,
    updates: &Host,
    places: &[usize],
    inner: usize,
    reduction: &Reduction,
) -> Result<Host, String> {
    fn numbers<T: Number>(
        host: &Host,
        updates: &Host,
        places: &[usize],
        inner: usize,
        join: impl Fn(T, T) -> T,
    ) -> Result<Data, String> {
        joined(host, updates, places, inner, join)
    }
    let data = match reduction {
        Reduction::None => {
            typed!(host, T => joined(host, updates, places, inner, |_: T, new: T| new))
        }
        Reduction::Add => numeric!(host, T => numbers(host, updates, places, inner, T::plus)),
        Reduction::Mul => numeric!(host, T => numbers(host, updates, places, inner, T::times)),
        Reduction::Max => numeric!(host, T => numbers(host, updates, places, inner, T::greatest)),
        Reduction::Min => numeric!(host, T => numbers(host, updates, places, inner, T::least)),
    };
    Ok(Host::new(host.dims().to_vec(), data?)?.typed(host.element()))
}

fn joined<T: Element>(
    host: &Host,
    updates: &Host,
    places: &[usize],
    inner: usize,
    join: impl Fn(T, T) -> T,
) -> Result<Data, String> {
    let mut values = T::of(host)?.to_vec();
    let updates = T::of(updates)?;
    for (n, place) in places.iter().enumerate() {
        for offset in 0..inner {
            let old = &mut values[place + offset];
            *old = join(*old, updates[n * inner + offset]);
        }
    }
    Ok(T::data(values))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::tests::{check, f, i, int, l, refuses, text};

    #[test]
    fn elements_are_written() {
        let x = f(&[2, 2], &[1.0, 2.0, 3.0, 4.0]);
        let inputs = [x.clone(), i(&[1, 2], &[1, 1]), f(&[1, 2], &[10.0, 0.5])];
        check(
            "ScatterElements",
            &[],
            &inputs,
            &f(&[2, 2], &[1.0, 2.0, 10.0, 0.5]),
        );
        let by = |how| [("reduction", text(how)), ("axis", int(-2))];
        check(
            "ScatterElements",
            &by("add"),
            &inputs,
            &f(&[2, 2], &[1.0, 2.0, 13.0, 4.5]),
        );
        check(
            "ScatterElements",
            &by("mul"),
            &inputs,
            &f(&[2, 2], &[1.0, 2.0, 30.0, 2.0]),
        );
        check(
            "ScatterElements",
            &by("max"),
            &inputs,
            &f(&[2, 2], &[1.0, 2.0, 10.0, 4.0]),
        );
        check(
            "ScatterElements",
            &by("min"),
            &inputs,
            &f(&[2, 2], &[1.0, 2.0, 3.0, 0.5]),
        );
        refuses("ScatterElements", &by("or"), &inputs, "found \"or\"");
        let inputs = [x, i(&[1, 2], &[1, 1]), f(&[2], &[10.0, 0.5])];
        refuses(
            "ScatterElements",
            &[],
            &inputs,
            "expected updates of shape [1, 2]",
        );
    }

    #[test]
    fn slices_are_written() {
        let x = i(&[2, 2], &[1, 2, 3, 4]);
        let inputs = [x.clone(), i(&[1, 1], &[-1]), i(&[1, 2], &[8, 9])];
        check("ScatterND", &[], &inputs, &i(&[2, 2], &[1, 2, 8, 9]));
        let inputs = [x.clone(), i(&[2, 2], &[0, 1, 0, 1]), l(&[5, 6])];
        let add = [("reduction", text("add"))];
        check("ScatterND", &add, &inputs, &i(&[2, 2], &[1, 13, 3, 4]));
        refuses(
            "ScatterND",
            &[],
            &[x.clone(), i(&[1, 1], &[0]), l(&[5])],
            "do not fit",
        );
        refuses(
            "ScatterND",
            &[],
            &[x, i(&[1, 2], &[0, 2]), l(&[5])],
            "expected an index",
        );
    }
}
