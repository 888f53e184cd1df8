//! SqueezeNet (Iandola et al. 2016), with torchvision's paths. Its classifier is a convolution; the logits are the means of its maps.

use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, MaxPool2d, Padding};
use gradcam_nn::{Kind, Module, Weights};

use super::family::Family;
use crate::layers::{Conv, Result, group, sequence};
use crate::preprocess::Interpolation;

/// The eight fire modules: squeezed channels, and channels of each of the two expansions.
const FIRES: [(usize, usize); 8] = [
    (16, 64),
    (16, 64),
    (32, 128),
    (32, 128),
    (48, 192),
    (48, 192),
    (64, 256),
    (64, 256),
];

/// The sizes in which the two networks differ.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SqueezeNet {
    /// Channels of the first convolution.
    stem: usize,
    /// Kernel size of the first convolution.
    kernel: usize,
    /// The fire modules, counted from 0, that follow a max pooling.
    pooled: [usize; 3],
}

impl SqueezeNet {
    /// Makes the paper's network.
    pub(crate) const fn v1_0() -> Self {
        SqueezeNet {
            stem: 96,
            kernel: 7,
            pooled: [0, 3, 7],
        }
    }
    /// Makes the authors' later network, equally accurate with 2.4 times less computation.
    pub(crate) const fn v1_1() -> Self {
        SqueezeNet {
            stem: 64,
            kernel: 3,
            pooled: [0, 2, 4],
        }
    }

    fn features(&self, w: &Weights) -> Result<Module> {
        let stem = Conv::new(3, self.stem, self.kernel)
            .stride(2)
            .padding(Padding::all(0));
        let mut modules = vec![conv_relu(&w.at(0), stem, w.path(1))?];
        let (mut index, mut inputs) = (2, self.stem);
        for (fire_index, (squeezed, expanded)) in FIRES.into_iter().enumerate() {
            if self.pooled.contains(&fire_index) {
                let pool = MaxPool2d {
                    ceil_mode: true,
                    ..MaxPool2d::new(3, 2, 0)
                };
                modules.push(Module::new(w.path(index), Kind::MaxPool(pool)));
                index += 1;
            }
            modules.push(fire(&w.at(index), inputs, squeezed, expanded)?);
            index += 1;
            inputs = 2 * expanded;
        }
        Ok(sequence(w, modules))
    }
}

impl Family for SqueezeNet {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        Ok(vec![
            self.features(&w.at("features"))?,
            classifier(&w.at("classifier"), classes)?,
            Module::unnamed(Kind::Flatten),
        ])
    }

    /// Returns the name unchanged, since the tree has torchvision's names.
    fn from_torchvision(&self, module: &str) -> Option<String> {
        Some(module.to_string())
    }

    fn interpolation(&self, _: &str) -> Interpolation {
        Interpolation::Bilinear
    }
}

fn conv_relu(w: &Weights, conv: Conv, relu: String) -> Result<Module> {
    let relu = (vec![relu], Activation::Relu);
    group(conv.bias().named(w)?, None, Some(relu))
}

/// Builds a squeeze to few channels, then two parallel expansions.
fn fire(w: &Weights, inputs: usize, squeezed: usize, expanded: usize) -> Result<Module> {
    let part =
        |name: &str, conv| conv_relu(&w.at(name), conv, w.path(format!("{name}_activation")));
    let expansions = vec![
        part("expand1x1", Conv::new(squeezed, expanded, 1))?,
        part("expand3x3", Conv::new(squeezed, expanded, 3))?,
    ];
    let modules = vec![
        part("squeeze", Conv::new(inputs, squeezed, 1))?,
        Module::unnamed(Kind::Concat(expansions)),
    ];
    Ok(sequence(w, modules))
}

/// Builds a map for each class, averaged; 0 is an inactive dropout.
fn classifier(w: &Weights, classes: usize) -> Result<Module> {
    let inputs = 2 * FIRES[7].1;
    let pool = AdaptiveAvgPool2d::new(1);
    let modules = vec![
        Module::new(w.path(0), Kind::Identity),
        conv_relu(&w.at(1), Conv::new(inputs, classes, 1), w.path(2))?,
        Module::new(w.path(3), Kind::AdaptiveAvgPool(pool)),
    ];
    Ok(sequence(w, modules))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::tests::{logits, parameter_count};

    #[test]
    fn parameters_are_the_published_ones() {
        let count = |net: SqueezeNet| parameter_count(|w| net.build(w, 1000));
        assert_eq!(count(SqueezeNet::v1_0()), 1_248_424);
        assert_eq!(count(SqueezeNet::v1_1()), 1_235_496);
    }

    #[test]
    fn small_pictures_run() {
        let w = Weights::random(1);
        for net in [SqueezeNet::v1_0(), SqueezeNet::v1_1()] {
            let modules = net.build(&w.at(net.stem), 6).unwrap();
            logits(&modules, &w, (64, 50), 6);
        }
    }
}
