//! The source positions that a convolution reads for each position of its result, in the forward pass and in the gradient alike.

use std::ops::Range;

use super::geometry::Geometry;

/// One axis of a gather. For each tap, the result's position `first + i * step` reads the source's position `i * stride + offset`;
/// outside of `0..size` it reads zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Axis {
    /// The number of the result's positions that are computed.
    pub(crate) count: usize,
    pub(crate) first: usize,
    pub(crate) step: usize,
    pub(crate) stride: usize,
    /// One offset per tap.
    pub(crate) offsets: Vec<isize>,
    pub(crate) size: usize,
}

impl Axis {
    /// Returns the source position read for position `i` of the result and an offset; `None` outside of the source.
    pub(crate) fn source(&self, i: usize, offset: isize) -> Option<usize> {
        (i * self.stride)
            .checked_add_signed(offset)
            .filter(|&position| position < self.size)
    }
}

impl Axis {
    /// Narrows `range` to the result positions whose source for an offset is inside.
    pub(crate) fn inside(&self, range: Range<usize>, offset: isize) -> Range<usize> {
        // i · stride + offset is in 0..size.
        let first = match offset {
            0.. => 0,
            _ => offset.unsigned_abs().div_ceil(self.stride),
        };
        let end = match self.size.checked_add_signed(-offset) {
            Some(reach) => reach.div_ceil(self.stride),
            None => 0,
        };
        let first = range.start.max(first).min(range.end);
        first..range.end.min(end).max(first)
    }
}

/// Both axes, and the values that a tap reads at one position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gather {
    pub(crate) rows: Axis,
    pub(crate) columns: Axis,
    /// Values from one position of the source to the next.
    pub(crate) pixel: usize,
    /// Consecutive values that a tap reads.
    pub(crate) depth: usize,
}

impl Gather {
    /// Counts the taps at one position of the result.
    pub(crate) fn taps(&self) -> usize {
        self.rows.offsets.len() * self.columns.offsets.len()
    }
    /// Counts the positions of one result image that are computed.
    pub(crate) fn positions(&self) -> usize {
        self.rows.count * self.columns.count
    }
    /// Counts the values of one source image.
    pub(crate) fn source_len(&self) -> usize {
        self.rows.size * self.columns.size * self.pixel
    }

    /// Returns whether each position of the result reads only the source position of the same number.
    pub(crate) fn is_pointwise(&self) -> bool {
        let dense = |axis: &Axis| {
            axis.offsets == [0] && axis.stride == 1 && axis.step == 1 && axis.count == axis.size
        };
        dense(&self.rows) && dense(&self.columns)
    }

    /// Returns the index, in a result of `(n, size.0, size.1)` positions, of the computed position number `index`.
    #[inline(always)]
    pub(crate) fn target(&self, index: usize, size: (usize, usize)) -> usize {
        if self.positions() == size.0 * size.1 {
            return index;
        }
        let (image, index) = (index / self.positions(), index % self.positions());
        let (i, j) = (index / self.columns.count, index % self.columns.count);
        (image * size.0 + self.rows.first + i * self.rows.step) * size.1
            + self.columns.first
            + j * self.columns.step
    }

    /// Builds the gather of the forward pass, by tap `(ky, kx)`.
    pub(crate) fn forward(g: &Geometry) -> Self {
        let axis = |of: fn((usize, usize)) -> usize| Axis {
            count: of(g.out_size),
            first: 0,
            step: 1,
            stride: of(g.stride),
            offsets: (0..of(g.kernel))
                .map(|k| (k * of(g.dilation)) as isize - of(g.padding) as isize)
                .collect(),
            size: of(g.in_size),
        };
        Gather {
            rows: axis(|pair| pair.0),
            columns: axis(|pair| pair.1),
            pixel: g.in_channels,
            depth: g.group_in(),
        }
    }

    /// Builds the gathers from the output's gradient to the input's.
    ///
    /// A stride s splits the input's positions into s classes along each axis, each reached by its own taps. Each class has one
    /// gather, in the order of [`classes`].
    pub(crate) fn backward(g: &Geometry) -> Vec<Self> {
        let axes = |of: fn((usize, usize)) -> usize| -> Vec<Axis> {
            let (stride, padding, dilation) = (of(g.stride), of(g.padding), of(g.dilation));
            classes(of(g.kernel), stride, dilation)
                .into_iter()
                .enumerate()
                .map(|(class, taps)| {
                    // The input's position p is read by the taps k with p + padding = k · dilation (mod stride).
                    let first = (class + stride - padding % stride) % stride;
                    let reach = (first + padding) as isize;
                    Axis {
                        count: of(g.in_size).saturating_sub(first).div_ceil(stride),
                        first,
                        step: stride,
                        stride: 1,
                        offsets: taps
                            .into_iter()
                            .map(|k| (reach - (k * dilation) as isize) / stride as isize)
                            .collect(),
                        size: of(g.out_size),
                    }
                })
                .collect()
        };
        let (rows, columns) = (axes(|pair| pair.0), axes(|pair| pair.1));
        rows.iter()
            .flat_map(|rows| {
                columns.iter().map(|columns| Gather {
                    rows: rows.clone(),
                    columns: columns.clone(),
                    pixel: g.out_channels,
                    depth: g.group_out(),
                })
            })
            .collect()
    }
}

/// Groups the taps of one axis by the remainder 0, 1, … of their distance `k * dilation` divided by the stride. The last tap comes
/// first: in the gradient it reads the first position.
pub(crate) fn classes(kernel: usize, stride: usize, dilation: usize) -> Vec<Vec<usize>> {
    (0..stride)
        .map(|class| {
            (0..kernel)
                .rev()
                .filter(|k| k * dilation % stride == class)
                .collect()
        })
        .collect()
}
