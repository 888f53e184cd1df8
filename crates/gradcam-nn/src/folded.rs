//! Batch norms folded into convolutions.

use candle_core::Result;

use crate::module::{Kind, Module, ModuleTree};
use crate::ops::conv_norm_act::ConvNormAct;

impl ModuleTree {
    /// Folds every batch norm that follows a convolution into the convolution's weights and bias. The new network computes the same
    /// function, up to rounding.
    ///
    /// The convolution's own output is no longer computed; the merged output is offered under the norm's paths. A batch norm before
    /// its convolution stays. [`parameters`](crate::Network::parameters) still lists the folded parameters.
    ///
    /// # Errors
    /// None that plain tensors could cause.
    pub fn folded(&self) -> Result<ModuleTree> {
        let mut tree = self.clone();
        fold(&mut tree.modules)?;
        // Merging makes new convolutions, of default precision.
        tree.set_precision(self.precision());
        Ok(tree)
    }
}

fn fold(modules: &mut [Module]) -> Result<()> {
    for module in modules {
        match &mut module.kind {
            Kind::Conv(group) => {
                if let Some((names, _)) = group.norm() {
                    let conv = (names.to_vec(), group.merged()?);
                    let activation = group.activation().map(|(names, f)| (names.to_vec(), f));
                    **group = ConvNormAct::new(conv, None, activation)?;
                }
            }
            other => {
                for modules in other.modules_mut() {
                    fold(modules)?;
                }
            }
        }
    }
    Ok(())
}
