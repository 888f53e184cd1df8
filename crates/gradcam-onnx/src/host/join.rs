//! Values that are joined and divided along an axis.

use crate::attributes::axis;
use crate::graph::Node;
use crate::host::inputs::Inputs;
use crate::host::value::{Element, Host, count, typed};
use crate::host::walk::{copied, strides};

/// Joins values along an axis.
pub(crate) fn concat(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let parts = inputs.all()?;
    let first = parts[0];
    let Some(at) = node.optional_int("axis")? else {
        return Err("the attribute `axis` is left out".to_string());
    };
    let at = axis(at, first.rank())?;
    let mut dims = first.dims().to_vec();
    dims[at] = 0;
    for part in &parts {
        let mut expected = dims.clone();
        if part.rank() == first.rank() {
            expected[at] = part.dims()[at];
        }
        if part.dims() != expected {
            return Err(format!(
                "expected shapes that agree beside axis {at}, found {:?} and {:?}",
                first.dims(),
                part.dims()
            ));
        }
        dims[at] = dims[at].saturating_add(part.dims()[at]);
    }
    let length = count(&dims)?;
    let outer: usize = dims[..at].iter().product();
    let values = typed!(first, T => {
        let mut out = Vec::with_capacity(length);
        let parts = parts.iter().map(|part| T::of(part)).collect::<Result<Vec<_>, _>>()?;
        for block in 0..outer {
            for part in &parts {
                let run = part.len() / outer;
                out.extend_from_slice(&part[block * run..(block + 1) * run]);
            }
        }
        T::data(out)
    });
    Ok(Host::new(dims, values)?.typed(first.element()))
}

/// Divides a value along an axis, by sizes or into equal parts of which the last may be smaller.
pub(crate) fn split(node: &Node, inputs: &Inputs<'_>) -> Result<Vec<Host>, String> {
    let host = inputs.get(0)?;
    let at = axis(node.int("axis", 0)?, host.rank())?;
    let size = host.dims()[at];
    let sizes = match inputs.list(1, node.ints("split")?)? {
        Some(list) => {
            let sizes = list.iter().map(|size| usize::try_from(*size));
            sizes
                .collect::<Result<Vec<_>, _>>()
                .map_err(|_| format!("expected sizes of at least 0, found {list:?}"))?
        }
        None => equal_parts(node, size)?,
    };
    let total = sizes
        .iter()
        .try_fold(0usize, |n, size| n.checked_add(*size));
    if total != Some(size) || sizes.len() != node.outputs().len() {
        return Err(format!(
            "expected {} parts of {size} elements together, found {sizes:?}",
            node.outputs().len()
        ));
    }
    let to = strides(host.dims());
    let mut start = 0;
    let part = |size: usize| {
        let mut dims = host.dims().to_vec();
        dims[at] = size;
        let first = start * to[at] as usize;
        start += size;
        let values = typed!(host, T => T::data(copied(T::of(host)?, &dims, &to, first)));
        Ok(Host::new(dims, values)?.typed(host.element()))
    };
    sizes.into_iter().map(part).collect()
}

fn equal_parts(node: &Node, size: usize) -> Result<Vec<usize>, String> {
    let outputs = node.outputs().len();
    let parts = node.optional_int("num_outputs")?;
    if parts.is_some_and(|parts| usize::try_from(parts) != Ok(outputs)) || outputs == 0 {
        return Err(format!(
            "expected as many outputs as parts, found {outputs}"
        ));
    }
    let part = size.div_ceil(outputs);
    let sizes = (0..outputs).map(|n| size.saturating_sub(n.saturating_mul(part)).min(part));
    Ok(sizes.collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::borrow::Borrow;

    use crate::graph::Attribute;
    use crate::host::tests::{check, f, i, int, ints, l, node, refuses};
    use crate::host::{Host, evaluate};

    fn split(
        attributes: &[(&str, Attribute)],
        inputs: &[impl Borrow<Host>],
        outputs: usize,
    ) -> Result<Vec<Vec<i64>>, String> {
        let inputs = inputs.iter().map(|host| Some(host.borrow().clone()));
        let inputs: Vec<_> = inputs.collect();
        let found = evaluate(&node("Split", outputs, attributes), &inputs)?.unwrap();
        Ok(found
            .iter()
            .map(|part| part.as_ref().unwrap().ints().unwrap().to_vec())
            .collect())
    }

    #[test]
    fn values_join_along_an_axis() {
        let (x, y) = (i(&[2, 1], &[1, 2]), i(&[2, 2], &[3, 4, 5, 6]));
        let last = [("axis", int(-1))];
        check(
            "Concat",
            &last,
            &[x.clone(), y.clone()],
            &i(&[2, 3], &[1, 3, 4, 2, 5, 6]),
        );
        check("Concat", &last, &[x.clone(), i(&[2, 0], &[])], &x);
        refuses(
            "Concat",
            &[("axis", int(0))],
            &[x.clone(), y.clone()],
            "agree beside axis 0",
        );
        refuses(
            "Concat",
            &last,
            &[x.clone(), l(&[1])],
            "agree beside axis 1",
        );
        refuses(
            "Concat",
            &last,
            &[x.clone(), f(&[2, 1], &[0.0; 2])],
            "expected integers",
        );
        refuses("Concat", &[], &[x], "`axis` is left out");
    }

    #[test]
    fn values_split_into_parts() {
        let x = l(&[1, 2, 3, 4]);
        let parts = [vec![1], vec![2, 3, 4]];
        assert_eq!(split(&[], &[x.clone(), l(&[1, 3])], 2).unwrap(), parts);
        assert_eq!(split(&[("split", ints(&[1, 3]))], &[&x], 2).unwrap(), parts);
        assert_eq!(split(&[], &[&x], 2).unwrap(), [[1, 2], [3, 4]]);
        let three = [("num_outputs", int(3))];
        assert_eq!(
            split(&three, &[&x], 3).unwrap(),
            [vec![1, 2], vec![3, 4], vec![]]
        );
        for sizes in [&[1, 2][..], &[4], &[i64::MAX, i64::MAX], &[-1, 5]] {
            assert!(split(&[], &[x.clone(), l(sizes)], 2).is_err());
        }
        assert!(split(&three, &[&x], 2).is_err());
        assert!(split(&[], &[x], 0).is_err());
    }
}
