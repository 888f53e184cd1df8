//! The sizes of a convolution, resolved for one input.

/// All sizes of a two-dimensional convolution over an NCHW input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) batch: usize,
    pub(crate) in_channels: usize,
    pub(crate) in_size: (usize, usize),
    pub(crate) out_channels: usize,
    pub(crate) out_size: (usize, usize),
    pub(crate) kernel: (usize, usize),
    pub(crate) stride: (usize, usize),
    /// Zeros above and to the left; those below and to the right follow from the sizes.
    pub(crate) padding: (usize, usize),
    pub(crate) dilation: (usize, usize),
    pub(crate) groups: usize,
}

impl Geometry {
    /// Input channels of one group.
    pub(crate) fn group_in(&self) -> usize {
        self.in_channels / self.groups
    }
    /// Output channels of one group.
    pub(crate) fn group_out(&self) -> usize {
        self.out_channels / self.groups
    }
    /// Taps of the kernel on one channel.
    pub(crate) fn taps(&self) -> usize {
        self.kernel.0 * self.kernel.1
    }
    /// Positions of one input plane.
    pub(crate) fn in_plane(&self) -> usize {
        self.in_size.0 * self.in_size.1
    }
    /// Positions of one output plane.
    pub(crate) fn out_plane(&self) -> usize {
        self.out_size.0 * self.out_size.1
    }
    /// Whether every output position reads just the input position of the same index.
    pub(crate) fn is_pointwise(&self) -> bool {
        self.kernel == (1, 1)
            && self.stride == (1, 1)
            && self.padding == (0, 0)
            && self.in_size == self.out_size
    }
    /// Whether each group reads one channel.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.group_in() == 1
    }
}

/// The output positions `from..to` of one axis whose input `o * stride + offset - padding` lies inside `0..size`, where `offset` is
/// the tap's distance from the window's start.
pub(crate) fn valid_range(
    out: usize,
    size: usize,
    stride: usize,
    offset: usize,
    padding: usize,
) -> (usize, usize) {
    let from = padding.saturating_sub(offset).div_ceil(stride);
    let to = if size + padding > offset {
        (size + padding - offset - 1) / stride + 1
    } else {
        0
    };
    (from.min(out), to.min(out).max(from.min(out)))
}
