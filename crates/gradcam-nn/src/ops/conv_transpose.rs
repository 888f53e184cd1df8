//! Transposed convolution.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Tensor, bail};

use super::conv2d::{Backward, Conv2d, ConvOptions, Padding};
#[cfg(feature = "cuda")]
use crate::cuda::Array;
use crate::dispatch::apply::map_recorded;
use crate::dispatch::computation::Mapped;
use crate::dispatch::forwards::forwards;
use crate::dispatch::layout::channels_first;
use crate::kernels::element::Element;
use crate::kernels::geometry::Geometry;
use crate::kernels::view::Map;

/// The adjoint of a convolution without a bias: it maps the convolution's output gradient to its input gradient.
#[derive(Debug, Clone)]
pub struct ConvTranspose2d {
    conv: Conv2d,
    output_padding: (usize, usize),
}

impl ConvTranspose2d {
    /// Makes a layer with a weight `(in, out / groups, kernel height, kernel width)`. `output_padding` counts the rows and columns at
    /// the bottom and right that the convolution would not read, fewer than its stride.
    pub fn new(weight: Tensor, options: ConvOptions, output_padding: (usize, usize)) -> Self {
        ConvTranspose2d {
            conv: Conv2d::new(weight, None, options),
            output_padding,
        }
    }

    /// Returns the convolution whose adjoint this is.
    pub fn conv(&self) -> &Conv2d {
        &self.conv
    }

    /// Maps `(n, in, h, w)` to `(n, out, oh, ow)`. Differentiable in `x`; the weight is a constant.
    ///
    /// # Errors
    /// When the shapes do not fit, or the padding is not explicit.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let geometry = self.conv.geometry(&self.output_dims(x.dims())?)?;
        let conv = self.conv.clone();
        map_recorded(Forward { conv, geometry }, x)
    }

    /// Backpropagates the output gradient `grad` to the input.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn adjoint(&self, grad: &Tensor) -> Result<Tensor> {
        self.conv.forward(grad)
    }

    /// Returns the dimensions of the result for an input of shape `dims`.
    ///
    /// # Errors
    /// When the shapes do not fit, or the padding is not explicit.
    pub fn output_dims(&self, dims: &[usize]) -> Result<Vec<usize>> {
        let (channels, group_out, kh, kw) = self.conv.weight().dims4()?;
        let options = self.conv.options();
        let Padding::Explicit {
            top,
            bottom,
            left,
            right,
        } = options.padding
        else {
            bail!("a transposed convolution needs explicit padding");
        };
        let (stride, dilation, more) = (options.stride, options.dilation, self.output_padding);
        let axis =
            |len: usize, kernel: usize, stride: usize, dilation: usize, more: usize, zeros| {
                let reach = (kernel.max(1) - 1) * dilation + 1;
                ((len.max(1) - 1) * stride + reach + more).checked_sub(zeros)
            };
        if let &[n, c, h, w] = dims
            && c == channels
            && let Some(rows) = axis(h, kh, stride.0, dilation.0, more.0, top + bottom)
            && let Some(columns) = axis(w, kw, stride.1, dilation.1, more.1, left + right)
            && self.conv.output_size((rows, columns))? == (h, w)
        {
            return Ok(vec![n, group_out * options.groups, rows, columns]);
        }
        bail!(
            "a transposed convolution (weight {:?}, output padding {more:?}) cannot take {dims:?}",
            self.conv.weight().dims()
        )
    }
}

struct Forward {
    conv: Conv2d,
    geometry: Geometry,
}

impl Forward {
    fn adjoint(&self) -> Backward<'_> {
        Backward {
            conv: &self.conv,
            geometry: self.geometry,
        }
    }
}

impl Mapped for Forward {
    const NAME: &'static str = "conv_transpose2d";
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        self.adjoint().run(x)
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        self.adjoint().cuda(x)
    }
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(map);
    fn bwd(&self, _x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.conv.forward(&channels_first(grad)?).map(Some)
    }
}
