//! A convolution with what follows it.

use candle_core::{Result, Tensor, bail};

use crate::Pass;
use crate::ops::{Activation, BatchNorm, Conv2d};

/// A convolution, optionally followed by a batch norm and an activation: three modules of the checkpoint, one kernel in inference.
#[derive(Debug, Clone)]
pub struct ConvNormAct {
    /// Paths of the convolution's own output.
    pub conv_names: Vec<String>,
    /// The convolution.
    pub conv: Conv2d,
    /// Paths of the norm's output, and the norm.
    pub norm: Option<(Vec<String>, BatchNorm)>,
    /// Paths of the activation's output, and the activation.
    pub activation: Option<(Vec<String>, Activation)>,
    /// The norm's factor and summand, or the convolution's bias: what the fused kernel applies.
    folded: (Option<Tensor>, Option<Tensor>),
}

impl ConvNormAct {
    /// Groups the operations; the norm is folded into one factor and one summand a channel.
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

    /// The norm's factor and summand as the fused kernel applies them.
    pub(crate) fn folded(&self) -> (Option<&Tensor>, Option<&Tensor>) {
        (self.folded.0.as_ref(), self.folded.1.as_ref())
    }

    /// What the group adds to each channel, `(out,)`: the convolution's bias, with the norm folded in.
    pub fn bias(&self) -> Option<&Tensor> {
        self.folded.1.as_ref()
    }

    /// The convolution with its norm folded in: weights times the norm's factor, and the norm's summand as the bias.
    ///
    /// # Errors
    /// None that plain tensors could cause.
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

    /// Runs the group under `pass`: as one kernel, or operation by operation where the pass or a wanted inner name asks for it.
    ///
    /// `closing` is what follows the group's own operations inside a residual block: the shortcut to add, and the activation.
    pub(crate) fn run(
        &self,
        x: &Tensor,
        closing: Option<(&Tensor, Activation)>,
        pass: &mut dyn Pass,
    ) -> Result<Tensor> {
        if self.splits(closing, pass) {
            let mut y = self.split(x, pass)?;
            if let Some((shortcut, activation)) = closing {
                y = pass.add(&y, shortcut)?;
                y = pass.activation(activation, &y)?;
            }
            return Ok(y);
        }
        match (closing, &self.activation) {
            (Some((shortcut, activation)), _) => {
                pass.conv_norm_act(self, x, Some(shortcut), activation)
            }
            (None, Some((names, activation))) => {
                let y = pass.conv_norm_act(self, x, None, *activation)?;
                tap_all(names, y, pass)
            }
            (None, None) => {
                let y = pass.conv_norm_act(self, x, None, Activation::Identity)?;
                tap_all(self.last_linear_names(), y, pass)
            }
        }
    }

    /// Whether the operations run one by one.
    fn splits(&self, closing: Option<(&Tensor, Activation)>, pass: &dyn Pass) -> bool {
        let wanted = |names: &[String]| names.iter().any(|name| pass.wants(name));
        let ends_linear = closing.is_none() && self.activation.is_none();
        let inner_conv = (self.norm.is_some() || !ends_linear) && wanted(&self.conv_names);
        let inner_norm = !ends_linear && self.norm.as_ref().is_some_and(|(names, _)| wanted(names));
        // A residual block closes with its own activation; one inside the group would come before the sum.
        let inner_activation = closing.is_some() && self.activation.is_some();
        !pass.fuses() || inner_conv || inner_norm || inner_activation
    }

    fn last_linear_names(&self) -> &[String] {
        self.norm
            .as_ref()
            .map_or(&self.conv_names, |(names, _)| names)
    }

    fn split(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let mut y = pass.conv2d(&self.conv, x)?;
        y = tap_all(&self.conv_names, y, pass)?;
        if let Some((names, norm)) = &self.norm {
            y = pass.batch_norm(norm, &y)?;
            y = tap_all(names, y, pass)?;
        }
        if let Some((names, activation)) = &self.activation {
            y = pass.activation(*activation, &y)?;
            y = tap_all(names, y, pass)?;
        }
        Ok(y)
    }

    /// The whole group as one kernel: `activation(norm(conv(x)) + residual)`. Differentiable in `x` and the residual.
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

/// Offers `x` under each of its names in turn, in the usual memory order where the pass wants it.
pub(crate) fn tap_all(names: &[String], x: Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
    names.iter().try_fold(x, |x, name| {
        let x = match pass.wants(name) {
            true => pass.contiguous(&x)?,
            false => x,
        };
        pass.tap(name, x)
    })
}
