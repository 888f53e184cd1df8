//! GoogLeNet (Szegedy et al. 2015) with batch norm and torchvision's paths.

use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, MaxPool2d};
use gradcam_nn::{Kind, Module, Weights};

use super::family::{Family, INCEPTION, Normalisation};
use crate::layers::{Conv, Result, batch_norm, group, linear, sequence};
use crate::preprocess::Interpolation;

const EPS: f64 = 1e-3;

/// An inception block: its name, its input channels, and the channels of its convolutions.
struct Inception {
    name: &'static str,
    inputs: usize,
    /// The 1×1 branch.
    single: usize,
    /// The 3×3 branch: channels before and after its 3×3 convolution.
    triple: (usize, usize),
    /// The branch with 5×5 kernels in the paper, as before.
    quintuple: (usize, usize),
    /// The pooled branch.
    pooled: usize,
}

const fn inception(
    name: &'static str,
    inputs: usize,
    single: usize,
    triple: (usize, usize),
    quintuple: (usize, usize),
    pooled: usize,
) -> Inception {
    Inception {
        name,
        inputs,
        single,
        triple,
        quintuple,
        pooled,
    }
}

/// The blocks of the three stages (table 1 of the paper).
const STAGES: [&[Inception]; 3] = [
    &[
        inception("inception3a", 192, 64, (96, 128), (16, 32), 32),
        inception("inception3b", 256, 128, (128, 192), (32, 96), 64),
    ],
    &[
        inception("inception4a", 480, 192, (96, 208), (16, 48), 64),
        inception("inception4b", 512, 160, (112, 224), (24, 64), 64),
        inception("inception4c", 512, 128, (128, 256), (24, 64), 64),
        inception("inception4d", 512, 112, (144, 288), (32, 64), 64),
        inception("inception4e", 528, 256, (160, 320), (32, 128), 128),
    ],
    &[
        inception("inception5a", 832, 256, (160, 320), (32, 128), 128),
        inception("inception5b", 832, 384, (192, 384), (48, 128), 128),
    ],
];

/// The only network of its family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GoogLeNet;

impl Family for GoogLeNet {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let pool = |name: &str, kernel| Module::new(w.path(name), ceil_pool(kernel, 2, 0));
        let mut modules = vec![
            basic(&w.at("conv1"), Conv::new(3, 64, 7).stride(2))?,
            pool("maxpool1", 3),
            basic(&w.at("conv2"), Conv::new(64, 64, 1))?,
            basic(&w.at("conv3"), Conv::new(64, 192, 3))?,
            pool("maxpool2", 3),
        ];
        for (index, blocks) in STAGES.into_iter().enumerate() {
            match index {
                1 => modules.push(pool("maxpool3", 3)),
                2 => modules.push(pool("maxpool4", 2)),
                _ => {}
            }
            for block in blocks {
                modules.push(block.build(&w.at(block.name))?);
            }
        }
        let average = AdaptiveAvgPool2d::new(1);
        modules.extend([
            Module::new(w.path("avgpool"), Kind::AdaptiveAvgPool(average)),
            Module::unnamed(Kind::Flatten),
            Module::new(w.path("dropout"), Kind::Identity),
            linear(&w.at("fc"), 1024, classes)?,
        ]);
        Ok(modules)
    }

    /// Returns the name unchanged, but `None` for the auxiliary heads, which are not built.
    fn from_torchvision(&self, module: &str) -> Option<String> {
        (!self.training_only(module)).then(|| module.to_string())
    }

    /// Checks whether a module or parameter belongs to the auxiliary heads, which only training uses.
    fn training_only(&self, name: &str) -> bool {
        matches!(name.split('.').next(), Some("aux1" | "aux2"))
    }

    /// Returns Inception's, to which torchvision rescales ImageNet's normalisation (`transform_input`).
    fn normalisation(&self, _: &str) -> Option<Normalisation> {
        Some(INCEPTION)
    }

    fn interpolation(&self, _: &str) -> Interpolation {
        Interpolation::Bilinear
    }
}

impl Inception {
    fn build(&self, w: &Weights) -> Result<Module> {
        // Torchvision's "5×5" branch has 3×3 kernels (pytorch/vision issue 906), and its weights were trained that way.
        let reduced = |name: &str, (reduced, outputs): (usize, usize)| {
            let w = w.at(name);
            let modules = vec![
                basic(&w.at(0), Conv::new(self.inputs, reduced, 1))?,
                basic(&w.at(1), Conv::new(reduced, outputs, 3))?,
            ];
            Ok::<_, gradcam_nn::WeightsError>(sequence(&w, modules))
        };
        let last = w.at("branch4");
        let pooled = vec![
            Module::new(last.path(0), ceil_pool(3, 1, 1)),
            basic(&last.at(1), Conv::new(self.inputs, self.pooled, 1))?,
        ];
        let branches = vec![
            basic(&w.at("branch1"), Conv::new(self.inputs, self.single, 1))?,
            reduced("branch2", self.triple)?,
            reduced("branch3", self.quintuple)?,
            sequence(&last, pooled),
        ];
        Ok(Module::new(w.prefix(), Kind::Concat(branches)))
    }
}

/// Builds torchvision's `BasicConv2d`: `conv`, `bn`, and a ReLU that is the module's own output.
fn basic(w: &Weights, conv: Conv) -> Result<Module> {
    let norm = batch_norm(&w.at("bn"), conv.channels.1, EPS)?;
    let relu = (vec![w.prefix().to_string()], Activation::Relu);
    group(conv.named(&w.at("conv"))?, Some(norm), Some(relu))
}

fn ceil_pool(kernel: usize, stride: usize, padding: usize) -> Kind {
    Kind::MaxPool(MaxPool2d {
        ceil_mode: true,
        ..MaxPool2d::new(kernel, stride, padding)
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::tests::{logits, parameter_count};

    #[test]
    fn parameters_are_the_published_ones() {
        assert_eq!(parameter_count(|w| GoogLeNet.build(w, 1000)), 6_624_904);
    }

    #[test]
    fn small_pictures_run() {
        let w = Weights::random(1);
        let modules = GoogLeNet.build(&w, 7).unwrap();
        logits(&modules, &w, (64, 49), 7);
    }

    #[test]
    fn auxiliary_heads_are_for_training() {
        assert_eq!(GoogLeNet.from_torchvision("aux1.conv"), None);
        assert!(GoogLeNet.training_only("aux2.fc1.weight"));
        assert!(!GoogLeNet.training_only("conv1.bn.weight"));
    }
}
