//! The pass that records activations and cuts the graph at them.

use candle_core::{Result, Tensor, Var};
use gradcam_nn::Pass;

/// An activation, and the variable that its gradient is read from.
pub(crate) struct Captured {
    pub(crate) activation: Tensor,
    pub(crate) variable: Var,
}

/// Taps the named layers.
///
/// Weights are plain tensors, so candle records nothing before the first variable: with one layer the activation itself becomes one, and
/// the backward pass is that of the head alone. With several, a variable of zeros is added to each, whose gradient is the activation's.
pub(crate) struct Capture<'a> {
    layers: &'a [String],
    pub(crate) captured: Vec<Option<Captured>>,
}

impl<'a> Capture<'a> {
    pub(crate) fn new(layers: &'a [String]) -> Self {
        Capture {
            layers,
            captured: layers.iter().map(|_| None).collect(),
        }
    }
}

impl Pass for Capture<'_> {
    fn wants(&self, name: &str) -> bool {
        self.layers.iter().any(|layer| layer == name)
    }

    fn tap(&mut self, name: &str, x: Tensor) -> Result<Tensor> {
        let Some(index) = self.layers.iter().position(|layer| layer == name) else {
            return Ok(x);
        };
        let (variable, y) = if x.track_op() {
            let variable = Var::zeros(x.dims(), x.dtype(), x.device())?;
            let y = (&x + variable.as_tensor())?;
            (variable, y)
        } else {
            let variable = Var::from_tensor(&x)?;
            let y = variable.as_tensor().clone();
            (variable, y)
        };
        // A module that runs more than once counts with its last call, as with PyTorch's hooks.
        self.captured[index] = Some(Captured {
            activation: x.detach(),
            variable,
        });
        Ok(y)
    }
}
