//! Pooling to an output of a given size.

use candle_core::{Result, Tensor};

use super::avg_pool::MeanWindows;
use super::max_pool::MaxWindows;
use super::window::{adaptive, feature_map};

/// Averages each of `output` nearly equal windows; an output of `(1, 1)` is the global average pooling.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptiveAvgPool2d {
    /// Rows and columns of the output.
    pub output: (usize, usize),
}

/// Takes the maximum of each of `output` nearly equal windows; a window's first maximum gets the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdaptiveMaxPool2d {
    /// Rows and columns of the output.
    pub output: (usize, usize),
}

impl AdaptiveAvgPool2d {
    /// Makes a pooling with a square output.
    pub fn new(output: usize) -> Self {
        AdaptiveAvgPool2d {
            output: (output, output),
        }
    }

    /// Returns the rows and columns of the output, which do not depend on the input's `size`.
    ///
    /// # Errors
    /// When a size is zero.
    pub fn output_size(&self, size: (usize, usize)) -> Result<(usize, usize)> {
        output_size(size, self.output)
    }

    /// Pools `(n, c, h, w)` to `(n, c, output.0, output.1)`.
    ///
    /// # Errors
    /// When `x` is not a feature map or the output's size is zero.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.windows(x.dims())?.apply(x)
    }

    /// Backpropagates the output gradient `grad` to an input of shape `dims`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn adjoint(&self, dims: &[usize], grad: &Tensor) -> Result<Tensor> {
        self.windows(dims)?.adjoint(dims, grad)
    }

    fn windows(&self, dims: &[usize]) -> Result<MeanWindows> {
        let [_, _, h, w] = feature_map("adaptive_avg_pool2d", dims)?;
        Ok(MeanWindows {
            rows: adaptive(h, self.output.0)?,
            columns: adaptive(w, self.output.1)?,
        })
    }
}

impl AdaptiveMaxPool2d {
    /// Makes a pooling with a square output.
    pub fn new(output: usize) -> Self {
        AdaptiveMaxPool2d {
            output: (output, output),
        }
    }

    /// Returns the rows and columns of the output, which do not depend on the input's `size`.
    ///
    /// # Errors
    /// When a size is zero.
    pub fn output_size(&self, size: (usize, usize)) -> Result<(usize, usize)> {
        output_size(size, self.output)
    }

    /// Pools `(n, c, h, w)` to `(n, c, output.0, output.1)`.
    ///
    /// # Errors
    /// When `x` is not a feature map or the output's size is zero.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let [_, _, h, w] = feature_map("adaptive_max_pool2d", x.dims())?;
        MaxWindows {
            rows: adaptive(h, self.output.0)?,
            columns: adaptive(w, self.output.1)?,
            dilation: (1, 1),
        }
        .apply(x)
    }
}

fn output_size(size: (usize, usize), output: (usize, usize)) -> Result<(usize, usize)> {
    Ok((
        adaptive(size.0, output.0)?.len(),
        adaptive(size.1, output.1)?.len(),
    ))
}
