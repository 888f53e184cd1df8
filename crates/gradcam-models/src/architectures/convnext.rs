//! ConvNeXt (Liu et al. 2022), with timm's paths.
//!
//! timm runs a block's `norm` and `mlp` with the channels last. Here every feature map stays `(n, c, h, w)`, which is the shape at the taps
//! of `norm`, `mlp` and its modules. The norm runs over the channels, and the two matrices are 1×1 convolutions.

use gradcam_nn::ops::{Activation, BatchNorm, Padding};
use gradcam_nn::{Kind, Module, Weights};

use super::family::Family;
use super::mbconv_names::parameter;
use crate::layers::{
    Conv, NamedNorm, Result, global_pool_map, group, layer_norm, linear, pointwise, sequence,
};

const EPS: f64 = 1e-6;
/// Channels of a block's hidden layer, as a multiple of the block's channels.
const EXPANSION: usize = 4;

/// The sizes that define a network of the family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConvNeXt {
    /// Blocks of the four stages.
    blocks: [usize; 4],
    /// Channels of the first stage; each further stage doubles them.
    channels: usize,
}

impl ConvNeXt {
    /// ConvNeXt-T.
    pub(crate) const fn tiny() -> Self {
        ConvNeXt {
            blocks: [3, 3, 9, 3],
            channels: 96,
        }
    }
    /// ConvNeXt-S.
    pub(crate) const fn small() -> Self {
        ConvNeXt::deep(96)
    }
    /// ConvNeXt-B.
    pub(crate) const fn base() -> Self {
        ConvNeXt::deep(128)
    }
    /// ConvNeXt-L.
    pub(crate) const fn large() -> Self {
        ConvNeXt::deep(192)
    }
    const fn deep(channels: usize) -> Self {
        ConvNeXt {
            blocks: [3, 3, 27, 3],
            channels,
        }
    }

    /// Maps a module of torchvision's `features.NUMBER`: stages have odd numbers, the downsamplings between them even ones.
    fn stage(&self, number: usize, path: &[&str]) -> Option<String> {
        let stage = number / 2;
        let count = *self.blocks.get(stage)?;
        if number.is_multiple_of(2) {
            return match path {
                [] => Some(format!("stages.{stage}.downsample")),
                [part @ ("0" | "1")] => Some(format!("stages.{stage}.downsample.{part}")),
                _ => None,
            };
        }
        let Some((index, path)) = path.split_first() else {
            return Some(format!("stages.{stage}"));
        };
        let index = index.parse().ok().filter(|&index: &usize| index < count)?;
        let inner = match path {
            [] => "",
            // torchvision permutes the axes in 1 and 6; this tree does not.
            ["block", "0" | "1"] => ".conv_dw",
            ["block", "2"] => ".norm",
            ["block", "3"] => ".mlp.fc1",
            ["block", "4"] => ".mlp.act",
            ["block", "5"] => ".mlp.fc2",
            ["block", "6"] | ["block"] => ".mlp",
            ["stochastic_depth"] => ".drop_path",
            _ => return None,
        };
        Some(format!("stages.{stage}.blocks.{index}{inner}"))
    }
}

impl Family for ConvNeXt {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let mut channels = self.channels;
        let stem = w.at("stem");
        let stem = vec![
            patches(3, channels, 4).module(&stem.at(0))?,
            layer_norm(&stem.at(1), channels, EPS)?,
        ];
        let at = w.at("stages");
        let mut stages = Vec::with_capacity(self.blocks.len());
        for (index, &count) in self.blocks.iter().enumerate() {
            let w = at.at(index);
            let downsample = w.at("downsample");
            let downsample = if index == 0 {
                Module::new(downsample.prefix(), Kind::Identity)
            } else {
                let norm = layer_norm(&downsample.at(0), channels, EPS)?;
                let conv = patches(channels, 2 * channels, 2).module(&downsample.at(1))?;
                channels *= 2;
                sequence(&downsample, vec![norm, conv])
            };
            let blocks = w.at("blocks");
            let blocks = (0..count)
                .map(|block| self::block(&blocks.at(block), channels))
                .collect::<Result<Vec<_>>>()
                .map(|modules| sequence(&blocks, modules))?;
            stages.push(sequence(&w, vec![downsample, blocks]));
        }
        Ok(vec![
            sequence(&w.at("stem"), stem),
            sequence(&at, stages).also(w.path("norm_pre")),
            head(&w.at("head"), channels, classes)?,
        ])
    }

    fn from_torchvision(&self, module: &str) -> Option<String> {
        let path: Vec<&str> = module.split('.').collect();
        let name = match path.as_slice() {
            ["features"] => "stages",
            ["features", "0"] => "stem",
            ["features", "0", "0"] => "stem.0",
            ["features", "0", "1"] => "stem.1",
            ["features", number, rest @ ..] => return self.stage(number.parse().ok()?, rest),
            ["avgpool"] => "head.global_pool",
            ["classifier"] => "head",
            ["classifier", "0"] => "head.norm",
            ["classifier", "1"] => "head.flatten",
            ["classifier", "2"] => "head.fc",
            _ => return None,
        };
        Some(name.into())
    }

    fn torchvision_parameter(&self, name: &str) -> Option<String> {
        let name = parameter(name, |module| self.from_torchvision(module))?;
        Some(match name.strip_suffix(".layer_scale") {
            Some(block) => format!("{block}.gamma"),
            None => name,
        })
    }

    fn torchvision_marker(&self) -> Option<&'static str> {
        Some("features.0.0.weight")
    }
}

