//! Linear maps of one input as one type.

mod interpolate;
mod slice;
mod take;

use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use super::adaptive_pool::AdaptiveAvgPool2d;
use super::avg_pool::AvgPool2d;
use super::broadcast::summed_to;
use super::conv_transpose::ConvTranspose2d;
use super::rearrange::Rearrange;
use super::reduce::Reduce;
use super::resize::Resize;
pub use interpolate::Taps;

/// A linear map of one input, `y = A x`, without a summand. Dimension 0 counts the images, which no map should mix.
///
/// The gradient is [`adjoint`](LinearMap::adjoint), `Aᵀ`, as is the backward function of most rules. [`mixes`](LinearMap::mixes) marks
/// the maps for which a rule may share a sum out among its inputs. A new case needs no rule of its own.
#[derive(Debug, Clone)]
pub enum LinearMap {
    /// Copies the values into row-major order.
    Contiguous,
    /// Flattens all dimensions after the first.
    Flatten,
    /// Gives the values these dimensions, the first included, in row-major order.
    Reshape(Vec<usize>),
    /// Permutes the dimensions: output dimension `i` is input dimension `order[i]`.
    Permute(Vec<usize>),
    /// Takes every `step`-th position of one dimension, `len` of them.
    Slice {
        /// The dimension.
        dim: usize,
        /// The first position.
        start: usize,
        /// The number of positions.
        len: usize,
        /// The distance between positions, at least 1.
        step: usize,
    },
    /// Takes one position of a dimension and removes the dimension.
    Select {
        /// The dimension.
        dim: usize,
        /// The position.
        index: usize,
    },
    /// Takes entries of one dimension by constant indices, in any order and with repetitions: `numpy.take`, and ONNX's `Gather` with
    /// one-dimensional indices.
    Take {
        /// The dimension.
        dim: usize,
        /// At least one index, from 0 to below the dimension's size.
        indices: Vec<usize>,
    },
    /// Pads each dimension with zeros before and after the values.
    Pad(Vec<(usize, usize)>),
    /// Repeats dimensions of size 1 to these sizes, which cover all dimensions after the first.
    Expand(Vec<usize>),
    /// Reorders the positions of maps, tokens, heads and windows.
    Rearrange(Rearrange),
    /// An average pooling.
    AvgPool(AvgPool2d),
    /// An average pooling to a given size.
    AdaptiveAvgPool(AdaptiveAvgPool2d),
    /// A resize by interpolation.
    Resize(Resize),
    /// Interpolates along one dimension: a resize of another form than [`Resize`](LinearMap::Resize).
    Interpolate {
        /// The dimension.
        dim: usize,
        /// The input positions and weights of each output position.
        taps: Arc<Taps>,
    },
    /// A sum or a mean over dimensions.
    Reduce(Reduce),
    /// A transposed convolution.
    ConvTranspose(ConvTranspose2d),
}

impl LinearMap {
    /// Makes a [`Slice`](LinearMap::Slice) of neighbouring positions.
    pub fn narrow(dim: usize, start: usize, len: usize) -> Self {
        LinearMap::Slice {
            dim,
            start,
            len,
            step: 1,
        }
    }

