//! Tensors in any memory layout, as kernels read them.

use std::borrow::Cow;

use super::float::Float;
use super::output::parts;

/// A feature map in any memory layout.
#[derive(Clone, Copy)]
pub(crate) struct Map<'a, T> {
    /// The values, from the first one on.
    pub(crate) values: &'a [T],
    /// `[n, c, h, w]`.
    pub(crate) dims: [usize; 4],
    /// The distances between images, channels, rows and columns.
    pub(crate) strides: [usize; 4],
}

/// A tensor in any memory layout.
#[derive(Clone, Copy)]
pub(crate) struct View<'a, T> {
    /// The values, from the first one on.
    pub(crate) values: &'a [T],
    pub(crate) dims: &'a [usize],
    /// The distance between positions of each dimension.
    pub(crate) strides: &'a [usize],
}

impl<'a, T: Float> Map<'a, T> {
    /// Returns the values as `(n, h, w, c)`, copied only if they are stored otherwise.
    pub(crate) fn channels_last(&self) -> Cow<'a, [T]> {
        let [n, c, h, w] = self.dims;
        let len = n * c * h * w;
        let dense = [h * w * c, 1, w * c, c];
        let fits = |axis: usize| self.dims[axis] <= 1 || self.strides[axis] == dense[axis];
        if (0..4).all(fits) {
            return Cow::Borrowed(&self.values[..len]);
        }
        let [sn, sc, sh, sw] = self.strides;
        Cow::Owned(parts(
            len,
            w * c,
            w * c,
            #[inline(always)]
            |row, part: &mut [T]| {
                let first = row / h * sn + row % h * sh;
                for channel in 0..c {
                    let x = &self.values[first + channel * sc..];
                    for (column, y) in part.iter_mut().skip(channel).step_by(c).enumerate() {
                        *y = x[column * sw];
                    }
                }
            },
        ))
    }
}
