//! How the kernel of a convolution moves over its input.

/// Zeros around the input of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// The given numbers of rows and columns.
    Explicit {
        /// Rows above.
        top: usize,
        /// Rows below.
        bottom: usize,
        /// Columns to the left.
        left: usize,
        /// Columns to the right.
        right: usize,
    },
    /// TensorFlow's rule: the output has `ceil(input / stride)` positions; an odd row or column goes to the bottom or right.
    Same,
}

impl Padding {
    /// Pads all four sides by the same number.
    pub fn all(n: usize) -> Self {
        Padding::symmetric(n, n)
    }
    /// Pads `rows` above and below, `columns` left and right.
    pub fn symmetric(rows: usize, columns: usize) -> Self {
        Padding::Explicit {
            top: rows,
            bottom: rows,
            left: columns,
            right: columns,
        }
    }

    /// Returns the zeros before and after the input along each axis, rows first, for an input of `size`.
    pub(super) fn resolve(
        self,
        size: (usize, usize),
        kernel: (usize, usize),
        stride: (usize, usize),
        dilation: (usize, usize),
    ) -> ((usize, usize), (usize, usize)) {
        match self {
            Padding::Explicit {
                top,
                bottom,
                left,
                right,
            } => ((top, bottom), (left, right)),
            Padding::Same => {
                let axis = |size: usize, kernel: usize, stride: usize, dilation: usize| {
                    let reach =
                        (size.div_ceil(stride).max(1) - 1) * stride + (kernel - 1) * dilation + 1;
                    let total = reach.saturating_sub(size);
                    (total / 2, total - total / 2)
                };
                (
                    axis(size.0, kernel.0, stride.0, dilation.0),
                    axis(size.1, kernel.1, stride.1, dilation.1),
                )
            }
        }
    }
}

/// How a convolution's kernel moves over its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvOptions {
    /// Rows, columns.
    pub stride: (usize, usize),
    /// Zeros around the input.
    pub padding: Padding,
    /// Rows, columns.
    pub dilation: (usize, usize),
    /// Input and output channels are split into this many independent groups.
    pub groups: usize,
}

impl Default for ConvOptions {
    /// Stride 1, no padding, dilation 1, one group.
    fn default() -> Self {
        ConvOptions {
            stride: (1, 1),
            padding: Padding::all(0),
            dilation: (1, 1),
            groups: 1,
        }
    }
}
