//! Elements by their places.

use crate::attributes::{axes, axis};
use crate::graph::Node;
use crate::host::inputs::Inputs;
use crate::host::value::{Data, Element, Host, count, typed};
use crate::host::walk::{copied, strides, walk};

/// Resolves an index, which counts from the end if negative.
fn place(index: i64, size: usize) -> Result<usize, String> {
    let resolved = if index < 0 {
        index.saturating_add(size as i64)
    } else {
        index
    };
    match usize::try_from(resolved) {
        Ok(place) if place < size => Ok(place),
        _ => Err(format!(
            "expected an index from -{size} to below {size}, found {index}"
        )),
    }
}

fn places(indices: &Host, size: usize) -> Result<Vec<usize>, String> {
    let values = indices.ints()?.iter();
    values.map(|index| place(*index, size)).collect()
}

/// Takes whole slices along an axis.
pub(crate) fn gather(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, indices) = (inputs.get(0)?, inputs.get(1)?);
    let at = axis(node.int("axis", 0)?, host.rank())?;
    taken(host, at, &places(indices, host.dims()[at])?, indices.dims())
}

/// Takes slices at places along an axis, which is replaced by the shape of the places.
fn taken(host: &Host, at: usize, places: &[usize], shape: &[usize]) -> Result<Host, String> {
    let (before, after) = (&host.dims()[..at], &host.dims()[at + 1..]);
    let dims = [before, shape, after].concat();
    let (outer, inner): (usize, usize) = (before.iter().product(), after.iter().product());
    let size = host.dims()[at];
    let length = count(&dims)?;
    let values = typed!(host, T => {
        let values = T::of(host)?;
        let mut out = Vec::with_capacity(length);
        for block in 0..outer {
            for place in places {
                let from = (block * size + place) * inner;
                out.extend_from_slice(&values[from..from + inner]);
            }
        }
        T::data(out)
    });
    Ok(Host::new(dims, values)?.typed(host.element()))
}

/// Takes one element for each index, which replaces the place along an axis.
pub(crate) fn gather_elements(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, indices) = (inputs.get(0)?, inputs.get(1)?);
    let at = axis(node.int("axis", 0)?, host.rank())?;
    let places = element_places(host, indices, at)?;
    let values = typed!(host, T => {
        let values = T::of(host)?;
        T::data(places.into_iter().map(|place| values[place]).collect())
    });
    Ok(Host::new(indices.dims().to_vec(), values)?.typed(host.element()))
}

/// Returns for each index the place of its element.
pub(crate) fn element_places(host: &Host, indices: &Host, at: usize) -> Result<Vec<usize>, String> {
    let mut pairs = indices.dims().iter().zip(host.dims()).enumerate();
    let fits = indices.rank() == host.rank() && pairs.all(|(n, (i, dim))| n == at || i <= dim);
    if !fits {
        return Err(format!(
            "expected indices within the shape {:?} beside axis {at}, found {:?}",
            host.dims(),
            indices.dims()
        ));
    }
    let along = places(indices, host.dims()[at])?;
    let mut to = strides(host.dims());
    let stride = to[at] as usize;
    to[at] = 0;
    let mut next = along.iter();
    let mut result = Vec::with_capacity(along.len());
    walk(indices.dims(), [&to], [0], |[base]| {
        result.extend(next.next().map(|place| base + place * stride));
    });
    Ok(result)
}

/// Takes the slices that lists of indices name.
pub(crate) fn gather_nd(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, indices) = (inputs.get(0)?, inputs.get(1)?);
    let batch = usize::try_from(node.int("batch_dims", 0)?).unwrap_or(usize::MAX);
    let contradiction = || {
        format!(
            "indices of shape {:?} do not fit {:?} with {batch} batch dimensions",
            indices.dims(),
            host.dims()
        )
    };
    let Some((depth, lists)) = indices.dims().split_last() else {
        return Err(contradiction());
    };
    if batch > lists.len()
        || batch > host.rank()
        || lists[..batch] != host.dims()[..batch]
        || *depth > host.rank() - batch
    {
        return Err(contradiction());
    }
    let (indexed, slice) = host.dims()[batch..].split_at(*depth);
    let dims = [lists, slice].concat();
    let length = count(&dims)?;
    let starts = slice_starts(indices, *depth, indexed)?;
    let inner: usize = slice.iter().product();
    let block: usize = indexed.iter().product();
    let batches: usize = lists[..batch].iter().product();
    let each = starts.len().checked_div(batches).unwrap_or(0).max(1);
    let values = typed!(host, T => {
        let values = T::of(host)?;
        let mut out = Vec::with_capacity(length);
        for (n, start) in starts.iter().enumerate() {
            let from = (n / each * block + start) * inner;
            out.extend_from_slice(&values[from..from + inner]);
        }
        T::data(out)
    });
    Ok(Host::new(dims, values)?.typed(host.element()))
}

