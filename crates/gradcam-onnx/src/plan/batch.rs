//! The dimension that counts the images.
//!
//! A plan is made for one image. To run several, the dimension that counts them is multiplied.

use gradcam_nn::ops::LinearMap;

use crate::plan::value::Map;

/// Returns the dimension that counts the images after `map`, from the one before; `None` if the images cannot be told apart.
pub(crate) fn after(map: &LinearMap, x: &Map, dims: &[usize]) -> Option<usize> {
    let batch = x.batch?;
    match map {
        LinearMap::Contiguous => Some(batch),
        LinearMap::Permute(order) => order.iter().position(|&dim| dim == batch),
        LinearMap::Slice { dim, .. }
        | LinearMap::Take { dim, .. }
        | LinearMap::Interpolate { dim, .. } => (*dim != batch).then_some(batch),
        LinearMap::Select { dim, .. } => match batch.cmp(dim) {
            std::cmp::Ordering::Less => Some(batch),
            std::cmp::Ordering::Equal => None,
            std::cmp::Ordering::Greater => Some(batch - 1),
        },
        LinearMap::Pad(zeros) => (zeros.get(batch) == Some(&(0, 0))).then_some(batch),
        LinearMap::Expand(_) => (x.dims.get(batch) == dims.get(batch)).then_some(batch),
        LinearMap::Reshape(_) => reshaped(&x.dims, batch, dims),
        LinearMap::Reduce(reduce) if reduce.dims.contains(&batch) => None,
        LinearMap::Reduce(reduce) if reduce.keep => Some(batch),
        LinearMap::Reduce(reduce) => {
            Some(batch - reduce.dims.iter().filter(|&&dim| dim < batch).count())
        }
        // These work on feature maps or tokens, whose first dimension counts.
        LinearMap::Flatten
        | LinearMap::Rearrange(_)
        | LinearMap::AvgPool(_)
        | LinearMap::AdaptiveAvgPool(_)
        | LinearMap::Resize(_)
        | LinearMap::ConvTranspose(_) => (batch == 0).then_some(0),
    }
}

/// Returns the dimension of `to` that has the same number of elements outside as dimension `batch` of `from`.
///
/// The images are the outermost part of that dimension, in row-major order.
fn reshaped(from: &[usize], batch: usize, to: &[usize]) -> Option<usize> {
    let outside: usize = from[..batch].iter().product();
    let mut product = 1;
    for (dim, &size) in to.iter().enumerate() {
        if product == outside {
            return Some(dim);
        }
        product *= size;
    }
    None
}

/// Returns the dimension that counts the images in an element-wise result of rank `rank`.
pub(crate) fn joint(inputs: &[&Map], rank: usize) -> Option<usize> {
    let mut joint = None;
    for x in inputs {
        if x.tensor().is_some() {
            continue;
        }
        let batch = x.batch? + rank - x.rank();
        if *joint.get_or_insert(batch) != batch {
            return None;
        }
    }
    joint
}

/// Returns `map` for `n` images instead of one.
pub(crate) fn scaled(map: &LinearMap, batch: usize, n: usize) -> Option<LinearMap> {
    match map {
        LinearMap::Reshape(dims) => {
            let mut dims = dims.clone();
            *dims.get_mut(batch)? *= n;
            Some(LinearMap::Reshape(dims))
        }
        // Its sizes begin after the first dimension.
        LinearMap::Expand(dims) if batch > 0 => {
            let mut dims = dims.clone();
            *dims.get_mut(batch - 1)? *= n;
            Some(LinearMap::Expand(dims))
        }
        LinearMap::Expand(_)
        | LinearMap::Contiguous
        | LinearMap::Flatten
        | LinearMap::Permute(_)
        | LinearMap::Slice { .. }
        | LinearMap::Select { .. }
        | LinearMap::Take { .. }
        | LinearMap::Pad(_)
        | LinearMap::Rearrange(_)
        | LinearMap::AvgPool(_)
        | LinearMap::AdaptiveAvgPool(_)
        | LinearMap::Resize(_)
        | LinearMap::Reduce(_)
        | LinearMap::ConvTranspose(_)
        | LinearMap::Interpolate { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_images_are_followed_through_a_reshape() {
        // Heads: (n, t, 3c) to (n, t, 3, h, d).
        assert_eq!(reshaped(&[1, 49, 96], 0, &[1, 49, 3, 4, 8]), Some(0));
        // Windows: (n, 4, 7, 4, 7, c) to (16n, 49, c).
        assert_eq!(reshaped(&[1, 4, 4, 7, 7, 3], 0, &[16, 49, 3]), Some(0));
        // A part before the images.
        assert_eq!(reshaped(&[3, 1, 4, 5], 1, &[3, 1, 20]), Some(1));
        assert_eq!(reshaped(&[3, 1, 4, 5], 1, &[12, 5]), None);
        assert_eq!(reshaped(&[3, 2, 4], 1, &[3, 8]), Some(1));
    }
}