/// Makes a convolution over non-overlapping patches.
fn patches(inputs: usize, outputs: usize, size: usize) -> Conv {
    Conv::new(inputs, outputs, size)
        .stride(size)
        .padding(Padding::all(0))
        .bias()
}

fn block(w: &Weights, channels: usize) -> Result<Module> {
    let depthwise = Conv::new(channels, channels, 7).groups(channels).bias();
    let hidden = channels * EXPANSION;
    let mlp = w.at("mlp");
    let expand = pointwise(&mlp.at("fc1"), channels, hidden, true)?;
    let mut project = pointwise(&mlp.at("fc2"), hidden, channels, true)?;
    // timm's inactive modules: `drop1` and `norm` after the activation, `drop2` after the second matrix.
    let gelu = ["act", "drop1", "norm"].map(|name| mlp.path(name)).to_vec();
    project.0.extend([mlp.path("drop2"), mlp.prefix().into()]);
    let branch = vec![
        depthwise.module(&w.at("conv_dw"))?,
        layer_norm(&w.at("norm"), channels, EPS)?,
        group(expand, None, Some((gelu, Activation::Gelu)))?,
        group(project, Some(layer_scale(w, channels)?), None)?,
    ];
    let residual = Kind::Residual {
        branch,
        shortcut: vec![Module::new(w.path("shortcut"), Kind::Identity)],
        activation: None,
    };
    Ok(Module::new(w.prefix(), residual))
}

/// Makes the norm after a block's last convolution from `gamma`, its factor per channel (LayerScale, Touvron et al. 2021). This norm
/// neither centres nor divides, so factor and sum run in the convolution's kernel.
fn layer_scale(w: &Weights, channels: usize) -> Result<NamedNorm> {
    let gamma = w.get("gamma", &[channels])?;
    let (zero, one) = (gamma.zeros_like()?, gamma.ones_like()?);
    let norm = BatchNorm::new(gamma, zero.clone(), zero, one, 0.0)?;
    Ok((vec![w.path("drop_path")], norm))
}

fn head(w: &Weights, channels: usize, classes: usize) -> Result<Module> {
    let modules = vec![
        global_pool_map(&w.at("global_pool")),
        layer_norm(&w.at("norm"), channels, EPS)?,
        Module::new(w.path("flatten"), Kind::Flatten)
            .also(w.path("pre_logits"))
            .also(w.path("drop")),
        linear(&w.at("fc"), channels, classes)?,
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
        let count = |net: ConvNeXt| parameter_count(|w| net.build(w, 1000));
        assert_eq!(count(ConvNeXt::tiny()), 28_589_128);
        assert_eq!(count(ConvNeXt::small()), 50_223_688);
        assert_eq!(count(ConvNeXt::base()), 88_591_464);
        assert_eq!(count(ConvNeXt::large()), 197_767_336);
    }

    #[test]
    fn small_pictures_run() {
        let w = Weights::random(1);
        let modules = ConvNeXt::tiny().build(&w, 5).unwrap();
        logits(&modules, &w, (64, 33), 5);
    }

    #[test]
    fn torchvision_modules_are_timms() {
        let net = ConvNeXt::tiny();
        let renamed = |m: &str| net.from_torchvision(m);
        assert_eq!(renamed("features.1").unwrap(), "stages.0");
        assert_eq!(renamed("features.2.1").unwrap(), "stages.1.downsample.1");
        assert_eq!(
            renamed("features.5.8.block.5").unwrap(),
            "stages.2.blocks.8.mlp.fc2"
        );
        assert_eq!(renamed("features.5.9"), None);
        assert_eq!(renamed("features.8"), None);
        let gamma = net.torchvision_parameter("features.7.2.layer_scale");
        assert_eq!(gamma.unwrap(), "stages.3.blocks.2.gamma");
    }
}
