//! Two-dimensional convolution.

mod fused;

use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CustomOp1, Result, Tensor, bail};

use fused::Fused;
pub(crate) use fused::before;

use super::Activation;
#[cfg(feature = "cuda")]
use crate::cuda::{Array, convolution as on_device};
use crate::dispatch::{Map, Mapped, channels_first, forwards, map, map_recorded, with_values};
use crate::kernels::element::PackedWeights;
use crate::kernels::geometry::Geometry;
use crate::kernels::{Element, convolution, micro};

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
    /// Every position, no padding, no dilation, one group.
    fn default() -> Self {
        ConvOptions {
            stride: (1, 1),
            padding: Padding::all(0),
            dilation: (1, 1),
            groups: 1,
        }
    }
}

/// A two-dimensional convolution (cross-correlation, as in every deep learning library).
///
/// The weight is packed for the processor when it is first used; a clone shares what is packed.
#[derive(Clone)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    options: ConvOptions,
    precision: Precision,
    packed: Arc<PackedWeights>,
}

/// How exactly the factors of a convolution's forward pass are kept. Sums are `f32`, and so are gradients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Rounded to 8 significant bits (bfloat16): about twice as fast where the processor multiplies such numbers. Not for CUDA devices,
    /// where a network whose tensors are bf16 does the same and moves half the memory.
    Bf16,
    /// Rounded to 11 significant bits, on CUDA devices alone: what PyTorch does with convolutions by default.
    Tf32,
}

impl Precision {
    /// Whether this processor computes so. Where it does not, the results are those of `f32`.
    pub fn is_supported(self) -> bool {
        match self {
            Precision::F32 => true,
            Precision::Bf16 => micro::bf16().is_some(),
            Precision::Tf32 => false,
        }
    }
}

impl std::fmt::Debug for Conv2d {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conv2d")
            .field("weight", &self.weight.shape())
            .field("bias", &self.bias.is_some())
            .field("options", &self.options)
            .finish()
    }
}

impl Conv2d {
    /// A convolution with a weight `(out, in / groups, kernel height, kernel width)` and a bias `(out,)`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, options: ConvOptions) -> Self {
        Conv2d::sharing(weight, bias, options, Arc::default())
    }

    /// The same with what is packed of its weight already.
    pub(crate) fn sharing(
        weight: Tensor,
        bias: Option<Tensor>,
        options: ConvOptions,
        packed: Arc<PackedWeights>,
    ) -> Self {
        Conv2d {
            weight,
            bias,
            options,
            precision: Precision::F32,
            packed,
        }
    }

    /// Sets the precision of the forward pass.
    pub fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// The weight, `(out, in / groups, kernel height, kernel width)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// The bias, `(out,)`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// How the kernel moves over its input.
    pub fn options(&self) -> ConvOptions {
        self.options
    }

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
        Ok(self.weight.dim(1)? * self.options.groups)
    }

    /// Convolves `(n, in, h, w)` to `(n, out, oh, ow)`. Differentiable in `x`; the weight is a constant.
    ///
    /// # Errors
    /// When the shapes do not fit; the message names the expected and the found sizes.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.geometry(x.dims())?;
        map_recorded(Forward(self.clone()), x)
    }

    /// The gradient at an input with these dimensions from the one at the output.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn backward(&self, dims: &[usize], grad: &Tensor) -> Result<Tensor> {
        let geometry = self.geometry(dims)?;
        let conv = self;
        map(&Backward { conv, geometry }, grad)
    }

    fn geometry(&self, dims: &[usize]) -> Result<Geometry> {
        let (out_channels, group_in, kh, kw) = self.weight.dims4()?;
        let &[batch, in_channels, h, w] = dims else {
            bail!("conv2d expects (n, channels, height, width), found {dims:?}");
        };
        let ConvOptions {
            stride,
            padding,
            dilation,
            groups,
        } = self.options;
        let kernel = (kh, kw);
        let sizes = [stride.0, stride.1, dilation.0, dilation.1, kh, kw];
        if sizes.contains(&0) || [groups, group_in, out_channels].contains(&0) {
            bail!(
                "conv2d needs channels, and a kernel, stride, dilation and group count of at least 1"
            );
        }
        if in_channels != group_in * groups || !out_channels.is_multiple_of(groups) {
            bail!(
                "conv2d expects {} input channels (weight {:?}, {groups} groups), found {in_channels}",
                group_in * groups,
                self.weight.dims(),
            );
        }
        let (rows, columns) = padding.resolve((h, w), kernel, stride, dilation);
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
            groups,
        })
    }
}

struct Forward(Conv2d);
struct Backward<'a> {
    conv: &'a Conv2d,
    geometry: Geometry,
}

impl Forward {
    fn fused(&self) -> Fused<'_> {
        Fused {
            conv: &self.0,
            scale: None,
            shift: self.0.bias.as_ref(),
            activation: Activation::Identity,
        }
    }
}

impl Mapped for Forward {
    const NAME: &'static str = "conv2d";
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        self.fused().compute(x, None)
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, x: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        self.fused().compute_cuda(x, None)
    }
}

/// Takes the gradient of the output.
impl Mapped for Backward<'_> {
    const NAME: &'static str = "conv2d backward";
    fn run<T: Element>(&self, grad: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let g = &self.geometry;
        let dx = with_values(&self.conv.weight, |weight| {
            let packed = T::packed(&self.conv.packed);
            Ok(convolution::backward(
                &grad.channels_last(),
                weight,
                packed,
                g,
            ))
        })?;
        Ok((dx, [g.batch, g.in_channels, g.in_size.0, g.in_size.1]))
    }
    #[cfg(feature = "cuda")]
    fn cuda(&self, grad: Array<'_>) -> Result<(CudaStorage, [usize; 4])> {
        let g = &self.geometry;
        let weight = self.conv.packed.on_device(&self.conv.weight)?;
        let dx = on_device::backward(grad, weight, g, self.conv.precision)?;
        Ok((dx, [g.batch, g.in_channels, g.in_size.0, g.in_size.1]))
    }
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    forwards!(map);
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(x.dims(), &channels_first(grad)?).map(Some)
    }
}
