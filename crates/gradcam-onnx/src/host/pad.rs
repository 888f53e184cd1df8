//! Borders.

use crate::attributes::axes;
use crate::graph::Node;
use crate::host::inputs::Inputs;
use crate::host::value::{Element, Host, count, typed};
use crate::host::walk::{strides, walk};

/// How a value continues beyond its border.
#[derive(Clone, Copy)]
enum Border {
    Constant,
    Edge,
    Reflect,
    Wrap,
}

impl Border {
    /// Returns the place inside that a place outside repeats; `None` if it has the constant.
    fn inside(self, place: i64, size: usize) -> Option<usize> {
        let last = size as i64 - 1;
        let inside = match self {
            Border::Constant => place,
            Border::Edge => place.clamp(0, last.max(0)),
            Border::Reflect if last <= 0 => 0,
            Border::Reflect => {
                let turn = place.rem_euclid(2 * last);
                turn.min(2 * last - turn)
            }
            Border::Wrap => place.checked_rem_euclid(last + 1)?,
        };
        usize::try_from(inside).ok().filter(|place| *place < size)
    }
}

/// The place of an element that is the constant.
const OUTSIDE: u32 = u32::MAX;

/// Adds elements before and after each axis, or removes them where a pad is negative.
pub(crate) fn pad(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let border = match node.text("mode", "constant")? {
        "constant" => Border::Constant,
        "edge" => Border::Edge,
        "reflect" => Border::Reflect,
        "wrap" => Border::Wrap,
        other => {
            return Err(format!(
                "expected the mode constant, edge, reflect or wrap, found {other:?}"
            ));
        }
    };
    let pads = inputs.list(1, node.ints("pads")?)?;
    let pads = pads.ok_or("expected pads, found none")?;
    let along = match inputs.list(3, None)? {
        Some(list) => axes(&list, host.rank())?,
        None => (0..host.rank()).collect(),
    };
    if Some(pads.len()) != along.len().checked_mul(2) {
        return Err(format!(
            "expected two pads for each of {} axes, found {}",
            along.len(),
            pads.len()
        ));
    }
    let mut before = vec![0; host.rank()];
    let mut dims = host.dims().to_vec();
    for (n, at) in along.iter().enumerate() {
        let (first, last) = (pads[n], pads[n + along.len()]);
        let size = (dims[*at] as i64).checked_add(first);
        let size = size.and_then(|size| size.checked_add(last));
        let size = size.and_then(|size| usize::try_from(size).ok());
        dims[*at] = size.ok_or_else(|| {
            format!(
                "the pads {first} and {last} do not fit the size {}",
                dims[*at]
            )
        })?;
        before[*at] = first;
    }
    count(&dims)?;
    let places = places(host, border, &dims, &before)?;
    let padded = typed!(host, T => {
        let constant = match inputs.only::<T>(2)? {
            Some(constant) => constant,
            None => attribute_constant::<T>(node)?,
        };
        padded::<T>(host, dims, &places, constant)
    })?;
    Ok(padded.typed(host.element()))
}

fn attribute_constant<T: Element>(node: &Node) -> Result<T, String> {
    let constant = Host::scalar(node.float("value", 0.0)?)?;
    constant.only::<T>().or(Ok(T::default()))
}

/// Returns for each axis the offsets of the elements along it.
fn places(
    host: &Host,
    border: Border,
    dims: &[usize],
    before: &[i64],
) -> Result<Vec<Vec<u32>>, String> {
    let to = strides(host.dims());
    let mut all = Vec::with_capacity(dims.len());
    for (at, size) in dims.iter().enumerate() {
        let inside =
            |n: usize| border.inside((n as i64).saturating_sub(before[at]), host.dims()[at]);
        let offset = |n: usize| match inside(n) {
            Some(place) => u32::try_from(place * to[at] as usize).unwrap_or(OUTSIDE),
            None => OUTSIDE,
        };
        let places: Vec<u32> = (0..*size).map(offset).collect();
        if !matches!(border, Border::Constant) && places.contains(&OUTSIDE) {
            return Err(format!(
                "expected a border to repeat, found the shape {:?}",
                host.dims()
            ));
        }
        all.push(places);
    }
    Ok(all)
}

