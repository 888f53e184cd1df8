//! Multidirectional broadcasting.

use crate::host::value::{Element, Host, count};
use crate::host::walk::{strides, walk};

/// Returns the common shape of several.
///
/// # Errors
/// If two sizes differ and neither is 1, or the result has too many elements.
pub(crate) fn shape(shapes: &[&[usize]]) -> Result<Vec<usize>, String> {
    let rank = shapes.iter().map(|dims| dims.len()).max().unwrap_or(0);
    let mut common = vec![1; rank];
    for dims in shapes {
        let offset = rank - dims.len();
        for (size, dim) in common[offset..].iter_mut().zip(*dims) {
            match (*size, *dim) {
                (_, 1) => {}
                (1, dim) => *size = dim,
                (size, dim) if size == dim => {}
                _ => return Err(format!("the shapes {shapes:?} do not broadcast")),
            }
        }
    }
    count(&common)?;
    Ok(common)
}

/// Returns the strides at which an array is read in a common shape: 0 where it repeats.
pub(crate) fn spread(dims: &[usize], common: &[usize]) -> Vec<isize> {
    let offset = common.len() - dims.len();
    let mut spread = vec![0; common.len()];
    for (axis, stride) in strides(dims).into_iter().enumerate() {
        if dims[axis] != 1 {
            spread[offset + axis] = stride;
        }
    }
    spread
}

/// Reads an array in a common shape.
///
/// # Errors
/// If it does not broadcast to that shape.
pub(crate) fn onto(dims: &[usize], common: &[usize]) -> Result<Vec<isize>, String> {
    if shape(&[dims, common])? != common {
        return Err(format!(
            "the shape {dims:?} does not broadcast to {common:?}"
        ));
    }
    Ok(spread(dims, common))
}

/// Computes each element from two values.
pub(crate) fn zip<A: Element, B: Element, T: Element>(
    a: &Host,
    b: &Host,
    compute: impl Fn(A, B) -> T,
) -> Result<Host, String> {
    let (left, right) = (A::of(a)?, B::of(b)?);
    if a.dims() == b.dims() {
        let pairs = left.iter().zip(right);
        let values = pairs.map(|(a, b)| compute(*a, *b)).collect();
        return Host::of(a.dims().to_vec(), values);
    }
    let dims = shape(&[a.dims(), b.dims()])?;
    let mut values = Vec::with_capacity(count(&dims)?);
    let (to_left, to_right) = (spread(a.dims(), &dims), spread(b.dims(), &dims));
    walk(&dims, [&to_left, &to_right], [0, 0], |[a, b]| {
        values.push(compute(left[a], right[b]));
    });
    Host::of(dims, values)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{onto, shape, spread};

    #[test]
    fn shapes_broadcast() {
        assert_eq!(shape(&[&[2, 1], &[3]]).unwrap(), [2, 3]);
        assert_eq!(shape(&[&[], &[0, 1]]).unwrap(), [0, 1]);
        assert_eq!(shape(&[&[1], &[0]]).unwrap(), [0]);
        assert!(shape(&[&[2], &[0]]).is_err());
        assert!(shape(&[&[1 << 20, 1], &[1 << 20]]).is_err());
        assert_eq!(spread(&[2, 1], &[4, 2, 3]), [0, 1, 0]);
        assert!(onto(&[4, 1], &[1, 3]).is_err());
    }
}
