//! A convolution fused with its norm and activation.

use candle_core::{Result, Tensor, bail};

use super::activation::Activation;
use super::batch_norm::BatchNorm;
use super::conv2d::Conv2d;
use crate::kernels::precision::Precision;

/// A convolution, optionally followed by a batch norm and an activation: three modules of the checkpoint, one kernel in inference.
#[derive(Debug, Clone)]
pub struct ConvNormAct {
    conv_names: Vec<String>,
    conv: Conv2d,
    norm: Option<(Vec<String>, BatchNorm)>,
    activation: Option<(Vec<String>, Activation)>,
    /// The factor and summand that the fused kernel applies: the norm's with the bias folded in, or the bias alone.
    folded: (Option<Tensor>, Option<Tensor>),
}

impl ConvNormAct {
    /// Groups the operations, each with the paths of its output, and folds the norm into one factor and one summand a channel.
    ///
    /// # Errors
    /// When the norm's size is not the convolution's number of output channels.
    pub fn new(
        conv: (Vec<String>, Conv2d),
        norm: Option<(Vec<String>, BatchNorm)>,
        activation: Option<(Vec<String>, Activation)>,
    ) -> Result<Self> {
        let (conv_names, conv) = conv;
        let folded = match &norm {
            None => (None, conv.bias().cloned()),
            Some((_, norm)) => {
                let (scale, shift) = (norm.scale().clone(), norm.shift().clone());
                let channels = conv.weight().dim(0)?;
                if scale.dims() != [channels] {
                    bail!(
                        "a convolution with {channels} output channels takes a batch norm of as many, found {:?}",
                        scale.dims()
                    );
                }
                let shift = match conv.bias() {
                    None => shift,
                    Some(bias) => ((bias * &scale)? + shift)?,
                };
                (Some(scale), Some(shift))
            }
        };
        Ok(ConvNormAct {
            conv_names,
            conv,
            norm,
            activation,
            folded,
        })
    }

    /// Returns the convolution and the paths of its own output.
    pub fn conv(&self) -> (&[String], &Conv2d) {
        (&self.conv_names, &self.conv)
    }

    /// Returns the norm and the paths of its output.
    pub fn norm(&self) -> Option<(&[String], &BatchNorm)> {
        self.norm
            .as_ref()
            .map(|(names, norm)| (names.as_slice(), norm))
    }

    /// Returns the activation and the paths of its output.
    pub fn activation(&self) -> Option<(&[String], Activation)> {
        self.activation
            .as_ref()
            .map(|(names, f)| (names.as_slice(), *f))
    }

    /// Sets the precision of the convolution's forward pass.
    pub fn set_precision(&mut self, precision: Precision) {
        self.conv.set_precision(precision);
    }

    /// Returns the factor and summand that the fused kernel applies.
    pub(crate) fn folded(&self) -> (Option<&Tensor>, Option<&Tensor>) {
        (self.folded.0.as_ref(), self.folded.1.as_ref())
    }

    /// Returns the group's summand for each channel, `(out,)`: the convolution's bias with the norm folded in.
    pub fn bias(&self) -> Option<&Tensor> {
        self.folded.1.as_ref()
    }

    /// Merges the norm into the convolution: weights times the norm's factor, with the norm's summand as the bias.
    ///
    /// # Errors
    /// Never for plain tensors.
    pub fn merged(&self) -> Result<Conv2d> {
        let (scale, shift) = &self.folded;
        let weight = match scale {
            None => return Ok(self.conv.clone()),
            Some(scale) => {
                self.conv
                    .weight()
                    .broadcast_mul(&scale.reshape((scale.dim(0)?, 1, 1, 1))?)?
            }
        };
        Ok(Conv2d::new(weight, shift.clone(), self.conv.options()))
    }

    /// Runs the whole group as one kernel: `activation(norm(conv(x)) + residual)`. Differentiable in `x` and the residual.
    ///
    /// # Errors
    /// When the shapes do not fit.
    pub fn fused(
        &self,
        x: &Tensor,
        residual: Option<&Tensor>,
        activation: Activation,
    ) -> Result<Tensor> {
        let (scale, shift) = &self.folded;
        self.conv
            .fused(x, scale.as_ref(), shift.as_ref(), residual, activation)
    }
}
