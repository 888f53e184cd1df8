//! Two-dimensional convolution.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::Activation;
use crate::dispatch::{
    Map, Mapped, Mapped2, channels_first, map, map_recorded, map2, run_map, run_map2, with_map,
    with_optional, with_values,
};
use crate::kernels::element::PackedWeights;
use crate::kernels::epilogue::Epilogue;
use crate::kernels::geometry::Geometry;
use crate::kernels::output::parts;
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
    /// Rounded to 8 significant bits (bfloat16): about twice as fast where the processor multiplies such numbers.
    Bf16,
}

impl Precision {
    /// Whether this processor computes so. Where it does not, [`Bf16`](Precision::Bf16) gives the results of `f32`.
    pub fn is_supported(self) -> bool {
        self == Precision::F32 || micro::bf16().is_some()
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
        Conv2d {
            weight,
            bias,
            options,
            precision: Precision::F32,
            packed: Arc::default(),
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

    /// The gradient at `x` from the one at the output.
    pub(crate) fn backward(&self, x: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let geometry = self.geometry(x.dims())?;
        let conv = self;
        map(&Backward { conv, geometry }, grad)
    }

    /// `activation((conv(x) without bias) * scale + shift + residual)` in one pass over the output. Differentiable in `x` and the
    /// residual.
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
        let fused = Fused {
            conv: self,
            scale,
            shift,
            residual,
            activation,
        };
        if !x.track_op() && !residual.is_some_and(Tensor::track_op) {
            return map(&fused, x);
        }
        // The gradient finds what it needs of the activation in the output, or the activation keeps its own input.
        let inside = if activation.is_idempotent() {
            activation
        } else {
            Activation::Identity
        };
        let recorded = Recorded {
            conv: self.clone(),
            scale: scale.cloned(),
            shift: shift.cloned(),
            activation: inside,
        };
        let y = match residual {
            None => map_recorded(recorded, x)?,
            Some(residual) => channels_first(&x.apply_op2(residual, recorded)?)?,
        };
        if inside == activation {
            Ok(y)
        } else {
            activation.forward(&y)
        }
    }

    /// The gradient at `x` of [`fused`](Self::fused) from its output `y` and the gradient there; the activation's derivative can be
    /// read off its output.
    pub(crate) fn fused_backward(
        &self,
        x: &Tensor,
        y: &Tensor,
        grad: &Tensor,
        scale: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let grad = map2(&Through { activation, scale }, y, grad)?;
        self.backward(x, &grad)
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
        if groups == 0 || stride.0 * stride.1 * dilation.0 * dilation.1 * kh * kw == 0 {
            bail!("conv2d needs a kernel, stride, dilation and group count of at least 1");
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
struct Fused<'a> {
    conv: &'a Conv2d,
    scale: Option<&'a Tensor>,
    shift: Option<&'a Tensor>,
    residual: Option<&'a Tensor>,
    activation: Activation,
}

impl Mapped for Forward {
    const NAME: &'static str = "conv2d";
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        Fused {
            conv: &self.0,
            scale: None,
            shift: self.0.bias.as_ref(),
            residual: None,
            activation: Activation::Identity,
        }
        .compute(x, None)
    }
}

impl Mapped for Fused<'_> {
    const NAME: &'static str = "conv2d";
    fn run<T: Element>(&self, x: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        match self.residual {
            None => self.compute(x, None),
            Some(residual) => with_map(residual, |residual| self.compute(x, Some(residual))),
        }
    }
}

impl Fused<'_> {
    fn compute<T: Element>(
        &self,
        x: Map<'_, T>,
        residual: Option<Map<'_, T>>,
    ) -> Result<(Vec<T>, [usize; 4])> {
        let g = self.conv.geometry(&x.dims)?;
        let channels = [g.out_channels];
        for vector in [self.scale, self.shift].into_iter().flatten() {
            if vector.dims() != channels {
                bail!(
                    "conv2d expects a bias or a norm of the shape {channels:?}, found {:?}",
                    vector.dims()
                );
            }
        }
        let dims = [g.batch, g.out_channels, g.out_size.0, g.out_size.1];
        if let Some(residual) = &residual
            && residual.dims != dims
        {
            bail!(
                "a residual of {dims:?} is expected, found {:?}",
                residual.dims
            );
        }
        let residual = residual.map(|residual| residual.channels_last());
        let y = with_values(&self.conv.weight, |weight| {
            with_optional(self.scale, |scale| {
                with_optional(self.shift, |shift| {
                    let epilogue = Epilogue {
                        scale,
                        shift,
                        residual: residual.as_deref(),
                        activation: self.activation,
                    };
                    let Conv2d {
                        packed, precision, ..
                    } = self.conv;
                    Ok(convolution::forward(
                        x, weight, packed, *precision, &g, epilogue,
                    ))
                })
            })
        })?;
        Ok((y, dims))
    }
}

