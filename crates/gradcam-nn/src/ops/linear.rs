//! The fully connected layer.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use crate::dispatch::{Unary, run_unary, unary, with_optional, with_values};
use crate::kernels::{Element, linear};

/// `y = x · weightᵀ + bias`.
#[derive(Debug, Clone)]
pub struct Linear {
    /// `(outputs, inputs)`.
    pub weight: Tensor,
    /// `(outputs,)`.
    pub bias: Option<Tensor>,
}

impl Linear {
    /// Maps `(…, inputs)` to `(…, outputs)`. Differentiable in `x`; the weight is a constant.
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
        x.contiguous()?.apply_op1(Forward(self.clone()))
    }

    /// The gradient at the input from the one at the output.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn backward(&self, grad: &Tensor) -> Result<Tensor> {
        unary(&Backward(self), grad)
    }
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
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_unary(self, storage, layout)
    }
    fn bwd(&self, _x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(grad).map(Some)
    }
}
