//! Operators that only change or read a shape.

use crate::attributes::{axes, axis};
use crate::graph::Node;
use crate::host::inputs::Inputs;
use crate::host::value::Host;

/// Returns the shape of a value as a list.
pub(crate) fn shape(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    shape_of(node, inputs.get(0)?.dims())
}

/// Returns the result of `Shape` on a value with these dimensions, of which only the shape need be known.
pub(crate) fn shape_of(node: &Node, dims: &[usize]) -> Result<Host, String> {
    let rank = i64::try_from(dims.len()).unwrap_or(i64::MAX);
    let clamped = |index: i64| {
        let index = if index < 0 {
            index.saturating_add(rank)
        } else {
            index
        };
        index.clamp(0, rank) as usize
    };
    let (start, end) = (
        clamped(node.int("start", 0)?),
        clamped(node.int("end", rank)?),
    );
    let part = dims.get(start..end).unwrap_or_default();
    Host::list(part.iter().map(|dim| *dim as i64).collect())
}

/// Counts the elements.
pub(crate) fn size(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    Host::scalar(inputs.get(0)?.len() as i64)
}

/// Changes the shape: 0 copies a size, -1 is computed from the others.
pub(crate) fn reshape(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let target = inputs.get(1)?.as_ints()?;
    let dims = resolved(
        host.dims(),
        host.len(),
        target,
        node.flag("allowzero", false)?,
    )?;
    host.reshaped(dims)
}

/// Resolves the target of a `Reshape`.
///
/// # Errors
/// If a size is below -1, copies a dimension that does not exist, or cannot be computed.
pub(crate) fn resolved(
    dims: &[usize],
    count: usize,
    target: &[i64],
    allowzero: bool,
) -> Result<Vec<usize>, String> {
    let refused = || format!("the shape {dims:?} cannot become {target:?}");
    let mut open = None;
    let mut resolved = Vec::with_capacity(target.len());
    for (index, size) in target.iter().enumerate() {
        resolved.push(match size {
            0 if !allowzero => *dims.get(index).ok_or_else(refused)?,
            -1 if open.is_none() => {
                open = Some(index);
                1
            }
            size => usize::try_from(*size).map_err(|_| refused())?,
        });
    }
    let known = resolved.iter().try_fold(1usize, |n, d| n.checked_mul(*d));
    let known = known.ok_or_else(refused)?;
    match open {
        Some(index) if known != 0 && count.is_multiple_of(known) => resolved[index] = count / known,
        None if known == count => {}
        Some(_) | None => return Err(refused()),
    }
    Ok(resolved)
}

/// Makes a matrix of the dimensions before and after an axis.
pub(crate) fn flatten(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let dims = host.dims();
    let at = match node.int("axis", 1)? {
        // The axis may lie behind the last dimension.
        at if usize::try_from(at) == Ok(dims.len()) => dims.len(),
        at => axis(at, dims.len())?,
    };
    let (before, after) = dims.split_at(at);
    host.reshaped(vec![before.iter().product(), after.iter().product()])
}

/// Removes dimensions of size 1.
pub(crate) fn squeeze(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let mut removed = vec![false; host.rank()];
    match inputs.list(1, node.ints("axes")?)? {
        Some(list) => {
            for at in axes(&list, host.rank())? {
                if host.dims()[at] != 1 {
                    return Err(format!(
                        "expected size 1 at axis {at}, found the shape {:?}",
                        host.dims()
                    ));
                }
                removed[at] = true;
            }
        }
        None => {
            for (removed, dim) in removed.iter_mut().zip(host.dims()) {
                *removed = *dim == 1;
            }
        }
    }
    let kept = host.dims().iter().zip(removed).filter(|(_, gone)| !gone);
    host.reshaped(kept.map(|(dim, _)| *dim).collect())
}

