//! The parts of a network that are randomised one after another.

use std::collections::BTreeMap;

use gradcam_nn::Network;
use serde::Serialize;

use crate::{Error, Result};

/// Parameters that are redrawn together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Block {
    /// The module that they belong to.
    pub name: String,
    /// Their names.
    pub parameters: Vec<String>,
}

/// Lists the blocks of a network by the paths of its modules, from the output down, for inputs of `(channels, height, width)`.
///
/// A block is a module at the top of the tree with all its contents. A module with more than half of the network's parameter tensors is
/// opened, and its contents become the blocks. This gives the stages of a ResNet or an EfficientNet, the layers of a VGG and the blocks of
/// a ViT. Blocks are in the order in which the network taps their last outputs. Parameters of modules that it does not tap (tokens,
/// positions) come first in the network and last here. Running statistics are not parameters.
///
/// # Errors
/// [`Error::NoParameters`]; if the network refuses an input of this size.
pub fn blocks(network: &dyn Network, input: (usize, usize, usize)) -> Result<Vec<Block>> {
    let names: Vec<String> = network.parameters().into_iter().map(|(n, _)| n).collect();
    if names.is_empty() {
        return Err(Error::NoParameters);
    }
    let mut found: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for name in &names {
        let block = block_of(name, &names);
        found.entry(block).or_default().push(name.clone());
    }
    let layers = gradcam::layers(network, input)?.layers;
    let place = |block: &str| {
        layers
            .iter()
            .rposition(|layer| layer.name == block || within(&layer.name, block))
    };
    let mut ordered: Vec<_> = found
        .into_iter()
        .map(|(name, parameters)| (place(name), name, parameters))
        .collect();
    ordered.sort();
    ordered.reverse();
    let block = |(_, name, parameters): (_, &str, _)| Block {
        name: name.to_string(),
        parameters,
    };
    Ok(ordered.into_iter().map(block).collect())
}

/// Returns the shortest path above the parameter that holds at most half of all parameters, or its module.
fn block_of<'a>(name: &'a str, all: &[String]) -> &'a str {
    let module = module_of(name);
    let ends = module.match_indices('.').map(|(end, _)| end);
    ends.map(|end| &module[..end])
        .find(|path| 2 * all.iter().filter(|n| within(n, path)).count() <= all.len())
        .unwrap_or(module)
}

/// Returns the module of a parameter, or the parameter itself if it has no module.
pub(super) fn module_of(parameter: &str) -> &str {
    parameter
        .rsplit_once('.')
        .map_or(parameter, |(module, _)| module)
}

/// Returns whether a path lies inside another.
fn within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer)
        .is_some_and(|rest| rest.starts_with('.'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use candle_core::Tensor;
    use gradcam_nn::Pass;

    use super::*;

    /// Taps its modules in an order that is not alphabetical.
    struct Named {
        parameters: &'static [&'static str],
        taps: &'static [&'static str],
    }

    impl Network for Named {
        fn forward(&self, x: &Tensor, pass: &mut dyn Pass) -> candle_core::Result<Tensor> {
            let tap = |x: Tensor, name: &&str| pass.tap(name, x);
            self.taps.iter().try_fold(x.clone(), tap)
        }
        fn parameters(&self) -> Vec<(String, usize)> {
            let names = self.parameters.iter();
            names.map(|name| (name.to_string(), 1)).collect()
        }
    }

    #[test]
    fn stages_in_the_order_of_the_network() {
        let network = Named {
            parameters: &[
                "blocks.0.conv.weight",
                "blocks.1.0.conv.weight",
                "blocks.1.1.conv.weight",
                "blocks.1.1.bn.weight",
                "blocks.1.1.bn.bias",
                "classifier.weight",
                "stem.weight",
                "token",
            ],
            taps: &[
                "stem",
                "blocks.0.conv",
                "blocks.0",
                "blocks.1.0",
                "blocks.1",
                "classifier",
            ],
        };
        let found = blocks(&network, (3, 8, 8)).unwrap();
        let names: Vec<&str> = found.iter().map(|block| block.name.as_str()).collect();
        assert_eq!(
            names,
            ["classifier", "blocks.1", "blocks.0", "stem", "token"]
        );
        assert_eq!(found[1].parameters.len(), 4);
        // A module with more than half is opened again, but a module of plain parameters is not.
        let network = Named {
            parameters: &[
                "a.0.weight",
                "a.1.0.weight",
                "a.1.1.bias",
                "a.1.1.weight",
                "b",
            ],
            taps: &["a.0", "a.1.0", "a.1.1", "b"],
        };
        let found = blocks(&network, (3, 8, 8)).unwrap();
        let names: Vec<&str> = found.iter().map(|block| block.name.as_str()).collect();
        assert_eq!(names, ["b", "a.1.1", "a.1.0", "a.0"]);
    }

    #[test]
    fn a_network_without_names_has_no_blocks() {
        let network = Named {
            parameters: &[],
            taps: &[],
        };
        let found = blocks(&network, (3, 8, 8));
        assert!(matches!(found, Err(Error::NoParameters)));
    }
}
