//! The same function with fewer operations.

use candle_core::Result;

use crate::module::{Kind, Module, ModuleTree};
use crate::ops::conv_norm_act::ConvNormAct;

impl ModuleTree {
    /// The network with every batch norm that follows a convolution folded into the convolution's weights and bias: another network that
    /// computes the same, up to rounding.
    ///
    /// A convolution's own output is not computed any more: the merged one is offered under the norm's paths. A batch norm that comes
    /// before its convolution stays. [`parameters`](crate::Network::parameters) still lists those that were folded.
    ///
    /// # Errors
    /// None that plain tensors could cause.
    pub fn folded(&self) -> Result<ModuleTree> {
        let mut tree = self.clone();
        fold(&mut tree.modules)?;
        // A merged convolution is a new one.
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
