//! Sums and means over dimensions.

use candle_core::{Result, Tensor, bail};

/// A sum or a mean over some dimensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reduce {
    /// The dimensions, each at most once.
    pub dims: Vec<usize>,
    /// Whether the sum is divided by the number of its terms.
    pub mean: bool,
    /// Whether the dimensions are kept with size 1.
    pub keep: bool,
}

impl Reduce {
    /// Computes the sum or the mean. Differentiable.
    ///
    /// # Errors
    /// When `x` lacks a dimension, or one is listed twice.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let dims = self.output_dims(x.dims())?;
        let y = x.sum_keepdim(self.dims.as_slice())?.reshape(dims)?;
        if self.mean {
            y / self.terms(x.dims()) as f64
        } else {
            Ok(y)
        }
    }

    /// Backpropagates the output gradient `grad` to an input of shape `dims`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn adjoint(&self, dims: &[usize], grad: &Tensor) -> Result<Tensor> {
        let grad = grad.reshape(self.kept(dims)?)?;
        let grad = if self.mean {
            (grad / self.terms(dims) as f64)?
        } else {
            grad
        };
        grad.broadcast_as(dims)
    }

    /// Returns the dimensions of the result for an input of shape `dims`.
    ///
    /// # Errors
    /// When a dimension to reduce is missing or listed twice.
    pub fn output_dims(&self, dims: &[usize]) -> Result<Vec<usize>> {
        let kept = self.kept(dims)?;
        if self.keep {
            return Ok(kept);
        }
        let rest = dims.iter().enumerate();
        let rest = rest.filter(|(dim, _)| !self.dims.contains(dim));
        Ok(rest.map(|(_, &size)| size).collect())
    }

    /// Returns the dimensions of the result if all are kept.
    fn kept(&self, dims: &[usize]) -> Result<Vec<usize>> {
        let mut kept = dims.to_vec();
        let mut seen = vec![false; dims.len()];
        for &dim in &self.dims {
            match seen.get_mut(dim) {
                Some(seen) if !*seen => *seen = true,
                _ => bail!(
                    "dimensions {:?} to reduce must each be one of {dims:?}, once",
                    self.dims
                ),
            }
            kept[dim] = 1;
        }
        Ok(kept)
    }

    /// Counts the values of each sum.
    fn terms(&self, dims: &[usize]) -> usize {
        self.dims.iter().map(|&dim| dims[dim]).product()
    }
}
