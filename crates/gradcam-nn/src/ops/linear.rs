//! The fully connected layer.

use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Shape, Tensor, bail};

use super::conv2d::{Conv2d, ConvOptions};
#[cfg(feature = "cuda")]
use crate::cuda::{Array, Epilogue, Product};
use crate::dispatch::apply::unary;
use crate::dispatch::computation::Unary;
use crate::dispatch::forwards::forwards;
use crate::dispatch::storage::{with_optional, with_values};
use crate::kernels::element::Element;
use crate::kernels::linear;
use crate::kernels::packed::PackedWeights;
#[cfg(feature = "cuda")]
use crate::kernels::precision::Precision;

/// A fully connected layer, `y = x · weightᵀ + bias`.
///
/// The weight is packed for the processor on first use; clones share the packed weight.
#[derive(Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    packed: Arc<PackedWeights>,
}

impl std::fmt::Debug for Linear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Linear")
            .field("weight", &self.weight.shape())
            .field("bias", &self.bias.is_some())
            .finish()
    }
}

impl Linear {
    /// Makes a layer with a weight `(outputs, inputs)` and a bias `(outputs,)`.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Linear {
            weight,
            bias,
            packed: Arc::default(),
        }
    }

    /// Returns the layer with another bias `(outputs,)`; both share the packed weight.
    #[must_use]
    pub fn with_bias(&self, bias: Option<Tensor>) -> Self {
        Linear {
            bias,
            ..self.clone()
        }
    }

    /// Returns the weight, `(outputs, inputs)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// Returns the bias, `(outputs,)`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// Maps `(…, inputs)` to `(…, outputs)`. With three or more dimensions, every image has many rows. Differentiable in `x`; the
    /// weight is a constant.
    ///
    /// # Errors
    /// When the last dimension of `x` is not the weight's number of inputs, or the bias does not fit the weight.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        if outputs * inputs == 0 {
            bail!(
                "linear needs at least one input and output, found a weight of [{outputs}, {inputs}]"
            );
        }
        if let Some(bias) = &self.bias
            && bias.dims() != [outputs]
        {
            bail!(
                "linear expects a bias of the shape [{outputs}], found {:?}",
                bias.dims()
            );
        }
        if x.dims().last() != Some(&inputs) {
            bail!(
                "linear expects {inputs} inputs, found the shape {:?}",
                x.shape()
            );
        }
        match x.rank() {
            0..=2 => x.contiguous()?.apply_op1(Forward(self.clone())),
            _ => from_rows(&self.convolution()?.forward(&as_rows(x)?)?, x.dims()),
        }
    }

    /// Backpropagates the output gradient `grad` to the input.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn backward(&self, grad: &Tensor) -> Result<Tensor> {
        if grad.rank() < 3 {
            return unary(&Backward(self), grad);
        }
        let rows = as_rows(grad)?;
        let mut dims = rows.dims().to_vec();
        dims[1] = self.weight.dim(1)?;
        from_rows(&self.convolution()?.backward(&dims, &rows)?, grad.dims())
    }

    /// Returns the layer as a 1×1 convolution, whose kernels are made for many rows.
    fn convolution(&self) -> Result<Conv2d> {
        let weight = self.weight.unsqueeze(2)?.unsqueeze(3)?;
        let (bias, packed) = (self.bias.clone(), self.packed.clone());
        Ok(Conv2d::sharing(
            weight,
            bias,
            ConvOptions::default(),
            packed,
        ))
    }
}

/// Views `(…, rows, c)` as feature maps of one row, `(n, c, 1, rows)`.
fn as_rows(x: &Tensor) -> Result<Tensor> {
    let &[ref lead @ .., rows, c] = x.dims() else {
        bail!(
            "linear expects at least two dimensions, found {:?}",
            x.dims()
        );
    };
    let n: usize = lead.iter().product();
    x.reshape((n, rows, c))?.transpose(1, 2)?.unsqueeze(2)
}

/// Reverses [`as_rows`], to the dimensions `dims` except the last.
fn from_rows(x: &Tensor, dims: &[usize]) -> Result<Tensor> {
    let shape = replace_last(dims, x.dim(1)?);
    x.squeeze(2)?.transpose(1, 2)?.reshape(shape)
}

struct Forward(Linear);
struct Backward<'a>(&'a Linear);

fn replace_last(dims: &[usize], last: usize) -> Shape {
    let mut dims = dims.to_vec();
    if let Some(d) = dims.last_mut() {
        *d = last;
    }
    Shape::from(dims)
}

impl Unary for Forward {
    const NAME: &'static str = "linear";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let (outputs, inputs) = self.0.weight.dims2()?;
        let y = with_values(&self.0.weight, |weight| {
            with_optional(self.0.bias.as_ref(), |bias| {
                Ok(linear::forward(x, weight, bias, inputs, outputs))
            })
        })?;
        Ok((y, replace_last(dims, outputs)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, Shape)> {
        let (outputs, inputs) = self.0.weight.dims2()?;
        let product = Product {
            rows: x.len() / inputs,
            inner: inputs,
            columns: outputs,
            transposed: true,
            precision: Precision::F32,
        };
        let y = product.of(x, &self.0.weight)?;
        let shape = replace_last(x.dims, outputs);
        let epilogue = Epilogue {
            shift: self.0.bias.as_ref(),
            ..Epilogue::default()
        };
        let y = epilogue.finish(y, shape.dims(), outputs)?;
        Ok((y, shape))
    }
}

impl Unary for Backward<'_> {
    const NAME: &'static str = "linear backward";
    fn run<T: Element>(&self, grad: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let (outputs, inputs) = self.0.weight.dims2()?;
        let dx = with_values(&self.0.weight, |weight| {
            Ok(linear::backward(grad, weight, inputs, outputs))
        })?;
        Ok((dx, replace_last(dims, inputs)))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, Shape)> {
        let (outputs, inputs) = self.0.weight.dims2()?;
        let product = Product {
            rows: grad.len() / outputs,
            inner: outputs,
            columns: inputs,
            transposed: false,
            precision: Precision::F32,
        };
        let dx = product.of(grad, &self.0.weight)?;
        Ok((dx, replace_last(grad.dims, inputs)))
    }
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(unary);
    fn bwd(&self, _x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(grad).map(Some)
    }
}
