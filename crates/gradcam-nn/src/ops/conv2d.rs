//! Two-dimensional convolution.

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::Activation;
use crate::dispatch::{Unary, run_unary, unary, with_optional, with_values};
use crate::kernels::epilogue::Epilogue;
use crate::kernels::geometry::Geometry;
use crate::kernels::{Element, convolution};

/// Zeros around the input of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Padding {
    /// As many rows and columns as named.
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
    /// The same number of zeros on all four sides.
    pub fn all(n: usize) -> Self {
        Padding::symmetric(n, n)
    }
    /// `rows` above and below, `columns` left and right.
    pub fn symmetric(rows: usize, columns: usize) -> Self {
        Padding::Explicit {
            top: rows,
            bottom: rows,
            left: columns,
            right: columns,
        }
    }

    /// Zeros before and after each axis `(rows, columns)` of an input of size `size`.
    fn resolve(
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

/// A two-dimensional convolution (cross-correlation, as in every deep learning library).
#[derive(Debug, Clone)]
pub struct Conv2d {
    /// `(out, in / groups, kernel height, kernel width)`.
    pub weight: Tensor,
    /// `(out,)`.
    pub bias: Option<Tensor>,
    /// Rows, columns.
    pub stride: (usize, usize),
    /// Zeros around the input.
    pub padding: Padding,
    /// Rows, columns.
    pub dilation: (usize, usize),
    /// Input and output channels are split into this many independent groups.
    pub groups: usize,
}

impl Conv2d {
    /// Rows and columns of the output for an input of `(height, width)`.
    ///
    /// # Errors
    /// When the dilated kernel is larger than the padded input, or a stride, dilation or the group count is zero.
    pub fn output_size(&self, size: (usize, usize)) -> Result<(usize, usize)> {
        Ok(self
            .geometry(&[1, self.in_channels()?, size.0, size.1])?
            .out_size)
    }

    /// The number of input channels.
    fn in_channels(&self) -> Result<usize> {
        Ok(self.weight.dim(1)? * self.groups)
    }

    /// Convolves `(n, in, h, w)` to `(n, out, oh, ow)`. Differentiable in `x`; the weight is a constant.
    ///
    /// # Errors
    /// When the shapes do not fit; the message names the expected and the found sizes.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.geometry(x.dims())?;
        x.contiguous()?.apply_op1(Forward(self.clone()))
    }

    /// `activation((conv(x) without bias) * scale + shift + residual)` in one pass over the output, with no gradient.
    ///
    /// `scale` and `shift` are `(out,)` and stand for the bias and a following batch norm.
    pub(crate) fn fused(
        &self,
        x: &Tensor,
        scale: Option<&Tensor>,
        shift: Option<&Tensor>,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let residual = residual.map(Tensor::contiguous).transpose()?;
        unary(
            &Fused {
                conv: self,
                scale,
                shift,
                residual: residual.as_ref(),
                activation,
            },
            x,
        )
    }

    fn geometry(&self, dims: &[usize]) -> Result<Geometry> {
        let (out_channels, group_in, kh, kw) = self.weight.dims4()?;
        let &[batch, in_channels, h, w] = dims else {
            bail!("conv2d expects (n, channels, height, width), found {dims:?}");
        };
        let (kernel, stride, dilation) = ((kh, kw), self.stride, self.dilation);
        if self.groups == 0 || stride.0 * stride.1 * dilation.0 * dilation.1 * kh * kw == 0 {
            bail!("conv2d needs a kernel, stride, dilation and group count of at least 1");
        }
        if in_channels != group_in * self.groups || !out_channels.is_multiple_of(self.groups) {
            bail!(
                "conv2d expects {} input channels (weight {:?}, {} groups), found {in_channels}",
                group_in * self.groups,
                self.weight.dims(),
                self.groups
            );
        }
        let (rows, columns) = self.padding.resolve((h, w), kernel, stride, dilation);
        let axis = |size: usize,
                    pad: (usize, usize),
                    kernel: usize,
                    stride: usize,
                    dilation: usize| {
            let (padded, reach) = (size + pad.0 + pad.1, (kernel - 1) * dilation + 1);
            if padded < reach {
                bail!(
                    "conv2d's dilated kernel ({reach}) is larger than the padded input ({padded})"
                );
            }
            Ok((padded - reach) / stride + 1)
        };
        Ok(Geometry {
            batch,
            in_channels,
            in_size: (h, w),
            out_channels,
            out_size: (
                axis(h, rows, kh, stride.0, dilation.0)?,
                axis(w, columns, kw, stride.1, dilation.1)?,
            ),
            kernel,
            stride,
            padding: (rows.0, columns.0),
            dilation,
            groups: self.groups,
        })
    }
}

fn out_shape(g: &Geometry) -> Shape {
    Shape::from((g.batch, g.out_channels, g.out_size.0, g.out_size.1))
}

struct Forward(Conv2d);
struct Backward<'a> {
    conv: &'a Conv2d,
    geometry: Geometry,
}
struct Fused<'a> {
    conv: &'a Conv2d,
    scale: Option<&'a Tensor>,
    shift: Option<&'a Tensor>,
    residual: Option<&'a Tensor>,
    activation: Activation,
}

impl Unary for Forward {
    const NAME: &'static str = "conv2d";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        Fused {
            conv: &self.0,
            scale: None,
            shift: self.0.bias.as_ref(),
            residual: None,
            activation: Activation::Identity,
        }
        .run(x, dims)
    }
}

impl Unary for Fused<'_> {
    const NAME: &'static str = "conv2d";
    fn run<T: Element>(&self, x: &[T], dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let geometry = self.conv.geometry(dims)?;
        let shape = out_shape(&geometry);
        let channels = [geometry.out_channels];
        for vector in [self.scale, self.shift].into_iter().flatten() {
            if vector.dims() != channels {
                bail!(
                    "conv2d expects a bias or a norm of the shape {channels:?}, found {:?}",
                    vector.dims()
                );
            }
        }
        if let Some(residual) = self.residual
            && residual.shape() != &shape
        {
            bail!(
                "a residual of {shape:?} is expected, found {:?}",
                residual.shape()
            );
        }
        let y = with_values(&self.conv.weight, |weight| {
            with_optional(self.scale, |scale| {
                with_optional(self.shift, |shift| {
                    with_optional(self.residual, |residual| {
                        let epilogue = Epilogue {
                            scale,
                            shift,
                            residual,
                            activation: self.activation,
                        };
                        Ok(convolution::forward(x, weight, &geometry, epilogue))
                    })
                })
            })
        })?;
        Ok((y, shape))
    }
}

impl Unary for Backward<'_> {
    const NAME: &'static str = "conv2d backward";
    fn run<T: Element>(&self, grad: &[T], _dims: &[usize]) -> Result<(Vec<T>, Shape)> {
        let g = &self.geometry;
        let dx = with_values(&self.conv.weight, |weight| {
            Ok(convolution::backward(grad, weight, g))
        })?;
        Ok((
            dx,
            Shape::from((g.batch, g.in_channels, g.in_size.0, g.in_size.1)),
        ))
    }
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_unary(self, storage, layout)
    }
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let geometry = self.0.geometry(x.dims())?;
        let conv = &self.0;
        unary(&Backward { conv, geometry }, grad).map(Some)
    }
}
