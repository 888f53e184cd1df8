//! A convolution's parameters and sizes.

use std::sync::Arc;

use candle_core::{Result, Tensor, bail};

use super::options::ConvOptions;
use crate::kernels::geometry::Geometry;
use crate::kernels::packed::PackedWeights;
use crate::kernels::precision::Precision;

/// A two-dimensional convolution (cross-correlation, as in every deep learning library).
///
/// The weight is packed for the processor on first use; clones share the packed weight.
#[derive(Clone)]
pub struct Conv2d {
    pub(super) weight: Tensor,
    pub(super) bias: Option<Tensor>,
    options: ConvOptions,
    pub(super) precision: Precision,
    pub(super) packed: Arc<PackedWeights>,
}

impl std::fmt::Debug for Conv2d {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conv2d")
            .field("weight", &self.weight.shape())
            .field("bias", &self.bias.is_some())
            .field("options", &self.options)
            .field("precision", &self.precision)
            .finish()
    }
}

impl Conv2d {
    /// Makes a convolution with a weight `(out, in / groups, kernel height, kernel width)` and a bias `(out,)`.
    pub fn new(weight: Tensor, bias: Option<Tensor>, options: ConvOptions) -> Self {
        Conv2d::sharing(weight, bias, options, Arc::default())
    }

    /// Returns the convolution with another bias `(out,)`; both share the packed weight.
    #[must_use]
    pub fn with_bias(&self, bias: Option<Tensor>) -> Self {
        Conv2d {
            bias,
            ..self.clone()
        }
    }

    /// As [`new`](Self::new), with a shared packed weight.
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

    /// Returns the weight, `(out, in / groups, kernel height, kernel width)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }

    /// Returns the bias, `(out,)`.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }

    /// Returns how the kernel moves over its input.
    pub fn options(&self) -> ConvOptions {
        self.options
    }

    /// Returns the rows and columns of the output for an input of `(height, width)`.
    ///
    /// # Errors
    /// When the dilated kernel is larger than the padded input, or a stride, dilation or the group count is zero.
    pub fn output_size(&self, size: (usize, usize)) -> Result<(usize, usize)> {
        Ok(self
            .geometry(&[1, self.in_channels()?, size.0, size.1])?
            .out_size)
    }

    /// Returns the number of input channels.
    fn in_channels(&self) -> Result<usize> {
        Ok(self.weight.dim(1)? * self.options.groups)
    }

    /// Returns the sizes of the convolution for an input of shape `dims`.
    pub(crate) fn geometry(&self, dims: &[usize]) -> Result<Geometry> {
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
