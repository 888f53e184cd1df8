//! Which positions of its source a convolution reads for a position of its result: the same for the forward pass and the gradient.

use std::ops::Range;

use super::geometry::Geometry;

/// One axis of a gather. The result's position `first + i * step` reads, for each tap, the source's position `i * stride + offset`;
/// outside of `0..size` there are zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Axis {
    /// How many positions of the result are computed.
    pub(crate) count: usize,
    pub(crate) first: usize,
    pub(crate) step: usize,
    pub(crate) stride: usize,
    /// One offset a tap.
    pub(crate) offsets: Vec<isize>,
    pub(crate) size: usize,
}

impl Axis {
    /// The source's position for the result's position number `i` and an offset.
    pub(crate) fn source(&self, i: usize, offset: isize) -> Option<usize> {
        (i * self.stride)
            .checked_add_signed(offset)
            .filter(|&position| position < self.size)
    }
}

impl Axis {
    /// Those of the result's positions number `range` whose source for an offset lies inside.
    pub(crate) fn inside(&self, range: Range<usize>, offset: isize) -> Range<usize> {
        // i · stride + offset lies in 0..size.
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
    /// Taps at one position of the result.
    pub(crate) fn taps(&self) -> usize {
        self.rows.offsets.len() * self.columns.offsets.len()
    }
    /// Positions of one image of the result that are computed.
    pub(crate) fn positions(&self) -> usize {
        self.rows.count * self.columns.count
    }
    /// Values of one image of the source.
    pub(crate) fn source_len(&self) -> usize {
        self.rows.size * self.columns.size * self.pixel
    }

    /// Whether every position of the result reads just the position of the same number.
    pub(crate) fn is_pointwise(&self) -> bool {
        let dense = |axis: &Axis| {
            axis.offsets == [0] && axis.stride == 1 && axis.step == 1 && axis.count == axis.size
        };
        dense(&self.rows) && dense(&self.columns)
    }

    /// The index, in a result of `(n, size.0, size.1)` positions, of the position number `index` that is computed.
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

    /// What the forward pass reads, by tap `(ky, kx)`.
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

    /// What the gradient of the input reads of the output's gradient.
    ///
    /// With a stride s the positions of the input fall into s classes along each axis, each of which is reached by its own taps: one
    /// gather a class, in the order of [`classes`].
    pub(crate) fn backward(g: &Geometry) -> Vec<Self> {
        let axes = |of: fn((usize, usize)) -> usize| -> Vec<Axis> {
            let (stride, padding, dilation) = (of(g.stride), of(g.padding), of(g.dilation));
            classes(of(g.kernel), stride, dilation)
                .into_iter()
                .enumerate()
                .map(|(class, taps)| {
                    // The input's position p takes part in the taps k with p + padding = k · dilation (mod stride).
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

/// The taps of one axis whose distance `k * dilation` leaves the rest 0, 1, … when divided by the stride, the last one first: in the
/// gradient it reads the first position.
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
