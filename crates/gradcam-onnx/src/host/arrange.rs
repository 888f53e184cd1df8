//! Elements that are rearranged, repeated or masked by their places.

use crate::attributes::axes;
use crate::graph::Node;
use crate::host::broadcast::{shape, spread};
use crate::host::inputs::Inputs;
use crate::host::value::{Element, Host, count, typed};
use crate::host::walk::{copied, strides};

/// Reads a value in another shape, at strides that stay inside.
fn viewed(host: &Host, walked: &[usize], to: &[isize], dims: Vec<usize>) -> Result<Host, String> {
    count(&dims)?;
    let values = typed!(host, T => T::data(copied(T::of(host)?, walked, to, 0)));
    Ok(Host::new(dims, values)?.typed(host.element()))
}

/// Repeats a value along each axis.
pub(crate) fn tile(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, repeats) = (inputs.get(0)?, inputs.get(1)?.as_usizes()?);
    if repeats.len() != host.rank() {
        return Err(format!(
            "expected {} repeats, found {}",
            host.rank(),
            repeats.len()
        ));
    }
    let pairs = host.dims().iter().zip(&repeats);
    let dims: Vec<usize> = pairs.map(|(dim, n)| dim.saturating_mul(*n)).collect();
    // Each axis is walked as two: the repeats, which do not move, and the elements.
    let pairs = host.dims().iter().zip(&repeats);
    let walked: Vec<usize> = pairs.flat_map(|(dim, n)| [*n, *dim]).collect();
    let to: Vec<isize> = strides(host.dims())
        .into_iter()
        .flat_map(|s| [0, s])
        .collect();
    viewed(host, &walked, &to, dims)
}

/// Repeats a value where the common shape with another is larger.
pub(crate) fn expand(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, target) = (inputs.get(0)?, inputs.get(1)?.as_usizes()?);
    let dims = shape(&[host.dims(), &target])?;
    viewed(host, &dims, &spread(host.dims(), &dims), dims.clone())
}

/// Reorders the dimensions; reverses them without `perm`.
pub(crate) fn transpose(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let order = match node.ints("perm")? {
        Some(list) if list.len() == host.rank() => axes(&list, host.rank())?,
        Some(list) => {
            return Err(format!(
                "expected an order of {} dimensions, found {list:?}",
                host.rank()
            ));
        }
        None => (0..host.rank()).rev().collect(),
    };
    permuted(host, &order)
}

fn permuted(host: &Host, order: &[usize]) -> Result<Host, String> {
    let to = strides(host.dims());
    let dims: Vec<usize> = order.iter().map(|at| host.dims()[*at]).collect();
    let to: Vec<isize> = order.iter().map(|at| to[*at]).collect();
    viewed(host, &dims, &to, dims.clone())
}

/// Moves channels to pixels.
pub(crate) fn depth_to_space(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, [n, c, h, w], block) = images(node, inputs)?;
    let square = block.checked_mul(block).filter(|square| c % square == 0);
    let Some(square) = square else {
        return Err(format!(
            "expected a multiple of {block} x {block} channels, found {c}"
        ));
    };
    let channels = c / square;
    let (split, order) = match node.text("mode", "DCR")? {
        "DCR" => ([n, block, block, channels, h, w], [0, 3, 4, 1, 5, 2]),
        "CRD" => ([n, channels, block, block, h, w], [0, 1, 4, 2, 5, 3]),
        other => return Err(format!("expected the mode DCR or CRD, found {other:?}")),
    };
    let moved = permuted(&host.reshaped(split.to_vec())?, &order)?;
    moved.reshaped(vec![n, channels, h * block, w * block])
}

/// Moves pixels to channels.
pub(crate) fn space_to_depth(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, [n, c, h, w], block) = images(node, inputs)?;
    if h % block != 0 || w % block != 0 {
        return Err(format!(
            "expected multiples of {block} pixels, found {h} x {w}"
        ));
    }
    let order = match node.text("mode", "DCR")? {
        "DCR" => [0, 3, 5, 1, 2, 4],
        "CRD" => [0, 1, 3, 5, 2, 4],
        other => return Err(format!("expected the mode DCR or CRD, found {other:?}")),
    };
    let split = vec![n, c, h / block, block, w / block, block];
    let moved = permuted(&host.reshaped(split)?, &order)?;
    let channels = moved.dims()[1..4].iter().product();
    moved.reshaped(vec![n, channels, h / block, w / block])
}

fn images<'a>(node: &Node, inputs: &Inputs<'a>) -> Result<(&'a Host, [usize; 4], usize), String> {
    let host = inputs.get(0)?;
    let dims = <[usize; 4]>::try_from(host.dims())
        .map_err(|_| format!("expected 4 dimensions, found the shape {:?}", host.dims()))?;
    let size = node.int("blocksize", 0)?;
    match usize::try_from(size) {
        Ok(block) if block > 0 => Ok((host, dims, block)),
        _ => Err(format!("expected a block of at least 1, found {size}")),
    }
}

