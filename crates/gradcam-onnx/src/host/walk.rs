//! Walks over several arrays at once.

/// Returns the distances between neighbours of each dimension.
pub(crate) fn strides(dims: &[usize]) -> Vec<isize> {
    let mut strides = vec![0; dims.len()];
    let mut stride = 1isize;
    for (axis, dim) in dims.iter().enumerate().rev() {
        strides[axis] = stride;
        stride = stride.saturating_mul(isize::try_from(*dim).unwrap_or(isize::MAX));
    }
    strides
}

/// Visits each index of a shape in order, with its places in `N` arrays.
pub(crate) fn walk<const N: usize>(
    dims: &[usize],
    strides: [&[isize]; N],
    starts: [usize; N],
    mut visit: impl FnMut([usize; N]),
) {
    if dims.contains(&0) {
        return;
    }
    let Some((inner, outer)) = dims.split_last() else {
        visit(starts);
        return;
    };
    let steps = strides.map(|strides| strides[outer.len()]);
    let mut index = vec![0; outer.len()];
    let mut row = starts;
    loop {
        let mut at = row;
        for _ in 0..*inner {
            visit(at);
            for n in 0..N {
                at[n] = at[n].wrapping_add_signed(steps[n]);
            }
        }
        let mut axis = outer.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            for n in 0..N {
                row[n] = row[n].wrapping_add_signed(strides[n][axis]);
            }
            if index[axis] < outer[axis] {
                break;
            }
            for n in 0..N {
                let back = strides[n][axis].wrapping_mul(outer[axis] as isize);
                row[n] = row[n].wrapping_add_signed(back.wrapping_neg());
            }
            index[axis] = 0;
        }
    }
}

/// Copies the elements that a walk visits.
pub(crate) fn copied<T: Copy>(
    values: &[T],
    dims: &[usize],
    strides: &[isize],
    start: usize,
) -> Vec<T> {
    if dims.contains(&0) {
        return Vec::new();
    }
    let mut out = Vec::with_capacity(dims.iter().product());
    walk(dims, [strides], [start], |[at]| out.push(values[at]));
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{strides, walk};

    #[test]
    fn a_walk_visits_rows_in_order() {
        let mut seen = Vec::new();
        walk(&[2, 3], [&[3, 1], &[0, -1]], [0, 2], |at| seen.push(at));
        assert_eq!(seen, [[0, 2], [1, 1], [2, 0], [3, 2], [4, 1], [5, 0]]);
        let mut count = 0;
        walk(&[], [], [], |[]| count += 1);
        walk(&[2, 0, 2], [], [], |[]| count += 10);
        assert_eq!(count, 1);
        assert_eq!(strides(&[2, 3, 4]), [12, 4, 1]);
    }
}
