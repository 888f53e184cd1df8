//! How a convolution and the operations after it run under a pass.

use candle_core::{Result, Tensor};

use crate::ops::activation::Activation;
use crate::ops::conv_norm_act::ConvNormAct;
use crate::pass::Pass;

/// The end of a residual block after a group's own operations: the shortcut to add, and the activation.
type Closing<'a> = (&'a Tensor, Activation);

impl ConvNormAct {
    /// Runs the group under `pass`: as one kernel, or operation by operation if the pass does not fuse or wants an inner name.
    ///
    /// `closing` is the end of a residual block: the shortcut to add, and the activation after the sum. Without it, the group offers the
    /// names of its last part itself.
    ///
    /// # Errors
    /// When the shapes do not fit, or the pass refuses.
    pub fn run(
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
        match (closing, self.activation()) {
            (Some((shortcut, activation)), _) => {
                pass.conv_norm_act(self, x, Some(shortcut), activation)
            }
            (None, Some((names, activation))) => {
                let y = pass.conv_norm_act(self, x, None, activation)?;
                pass.tap_all(names, y)
            }
            (None, None) => {
                let y = pass.conv_norm_act(self, x, None, Activation::Identity)?;
                pass.tap_all(self.last_linear_names(), y)
            }
        }
    }

    /// Returns whether the operations run one by one.
    fn splits(&self, closing: Option<Closing<'_>>, pass: &dyn Pass) -> bool {
        let wanted = |names: &[String]| names.iter().any(|name| pass.wants(name));
        let ends_linear = closing.is_none() && self.activation().is_none();
        let inner_conv = (self.norm().is_some() || !ends_linear) && wanted(self.conv().0);
        let inner_norm = !ends_linear && self.norm().is_some_and(|(names, _)| wanted(names));
        // A residual block's activation follows the sum; one inside the group would precede it.
        let inner_activation = closing.is_some() && self.activation().is_some();
        !pass.fuses() || inner_conv || inner_norm || inner_activation
    }

    fn last_linear_names(&self) -> &[String] {
        self.norm().map_or(self.conv().0, |(names, _)| names)
    }

    fn split(&self, x: &Tensor, pass: &mut dyn Pass) -> Result<Tensor> {
        let (names, conv) = self.conv();
        let mut y = pass.conv2d(conv, x)?;
        y = pass.tap_all(names, y)?;
        if let Some((names, norm)) = self.norm() {
            y = pass.batch_norm(norm, &y)?;
            y = pass.tap_all(names, y)?;
        }
        if let Some((names, activation)) = self.activation() {
            y = pass.activation(activation, &y)?;
            y = pass.tap_all(names, y)?;
        }
        Ok(y)
    }
}
