//! ResNet (He et al. 2016), ResNeXt (Xie et al. 2017) and Wide ResNet (Zagoruyko & Komodakis 2016), with timm's paths.

use gradcam_nn::ops::{Activation, MaxPool2d};
use gradcam_nn::{Kind, Module, Weights};

use super::family::Family;
use super::resnet_names;
use crate::layers::{Conv, Result, batch_norm, global_pool, group, linear, sequence};
use crate::preprocess::Interpolation;

const EPS: f64 = 1e-5;

/// The sizes that define a network of the family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResNet {
    /// Blocks of the four stages.
    pub(crate) blocks: [usize; 4],
    /// Whether a block has three convolutions (1×1, 3×3, 1×1) rather than two (3×3, 3×3).
    pub(crate) bottleneck: bool,
    /// Groups of the 3×3 convolution in a bottleneck.
    pub(crate) groups: usize,
    /// Channels of a group in a stage of 64 planes.
    pub(crate) width: usize,
}

impl ResNet {
    /// Makes a classic network.
    pub(crate) const fn plain(blocks: [usize; 4], bottleneck: bool) -> Self {
        ResNet {
            blocks,
            bottleneck,
            groups: 1,
            width: 64,
        }
    }
    /// Makes a network of grouped or widened bottlenecks.
    pub(crate) const fn wide(blocks: [usize; 4], groups: usize, width: usize) -> Self {
        ResNet {
            blocks,
            bottleneck: true,
            groups,
            width,
        }
    }

    fn block(&self, w: &Weights, inputs: usize, planes: usize, stride: usize) -> Result<Module> {
        let outputs = if self.bottleneck { planes * 4 } else { planes };
        let convolutions = if self.bottleneck {
            let width = planes * self.width / 64 * self.groups;
            vec![
                Conv::new(inputs, width, 1),
                Conv::new(width, width, 3)
                    .stride(stride)
                    .groups(self.groups),
                Conv::new(width, outputs, 1),
            ]
        } else {
            vec![
                Conv::new(inputs, planes, 3).stride(stride),
                Conv::new(planes, planes, 3),
            ]
        };
        let last = convolutions.len();
        // timm's inactive modules: `drop_block` after the 3×3 convolution's norm, `aa` after its activation.
        let spatial = last - 1;
        let mut branch = Vec::with_capacity(last);
        for (conv, number) in convolutions.into_iter().zip(1..) {
            let channels = conv.channels.1;
            let mut norm = batch_norm(&w.at(format!("bn{number}")), channels, EPS)?;
            let mut names = vec![w.path(format!("act{number}"))];
            if number == spatial {
                norm.0.push(w.path("drop_block"));
                names.push(w.path("aa"));
            }
            let activation = (number < last).then_some((names, Activation::Relu));
            let conv = conv.named(&w.at(format!("conv{number}")))?;
            branch.push(group(conv, Some(norm), activation)?);
        }
        let mut shortcut = Vec::new();
        if stride != 1 || inputs != outputs {
            let w = w.at("downsample");
            let conv = Conv::new(inputs, outputs, 1).stride(stride);
            let norm = batch_norm(&w.at(1), outputs, EPS)?;
            let conv = group(conv.named(&w.at(0))?, Some(norm), None)?;
            shortcut.push(sequence(&w, vec![conv]));
        }
        Ok(Module::new(
            w.prefix(),
            Kind::Residual {
                branch,
                shortcut,
                activation: Some((vec![w.path(format!("act{last}"))], Activation::Relu)),
            },
        ))
    }
}

impl Family for ResNet {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let expansion = if self.bottleneck { 4 } else { 1 };
        let mut modules = vec![
            group(
                Conv::new(3, 64, 7).stride(2).named(&w.at("conv1"))?,
                Some(batch_norm(&w.at("bn1"), 64, EPS)?),
                Some((vec![w.path("act1")], Activation::Relu)),
            )?,
            Module::new(w.path("maxpool"), Kind::MaxPool(MaxPool2d::new(3, 2, 1))),
        ];
        let mut inputs = 64;
        for (stage, &count) in self.blocks.iter().enumerate() {
            let planes = 64 << stage;
            let w = w.at(format!("layer{}", stage + 1));
            let mut blocks = Vec::with_capacity(count);
            for index in 0..count {
                let stride = if stage > 0 && index == 0 { 2 } else { 1 };
                blocks.push(self.block(&w.at(index), inputs, planes, stride)?);
                inputs = planes * expansion;
            }
            modules.push(sequence(&w, blocks));
        }
        modules.push(global_pool(&w.at("global_pool")));
        modules.push(linear(&w.at("fc"), inputs, classes)?);
        Ok(modules)
    }

    fn from_torchvision(&self, module: &str) -> Option<String> {
        resnet_names::from_torchvision(self.bottleneck, module)
    }

    fn from_transformers(&self, parameter: &str) -> Option<String> {
        resnet_names::from_transformers(parameter)
    }

    fn interpolation(&self, _: &str) -> Interpolation {
        Interpolation::Bilinear
    }
}