/// Inserts dimensions of size 1.
pub(crate) fn unsqueeze(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let Some(list) = inputs.list(1, node.ints("axes")?)? else {
        return Err("expected the axes to insert, found none".to_string());
    };
    let rank = host.rank().saturating_add(list.len());
    let mut inserted = vec![false; rank];
    for at in axes(&list, rank)? {
        inserted[at] = true;
    }
    let mut old = host.dims().iter();
    let size = |new: bool| if new { Some(1) } else { old.next().copied() };
    host.reshaped(inserted.into_iter().filter_map(size).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::shape_of;
    use crate::host::tests::{check, f, i, int, ints, l, node, refuses};

    #[test]
    fn a_shape_is_a_list() {
        let x = f(&[2, 0, 3], &[]);
        check("Shape", &[], &[&x], &l(&[2, 0, 3]));
        check(
            "Shape",
            &[("start", int(-2)), ("end", int(-1))],
            &[&x],
            &l(&[0]),
        );
        check(
            "Shape",
            &[("start", int(2)), ("end", int(i64::MIN))],
            &[&x],
            &l(&[]),
        );
        check(
            "Shape",
            &[("start", int(i64::MIN)), ("end", int(99))],
            &[&x],
            &l(&[2, 0, 3]),
        );
        check("Size", &[], &[x], &i(&[], &[0]));
        check("Size", &[], &[f(&[], &[1.0])], &i(&[], &[1]));
        let part = shape_of(&node("Shape", 1, &[("start", int(1))]), &[1, 3, 224, 224]);
        assert_eq!(part.unwrap().ints().unwrap(), [3, 224, 224]);
    }

    #[test]
    fn sizes_are_copied_and_computed() {
        let x = i(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let becomes = |target: &[i64], dims: &[usize]| {
            check(
                "Reshape",
                &[],
                &[x.clone(), l(target)],
                &i(dims, &[1, 2, 3, 4, 5, 6]),
            );
        };
        becomes(&[-1], &[6]);
        becomes(&[0, -1], &[2, 3]);
        becomes(&[1, 0, -1], &[1, 3, 2]);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let x = l(&[1, 2, 3, 4, 5, 6]);
        for target in [
            &[4][..],
            &[-1, 4],
            &[-1, -1],
            &[-2, -3],
            &[6, 0],
            &[i64::MAX, 2],
            &[0, 0],
        ] {
            refuses("Reshape", &[], &[x.clone(), l(target)], "cannot become");
        }
        let empty = f(&[0, 2], &[]);
        let zero = [("allowzero", int(1))];
        check(
            "Reshape",
            &zero,
            &[empty.clone(), l(&[3, 0])],
            &f(&[3, 0], &[]),
        );
        refuses(
            "Reshape",
            &zero,
            &[empty.clone(), l(&[-1, 0])],
            "cannot become",
        );
        refuses(
            "Reshape",
            &[],
            &[empty, i(&[1, 1], &[0])],
            "expected a list",
        );
        refuses(
            "Reshape",
            &[],
            &[x, f(&[1], &[6.0])],
            "expected integers, found floats",
        );
    }

    #[test]
    fn a_matrix_is_cut_at_any_axis() {
        let x = f(&[2, 1, 3], &[0.0; 6]);
        for (at, dims) in [
            (0, [1, 6]),
            (1, [2, 3]),
            (-1, [2, 3]),
            (3, [6, 1]),
            (-3, [1, 6]),
        ] {
            check("Flatten", &[("axis", int(at))], &[&x], &f(&dims, &[0.0; 6]));
        }
        refuses(
            "Flatten",
            &[("axis", int(4))],
            &[x],
            "expected an axis from -3 to 2, found 4",
        );
        check(
            "Flatten",
            &[("axis", int(0))],
            &[f(&[], &[1.0])],
            &f(&[1, 1], &[1.0]),
        );
    }

    #[test]
    fn axes_are_inputs_or_attributes() {
        let x = f(&[1, 2, 1], &[1.0, 2.0]);
        let flat = f(&[2], &[1.0, 2.0]);
        check("Squeeze", &[], &[&x], &flat);
        check("Squeeze", &[], &[x.clone(), l(&[-1, 0])], &flat);
        check(
            "Squeeze",
            &[("axes", ints(&[0]))],
            &[&x],
            &f(&[2, 1], &[1.0, 2.0]),
        );
        refuses(
            "Squeeze",
            &[],
            &[x.clone(), l(&[1])],
            "expected size 1 at axis 1",
        );
        refuses("Squeeze", &[], &[x.clone(), l(&[0, -3])], "each axis once");
        check("Unsqueeze", &[], &[flat.clone(), l(&[0, -1])], &x);
        check("Unsqueeze", &[("axes", ints(&[2, 0]))], &[&flat], &x);
        refuses(
            "Unsqueeze",
            &[],
            &[flat.clone(), l(&[i64::MIN])],
            "expected an axis",
        );
        refuses("Unsqueeze", &[], &[flat], "expected the axes to insert");
    }
}