/// [`Fused`] with a gradient. The activation's derivative can be read off its output.
struct Recorded {
    conv: Conv2d,
    scale: Option<Tensor>,
    shift: Option<Tensor>,
    activation: Activation,
}

impl Recorded {
    fn fused(&self) -> Fused<'_> {
        Fused {
            conv: &self.conv,
            scale: self.scale.as_ref(),
            shift: self.shift.as_ref(),
            residual: None,
            activation: self.activation,
        }
    }

    fn backward(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (y, grad) = (channels_first(y)?, channels_first(grad)?);
        let scale = self.scale.as_ref();
        self.conv
            .fused_backward(x, &y, &grad, scale, self.activation)
    }
}

impl CustomOp1 for Recorded {
    fn name(&self) -> &'static str {
        Forward::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_map(&self.fused(), storage, layout)
    }
    fn bwd(&self, x: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.backward(x, y, grad).map(Some)
    }
}

impl Mapped2 for Fused<'_> {
    const NAME: &'static str = "conv2d";
    fn run<T: Element>(&self, x: Map<'_, T>, residual: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        self.compute(x, Some(residual))
    }
}

/// The second tensor is the residual.
impl CustomOp2 for Recorded {
    fn name(&self) -> &'static str {
        Forward::NAME
    }
    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        run_map2(&self.fused(), (x, x_layout), (residual, residual_layout))
    }
    fn bwd(
        &self,
        x: &Tensor,
        residual: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let to_x = x
            .track_op()
            .then(|| self.backward(x, y, grad))
            .transpose()?;
        let to_residual = residual
            .track_op()
            .then(|| before(self.activation, &channels_first(y)?, &channels_first(grad)?))
            .transpose()?;
        Ok((to_x, to_residual))
    }
}

/// The gradient at an activation's input, from its output and the gradient there: what a residual takes.
pub(crate) fn before(activation: Activation, y: &Tensor, grad: &Tensor) -> Result<Tensor> {
    let scale = None;
    map2(&Through { activation, scale }, y, grad)
}

/// From the output and its gradient to the gradient before the activation and the norm.
struct Through<'a> {
    activation: Activation,
    scale: Option<&'a Tensor>,
}

impl Mapped2 for Through<'_> {
    const NAME: &'static str = "conv2d backward";
    fn run<T: Element>(&self, y: Map<'_, T>, grad: Map<'_, T>) -> Result<(Vec<T>, [usize; 4])> {
        let [_, c, _, w] = y.dims;
        let (values, grad) = (y.channels_last(), grad.channels_last());
        let activation = self.activation;
        let dx = with_optional(self.scale, |scale: Option<&[T]>| {
            Ok(parts(
                values.len(),
                w * c,
                w * c,
                #[inline(always)]
                |row, dx: &mut [T]| {
                    let range = row * w * c..row * w * c + dx.len();
                    let (y, grad) = (&values[range.clone()], &grad[range]);
                    activation.backpropagate(y, grad, dx);
                    if let Some(scale) = scale {
                        for dx in dx.chunks_exact_mut(c) {
                            for (dx, &scale) in dx.iter_mut().zip(scale) {
                                *dx *= scale;
                            }
                        }
                    }
                },
            ))
        })?;
        Ok((dx, y.dims))
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
}

impl CustomOp1 for Forward {
    fn name(&self) -> &'static str {
        Self::NAME
    }
    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        run_map(self, storage, layout)
    }
    fn bwd(&self, x: &Tensor, _y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        self.0.backward(x, &channels_first(grad)?).map(Some)
    }
}