/// Returns for each list of indices the number of the slice that it names.
pub(crate) fn slice_starts(
    indices: &Host,
    depth: usize,
    dims: &[usize],
) -> Result<Vec<usize>, String> {
    let lists: usize = indices.dims()[..indices.rank() - 1].iter().product();
    let values = indices.ints()?;
    let start = |list: usize| {
        let list = &values[list * depth..(list + 1) * depth];
        let mut pairs = list.iter().zip(dims);
        pairs.try_fold(0, |start, (index, dim)| {
            Ok(start * dim + place(*index, *dim)?)
        })
    };
    (0..lists).map(start).collect()
}

/// Takes a part along several axes, with steps that may be negative.
pub(crate) fn slice(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let missing = || "expected starts and ends, found none".to_string();
    let begins = inputs.list(1, node.ints("starts")?)?.ok_or_else(missing)?;
    let ends = inputs.list(2, node.ints("ends")?)?.ok_or_else(missing)?;
    let count = begins.len();
    let along = match inputs.list(3, node.ints("axes")?)? {
        Some(list) => axes(&list, host.rank())?,
        None if count <= host.rank() => (0..count).collect(),
        None => {
            return Err(format!(
                "expected at most {} starts, found {count}",
                host.rank()
            ));
        }
    };
    let steps = inputs.list(4, None)?.unwrap_or_else(|| vec![1; count]);
    if [ends.len(), along.len(), steps.len()] != [count; 3] {
        return Err(format!(
            "expected as many ends, axes and steps as starts ({count}), found {}, {}, {}",
            ends.len(),
            along.len(),
            steps.len()
        ));
    }
    let mut dims = host.dims().to_vec();
    let mut to = strides(&dims);
    let mut first = 0usize;
    for (n, at) in along.into_iter().enumerate() {
        let (start, length, step) = part(begins[n], ends[n], steps[n], dims[at])?;
        first = first.wrapping_add_signed(to[at].wrapping_mul(start as isize));
        to[at] = to[at].wrapping_mul(step as isize);
        dims[at] = length;
    }
    let values = typed!(host, T => T::data(copied(T::of(host)?, &dims, &to, first)));
    Ok(Host::new(dims, values)?.typed(host.element()))
}

/// The ends that mean the last element, or the first one backwards. onnxruntime takes them so.
const OPEN_ENDS: [i64; 2] = [i64::MAX, i32::MAX as i64];

/// Resolves one slice to its first place, length and step, with ends beyond the array cut off.
pub(crate) fn part(
    start: i64,
    end: i64,
    step: i64,
    size: usize,
) -> Result<(usize, usize, i64), String> {
    if step == 0 {
        return Err("expected a step other than 0".to_string());
    }
    if size == 0 {
        return Ok((0, 0, 1));
    }
    let length = size as i64;
    let resolved = |at: i64, least: i64, most: i64| {
        let at = if at < 0 {
            at.saturating_add(length)
        } else {
            at
        };
        at.min(most).max(least)
    };
    let (start, end) = if step > 0 {
        (resolved(start, 0, length), resolved(end, 0, length))
    } else if OPEN_ENDS.contains(&end) {
        (resolved(start, 0, length - 1), -1)
    } else {
        let end = resolved(end, -1, length - 1);
        (resolved(start, 0, length - 1), end)
    };
    let distance = if step > 0 { end - start } else { start - end };
    let count = match u64::try_from(distance) {
        Ok(distance) => distance.div_ceil(step.unsigned_abs()) as usize,
        Err(_) => 0,
    };
    // An empty part has no first place; a single one takes no step.
    match count {
        0 => Ok((0, 0, 1)),
        1 => Ok((start as usize, 1, 1)),
        _ => Ok((start as usize, count, step)),
    }
}

/// Marks the place of each index along a new axis.
pub(crate) fn one_hot(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (indices, depth, marks) = (inputs.get(0)?, inputs.get(1)?, inputs.get(2)?);
    let depth = only_integer(depth)?;
    let at = axis(node.int("axis", -1)?, indices.rank() + 1)?;
    let size = usize::try_from(depth)
        .ok()
        .filter(|size| *size > 0)
        .ok_or_else(|| format!("expected a depth of at least 1, found {depth}"))?;
    let mut dims = indices.dims().to_vec();
    dims.insert(at, size);
    let length = count(&dims)?;
    let inner: usize = dims[at + 1..].iter().product();
    let places = integers(indices)?;
    let filled = typed!(marks, T => {
        let [off, on] = T::of(marks)? else {
            return Err(format!("expected two values, found the shape {:?}", marks.dims()));
        };
        let mut values = vec![*off; length];
        for (n, index) in places.iter().enumerate() {
            // An index out of range marks nothing.
            if let Ok(place) = place(*index, size) {
                values[(n / inner * size + place) * inner + n % inner] = *on;
            }
        }
        Host::of(dims, values)
    })?;
    Ok(filled.typed(marks.element()))
}