/// Replaces one triangle of matrices by zeros.
pub(crate) fn trilu(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let shift = inputs.only::<i64>(1)?.unwrap_or(0);
    let upper = node.flag("upper", true)?;
    let [.., rows, columns] = host.dims() else {
        return Err(format!(
            "expected matrices, found the shape {:?}",
            host.dims()
        ));
    };
    let kept = |n: usize| {
        let (row, column) = ((n / columns % rows) as i64, (n % columns) as i64);
        if upper {
            column >= row.saturating_add(shift)
        } else {
            column <= row.saturating_add(shift)
        }
    };
    let values = typed!(host, T => {
        let pairs = T::of(host)?.iter().enumerate();
        let values = pairs.map(|(n, value)| if kept(n) { *value } else { T::default() });
        T::data(values.collect())
    });
    Ok(Host::new(host.dims().to_vec(), values)?.typed(host.element()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::tests::{check, i, int, ints, l, refuses, text};

    #[test]
    fn values_repeat() {
        let x = i(&[2, 1], &[1, 2]);
        check(
            "Tile",
            &[],
            &[x.clone(), l(&[2, 2])],
            &i(&[4, 2], &[1, 1, 2, 2, 1, 1, 2, 2]),
        );
        check("Tile", &[], &[x.clone(), l(&[0, 2])], &i(&[0, 2], &[]));
        refuses(
            "Tile",
            &[],
            &[x.clone(), l(&[i64::MAX, i64::MAX])],
            "at most 268435456 elements",
        );
        refuses(
            "Tile",
            &[],
            &[i(&[2, 0], &[]), l(&[i64::MAX, 1])],
            "at most 268435456 elements",
        );
        check(
            "Tile",
            &[],
            &[i(&[2, 0], &[]), l(&[1, i64::MAX])],
            &i(&[2, 0], &[]),
        );
        refuses("Tile", &[], &[x.clone(), l(&[1])], "expected 2 repeats");
        check(
            "Expand",
            &[],
            &[x.clone(), l(&[1, 1, 2])],
            &i(&[1, 2, 2], &[1, 1, 2, 2]),
        );
        check("Expand", &[], &[x.clone(), l(&[0])], &i(&[2, 0], &[]));
        refuses("Expand", &[], &[x.clone(), l(&[3, 1])], "do not broadcast");
        refuses(
            "Expand",
            &[],
            &[x, l(&[1 << 40, 1, 1])],
            "at most 268435456 elements",
        );
    }

    #[test]
    fn dimensions_change_places() {
        let x = i(&[1, 2, 3], &[1, 2, 3, 4, 5, 6]);
        check("Transpose", &[], &[&x], &i(&[3, 2, 1], &[1, 4, 2, 5, 3, 6]));
        let order = [("perm", ints(&[2, 0, 1]))];
        check(
            "Transpose",
            &order,
            &[&x],
            &i(&[3, 1, 2], &[1, 4, 2, 5, 3, 6]),
        );
        refuses(
            "Transpose",
            &[("perm", ints(&[0, 1]))],
            &[&x],
            "an order of 3 dimensions",
        );
        refuses(
            "Transpose",
            &[("perm", ints(&[0, 1, 1]))],
            &[x],
            "each axis once",
        );
    }

    #[test]
    fn channels_become_pixels_and_back() {
        let x = i(&[1, 8, 1, 1], &[0, 1, 2, 3, 4, 5, 6, 7]);
        let two = ("blocksize", int(2));
        let dcr = i(&[1, 2, 2, 2], &[0, 2, 4, 6, 1, 3, 5, 7]);
        let crd = i(&[1, 2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]);
        check("DepthToSpace", std::slice::from_ref(&two), &[&x], &dcr);
        check(
            "DepthToSpace",
            &[two.clone(), ("mode", text("CRD"))],
            &[&x],
            &crd,
        );
        check("SpaceToDepth", std::slice::from_ref(&two), &[dcr], &x);
        check(
            "SpaceToDepth",
            &[two.clone(), ("mode", text("CRD"))],
            &[crd],
            &x,
        );
        refuses(
            "SpaceToDepth",
            &[two],
            &[&x],
            "expected multiples of 2 pixels",
        );
        for size in [0, -1, 3, 1 << 40, i64::MIN] {
            refuses(
                "DepthToSpace",
                &[("blocksize", int(size))],
                &[&x],
                "expected",
            );
        }
    }

    #[test]
    fn a_triangle_is_kept() {
        let x = i(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        check("Trilu", &[], &[&x], &i(&[2, 3], &[1, 2, 3, 0, 5, 6]));
        check(
            "Trilu",
            &[],
            &[x.clone(), i(&[], &[1])],
            &i(&[2, 3], &[0, 2, 3, 0, 0, 6]),
        );
        let lower = [("upper", int(0))];
        check(
            "Trilu",
            &lower,
            &[x.clone(), l(&[-1])],
            &i(&[2, 3], &[0, 0, 0, 4, 0, 0]),
        );
        check("Trilu", &lower, &[x.clone(), l(&[i64::MAX])], &x);
        refuses("Trilu", &[], &[l(&[1])], "expected matrices");
    }
}