    /// Computes `A x`. Differentiable.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        match self {
            LinearMap::Contiguous => x.contiguous(),
            LinearMap::Flatten => x.flatten_from(1),
            LinearMap::Reshape(dims) => x.reshape(dims.as_slice()),
            LinearMap::Permute(order) => x.permute(order.as_slice()),
            &LinearMap::Slice {
                dim,
                start,
                len,
                step,
            } => slice::forward(x, dim, (start, len, step)),
            &LinearMap::Select { dim, index } => {
                slice::forward(x, dim, (index, 1, 1))?.squeeze(dim)
            }
            LinearMap::Take { dim, indices } => take::forward(x, *dim, indices),
            LinearMap::Pad(zeros) => {
                self.output_dims(x.dims())?;
                let mut sides = zeros.iter().enumerate();
                sides.try_fold(x.clone(), |x, (dim, &(before, after))| {
                    x.pad_with_zeros(dim, before, after)
                })
            }
            LinearMap::Expand(_) => x.broadcast_as(self.output_dims(x.dims())?),
            LinearMap::Rearrange(op) => op.forward(x),
            LinearMap::AvgPool(pool) => pool.forward(x),
            LinearMap::AdaptiveAvgPool(pool) => pool.forward(x),
            LinearMap::Resize(resize) => resize.forward(x),
            LinearMap::Interpolate { dim, taps } => interpolate::forward(x, *dim, taps),
            LinearMap::Reduce(reduce) => reduce.forward(x),
            LinearMap::ConvTranspose(layer) => layer.forward(x),
        }
    }

    /// Computes `Aᵀ grad`: backpropagates the output gradient `grad` to an input of shape `dims`.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn adjoint(&self, dims: &[usize], grad: &Tensor) -> Result<Tensor> {
        match self {
            LinearMap::Contiguous => Ok(grad.clone()),
            LinearMap::Flatten | LinearMap::Reshape(_) => grad.reshape(dims),
            LinearMap::Permute(order) => {
                self.output_dims(dims)?;
                let mut back = vec![0; order.len()];
                for (output, &input) in order.iter().enumerate() {
                    back[input] = output;
                }
                grad.permute(back)
            }
            &LinearMap::Slice {
                dim,
                start,
                len,
                step,
            } => slice::adjoint(grad, dims, dim, (start, len, step)),
            &LinearMap::Select { dim, index } => {
                slice::adjoint(&grad.unsqueeze(dim)?, dims, dim, (index, 1, 1))
            }
            LinearMap::Take { dim, indices } => take::adjoint(grad, dims, *dim, indices),
            LinearMap::Pad(zeros) => {
                let mut sides = zeros.iter().zip(dims).enumerate();
                sides.try_fold(grad.clone(), |grad, (dim, (&(before, _), &len))| {
                    grad.narrow(dim, before, len)
                })
            }
            LinearMap::Expand(_) => summed_to(grad.clone(), dims),
            LinearMap::Rearrange(op) => op.adjoint(dims, grad),
            LinearMap::AvgPool(pool) => pool.adjoint(dims, grad),
            LinearMap::AdaptiveAvgPool(pool) => pool.adjoint(dims, grad),
            LinearMap::Resize(resize) => resize.adjoint(dims, grad),
            LinearMap::Interpolate { dim, taps } => interpolate::adjoint(grad, dims, *dim, taps),
            LinearMap::Reduce(reduce) => reduce.adjoint(dims, grad),
            LinearMap::ConvTranspose(layer) => layer.adjoint(grad),
        }
    }

    /// Returns whether an output may sum several inputs. Otherwise each output is one input or 0.
    pub fn mixes(&self) -> bool {
        match self {
            LinearMap::Contiguous
            | LinearMap::Flatten
            | LinearMap::Reshape(_)
            | LinearMap::Permute(_)
            | LinearMap::Slice { .. }
            | LinearMap::Select { .. }
            | LinearMap::Take { .. }
            | LinearMap::Pad(_)
            | LinearMap::Expand(_)
            | LinearMap::Rearrange(_) => false,
            LinearMap::AvgPool(_)
            | LinearMap::AdaptiveAvgPool(_)
            | LinearMap::Resize(_)
            | LinearMap::Interpolate { .. }
            | LinearMap::Reduce(_)
            | LinearMap::ConvTranspose(_) => true,
        }
    }

    /// Returns the dimensions of `A x` for an `x` of shape `dims`.
    ///
    /// # Errors
    /// When the shape does not fit.
    pub fn output_dims(&self, dims: &[usize]) -> Result<Vec<usize>> {
        match self {
            LinearMap::Contiguous => Ok(dims.to_vec()),
            LinearMap::Flatten => match dims {
                [n, rest @ ..] if !rest.is_empty() => Ok(vec![*n, rest.iter().product()]),
                _ => bail!("{dims:?} has no dimension after the first"),
            },
            LinearMap::Reshape(to) => {
                if to.iter().product::<usize>() != dims.iter().product::<usize>() {
                    bail!("{dims:?} cannot be reshaped to {to:?}");
                }
                Ok(to.clone())
            }
            LinearMap::Permute(order) => {
                let mut sorted = order.clone();
                sorted.sort_unstable();
                if !sorted.into_iter().eq(0..dims.len()) {
                    bail!("{order:?} is not a permutation of the dimensions {dims:?}");
                }
                Ok(order.iter().map(|&dim| dims[dim]).collect())
            }
            &LinearMap::Slice {
                dim,
                start,
                len,
                step,
            } => slice::output_dims(dims, dim, (start, len, step)),
            &LinearMap::Select { dim, index } => {
                let mut dims = slice::output_dims(dims, dim, (index, 1, 1))?;
                dims.remove(dim);
                Ok(dims)
            }
            LinearMap::Take { dim, indices } => take::output_dims(dims, *dim, indices),
            LinearMap::Pad(zeros) => {
                if zeros.len() != dims.len() {
                    bail!(
                        "padding for {} dimensions does not fit {dims:?}",
                        zeros.len()
                    );
                }
                let sizes = zeros.iter().zip(dims);
                Ok(sizes.map(|(zeros, &len)| zeros.0 + len + zeros.1).collect())
            }
            LinearMap::Expand(to) => {
                let [n, rest @ ..] = dims else {
                    bail!("a scalar cannot be expanded");
                };
                let mut pairs = to.iter().zip(rest);
                if to.len() != rest.len() || !pairs.all(|(&to, &len)| len == to || len == 1) {
                    bail!("{rest:?} cannot be expanded to {to:?}");
                }
                Ok([&[*n], to.as_slice()].concat())
            }
            LinearMap::Rearrange(op) => op.output_dims(dims),
            LinearMap::AvgPool(pool) => resized(dims, |size| pool.output_size(size)),
            LinearMap::AdaptiveAvgPool(pool) => resized(dims, |size| pool.output_size(size)),
            LinearMap::Resize(resize) => resized(dims, |_| resize.output_size()),
            LinearMap::Interpolate { dim, taps } => interpolate::output_dims(dims, *dim, taps),
            LinearMap::Reduce(reduce) => reduce.output_dims(dims),
            LinearMap::ConvTranspose(layer) => layer.output_dims(dims),
        }
    }
}

/// Returns the dimensions of a feature map whose size changes.
fn resized(
    dims: &[usize],
    size: impl Fn((usize, usize)) -> Result<(usize, usize)>,
) -> Result<Vec<usize>> {
    let &[n, c, height, width] = dims else {
        bail!("a feature map is (n, channels, height, width), found {dims:?}");
    };
    let (height, width) = size((height, width))?;
    Ok(vec![n, c, height, width])
}
