//! The sizes of a convolution, resolved for one input.

/// All sizes of a two-dimensional convolution over a batch of feature maps.
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
    /// Counts the input channels of one group.
    pub(crate) fn group_in(&self) -> usize {
        self.in_channels / self.groups
    }
    /// Counts the output channels of one group.
    pub(crate) fn group_out(&self) -> usize {
        self.out_channels / self.groups
    }
    /// Counts the taps of the kernel on one channel.
    pub(crate) fn taps(&self) -> usize {
        self.kernel.0 * self.kernel.1
    }
    /// Returns whether several groups have one input and one output channel each.
    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.group_in() == 1 && self.group_out() == 1
    }
    /// Returns whether the kernel covers the whole input, so that the convolution is a fully connected layer.
    pub(crate) fn is_linear(&self) -> bool {
        let dense = |kernel: usize, dilation: usize| kernel == 1 || dilation == 1;
        self.groups == 1
            && self.out_size == (1, 1)
            && self.kernel == self.in_size
            && self.padding == (0, 0)
            && dense(self.kernel.0, self.dilation.0)
            && dense(self.kernel.1, self.dilation.1)
    }
}