fn integers(host: &Host) -> Result<Vec<i64>, String> {
    match host.data() {
        Data::Int(values) => Ok(values.to_vec()),
        Data::Float(values) => Ok(values.iter().map(|value| *value as i64).collect()),
        Data::Bool(_) => Err("expected floats or integers, found Booleans".to_string()),
    }
}

fn only_integer(host: &Host) -> Result<i64, String> {
    match integers(host)?.as_slice() {
        [value] => Ok(*value),
        _ => Err(format!(
            "expected one number, found the shape {:?}",
            host.dims()
        )),
    }
}

/// Lists the indices of elements that are not 0, a row for each dimension.
pub(crate) fn non_zero(_: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let host = inputs.get(0)?;
    let found: Vec<usize> = typed!(host, T => {
        let values = T::of(host)?.iter().enumerate();
        values.filter(|(_, v)| **v != T::default()).map(|(n, _)| n).collect()
    });
    let dims = vec![host.rank(), found.len()];
    let mut values = Vec::with_capacity(count(&dims)?);
    for (stride, dim) in strides(host.dims()).into_iter().zip(host.dims()) {
        values.extend(
            found
                .iter()
                .map(|place| (place / stride as usize % dim) as i64),
        );
    }
    Host::of(dims, values)
}

/// Keeps the slices along an axis, or the elements, for which a condition holds.
pub(crate) fn compress(node: &Node, inputs: &Inputs<'_>) -> Result<Host, String> {
    let (host, condition) = (inputs.get(0)?, inputs.get(1)?);
    let (host, at) = match node.optional_int("axis")? {
        Some(at) => (host.clone(), axis(at, host.rank())?),
        None => (host.reshaped(vec![host.len()])?, 0),
    };
    let kept = condition.bools()?;
    if condition.rank() != 1 || kept.len() > host.dims()[at] {
        return Err(format!(
            "expected a list of at most {} conditions, found the shape {:?}",
            host.dims()[at],
            condition.dims()
        ));
    }
    let places = kept.iter().enumerate().filter(|(_, kept)| **kept);
    let places: Vec<usize> = places.map(|(place, _)| place).collect();
    taken(&host, at, &places, &[places.len()])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::host::tests::{b, check, f, i, int, ints, l, refuses, run};

    #[test]
    fn slices_are_taken() {
        let x = i(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        check("Gather", &[], &[x.clone(), i(&[], &[-1])], &l(&[4, 5, 6]));
        let last = [("axis", int(-1))];
        check(
            "Gather",
            &last,
            &[x.clone(), i(&[1, 2], &[2, 0])],
            &i(&[2, 1, 2], &[3, 1, 6, 4]),
        );
        check("Gather", &[], &[x.clone(), l(&[])], &i(&[0, 3], &[]));
        refuses(
            "Gather",
            &[],
            &[x.clone(), l(&[2])],
            "an index from -2 to below 2, found 2",
        );
        refuses(
            "Gather",
            &[],
            &[x.clone(), l(&[i64::MIN])],
            "expected an index",
        );
        refuses(
            "Gather",
            &[("axis", int(2))],
            &[x, l(&[0])],
            "expected an axis",
        );
        let one = i(&[1, 1 << 15], &vec![0; 1 << 15]);
        refuses(
            "Gather",
            &[],
            &[one, l(&[0; 1 << 14])],
            "at most 268435456 elements",
        );
    }

    #[test]
    fn elements_are_taken() {
        let x = i(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let places = i(&[1, 3], &[1, 0, -1]);
        check(
            "GatherElements",
            &[],
            &[x.clone(), places],
            &i(&[1, 3], &[4, 2, 6]),
        );
        let places = i(&[2, 1], &[2, -3]);
        check(
            "GatherElements",
            &[("axis", int(1))],
            &[x.clone(), places],
            &i(&[2, 1], &[3, 4]),
        );
        refuses(
            "GatherElements",
            &[],
            &[x.clone(), i(&[1, 4], &[0; 4])],
            "expected indices within",
        );
        refuses(
            "GatherElements",
            &[],
            &[x, l(&[0])],
            "expected indices within",
        );
    }

    #[test]
    fn lists_of_indices_name_slices() {
        let x = i(&[2, 2, 2], &[0, 1, 2, 3, 4, 5, 6, 7]);
        check(
            "GatherND",
            &[],
            &[x.clone(), i(&[1, 2], &[1, 0])],
            &i(&[1, 2], &[4, 5]),
        );
        let batch = [("batch_dims", int(1))];
        check(
            "GatherND",
            &batch,
            &[x.clone(), i(&[2, 1], &[1, -2])],
            &i(&[2, 2], &[2, 3, 4, 5]),
        );
        refuses(
            "GatherND",
            &[],
            &[x.clone(), i(&[1, 4], &[0; 4])],
            "do not fit",
        );
        refuses(
            "GatherND",
            &[("batch_dims", int(-1))],
            &[x.clone(), l(&[0])],
            "do not fit",
        );
        refuses("GatherND", &[], &[x, l(&[0, 2])], "expected an index");
    }

    #[test]
    fn parts_have_both_spellings() {
        let x = l(&[0, 1, 2, 3, 4]);
        let slice = |start, end, step| {
            let inputs = [x.clone(), l(&[start]), l(&[end]), l(&[0]), l(&[step])];
            run("Slice", &[], &inputs).map(|host| host.ints().unwrap().to_vec())
        };
        assert_eq!(slice(1, 3, 1).unwrap(), [1, 2]);
        assert_eq!(slice(-2, i64::MAX, 1).unwrap(), [3, 4]);
        assert_eq!(slice(i64::MIN, i64::MAX, 2).unwrap(), [0, 2, 4]);
        assert_eq!(slice(i64::MAX, i64::MIN, -1).unwrap(), [4, 3, 2, 1, 0]);
        assert_eq!(slice(3, 0, -2).unwrap(), [3, 1]);
        assert_eq!(slice(4, i64::MIN, i64::MIN).unwrap(), [4]);
        assert_eq!(slice(0, 5, i64::MAX).unwrap(), [0]);
        assert!(slice(3, 1, 1).unwrap().is_empty());
        assert_eq!(slice(2, i64::MAX, -1).unwrap(), [2, 1, 0]);
        assert!(slice(-1, 9, -1).unwrap().is_empty());
        // A start before the first element is the first, even backwards.
        assert_eq!(slice(-9, -9, -1).unwrap(), [0]);
        assert!(slice(0, 1, 0).unwrap_err().contains("a step other than 0"));
        let attributes = [
            ("starts", ints(&[1])),
            ("ends", ints(&[-1])),
            ("axes", ints(&[-1])),
        ];
        check("Slice", &attributes, &[&x], &l(&[1, 2, 3]));
        let matrix = i(&[2, 3], &[1, 2, 3, 4, 5, 6]);
        let both = [
            matrix.clone(),
            l(&[-1, 2]),
            l(&[-9, 0]),
            l(&[0, 1]),
            l(&[-1, -1]),
        ];
        check("Slice", &[], &both, &i(&[2, 2], &[6, 5, 3, 2]));
        refuses("Slice", &[], &[&x], "expected starts and ends");
        refuses(
            "Slice",
            &[],
            &[x, l(&[0, 0]), l(&[1, 1])],
            "at most 1 starts, found 2",
        );
        let empty = [l(&[]), l(&[0]), l(&[-9]), l(&[0]), l(&[-1])];
        check("Slice", &[], &empty, &l(&[]));
        refuses("Slice", &[], &[matrix, l(&[0, 0]), l(&[1])], "as many ends");
    }

    #[test]
    fn places_are_marked() {
        let marks = f(&[2], &[0.0, 5.0]);
        let inputs = [l(&[1, -1, 9]), i(&[], &[2]), marks.clone()];
        check(
            "OneHot",
            &[],
            &inputs,
            &f(&[3, 2], &[0.0, 5.0, 0.0, 5.0, 0.0, 0.0]),
        );
        let first = [("axis", int(0))];
        check(
            "OneHot",
            &first,
            &inputs,
            &f(&[2, 3], &[0.0, 0.0, 0.0, 5.0, 5.0, 0.0]),
        );
        refuses(
            "OneHot",
            &[],
            &[l(&[0]), l(&[0]), marks.clone()],
            "a depth of at least 1",
        );
        refuses(
            "OneHot",
            &[],
            &[l(&[0]), l(&[i64::MAX]), marks],
            "at most 268435456 elements",
        );
    }

    #[test]
    fn true_places_are_listed_and_kept() {
        let x = i(&[2, 2], &[1, 0, 0, 7]);
        check("NonZero", &[], &[&x], &i(&[2, 2], &[0, 1, 0, 1]));
        check("NonZero", &[], &[i(&[], &[3])], &i(&[0, 1], &[]));
        let condition = b(&[2], &[false, true]);
        check(
            "Compress",
            &[("axis", int(1))],
            &[x.clone(), condition.clone()],
            &i(&[2, 1], &[0, 7]),
        );
        check("Compress", &[], &[x.clone(), condition], &l(&[0]));
        refuses(
            "Compress",
            &[],
            &[x, b(&[5], &[true; 5])],
            "at most 4 conditions",
        );
    }
}