fn padded<T: Element>(
    host: &Host,
    dims: Vec<usize>,
    places: &[Vec<u32>],
    constant: T,
) -> Result<Host, String> {
    let values = T::of(host)?;
    let mut out = Vec::with_capacity(count(&dims)?);
    let Some((inner, outer)) = places.split_last() else {
        return Ok(host.clone());
    };
    let rows = strides(&dims[..outer.len()]);
    walk(&dims[..outer.len()], [&rows], [0], |[row]| {
        let mut start = Some(0usize);
        for (axis, stride) in rows.iter().enumerate() {
            let place = outer[axis][row / *stride as usize % dims[axis]];
            start = start
                .filter(|_| place != OUTSIDE)
                .map(|start| start + place as usize);
        }
        out.extend(inner.iter().map(|place| match start {
            Some(start) if *place != OUTSIDE => values[start + *place as usize],
            _ => constant,
        }));
    });
    Host::of(dims, out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::tests::{check, f, float, ints, l, refuses, run, text};

    #[test]
    fn borders_continue() {
        let x = l(&[1, 2, 3]);
        let pad = |mode, pads: &[i64]| {
            run("Pad", &[("mode", text(mode))], &[x.clone(), l(pads)])
                .map(|host| host.ints().unwrap().to_vec())
        };
        assert_eq!(pad("constant", &[1, 2]).unwrap(), [0, 1, 2, 3, 0, 0]);
        assert_eq!(pad("edge", &[1, 2]).unwrap(), [1, 1, 2, 3, 3, 3]);
        assert_eq!(pad("reflect", &[2, 3]).unwrap(), [3, 2, 1, 2, 3, 2, 1, 2]);
        assert_eq!(pad("wrap", &[1, 2]).unwrap(), [3, 1, 2, 3, 1, 2]);
        assert_eq!(pad("constant", &[-1, 1]).unwrap(), [2, 3, 0]);
        assert!(pad("constant", &[-1, -2]).unwrap().is_empty());
        for pads in [
            &[-4, 0][..],
            &[i64::MAX, i64::MAX],
            &[i64::MIN, 0],
            &[0],
            &[1 << 40, 0],
        ] {
            assert!(pad("edge", pads).is_err());
        }
        assert!(
            pad("mirror", &[0, 0])
                .unwrap_err()
                .contains("found \"mirror\"")
        );
    }

    #[test]
    fn pads_have_several_spellings() {
        let x = f(&[1, 2], &[1.0, 2.0]);
        let wide = f(&[1, 3], &[9.0, 1.0, 2.0]);
        let attributes = [("pads", ints(&[0, 1, 0, 0])), ("value", float(9.0))];
        check("Pad", &attributes, &[&x], &wide);
        let nine = f(&[], &[9.0]);
        check(
            "Pad",
            &[],
            &[x.clone(), l(&[0, 1, 0, 0]), nine.clone()],
            &wide,
        );
        check("Pad", &[], &[x.clone(), l(&[1, 0]), nine, l(&[-1])], &wide);
        refuses("Pad", &[], &[&x], "expected pads, found none");
        let empty = f(&[0, 2], &[]);
        check(
            "Pad",
            &[],
            &[empty.clone(), l(&[1, 0, 0, 0])],
            &f(&[1, 2], &[0.0; 2]),
        );
        let edge = [("mode", text("edge"))];
        refuses(
            "Pad",
            &edge,
            &[empty, l(&[1, 0, 0, 0])],
            "expected a border to repeat",
        );
        check("Pad", &[], &[f(&[], &[1.0]), l(&[])], &f(&[], &[1.0]));
    }
}
