//! Swin (Liu et al. 2021), with timm's paths.
//!
//! timm's maps have the channels last, and the second half of its blocks has a row for each position. Here every feature map stays
//! `(n, c, h, w)`, also at the taps of `norm1`, `norm2`, `mlp` and its modules. Modules inside windows see `(n·windows, 49, c)`, as in
//! timm.
//!
//! Inputs may have any size that leaves the last map at least 7 × 7. The default layer is the first norm of the last block, as
//! pytorch-grad-cam's documentation advises.

use gradcam_nn::ops::{Activation, AdaptiveAvgPool2d, LinearMap, Padding, Rearrange};
use gradcam_nn::{Kind, Module, Weights, WindowAttention};

use super::family::Family;
use super::transformers_names;
use crate::layers::{Conv, Result, attention, group, layer_norm, linear, pointwise, sequence};

const EPS: f64 = 1e-5;
/// Rows and columns of a window.
const WINDOW: usize = 7;
/// Pixels along a side of a patch.
const PATCH: usize = 4;
/// Channels of a block's hidden layer, as a multiple of the block's channels.
const EXPANSION: usize = 4;
/// Channels per head.
const HEAD: usize = 32;

/// The sizes that define a network of the family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Swin {
    /// Blocks of the four stages.
    pub(crate) blocks: [usize; 4],
    /// Channels of the first stage; each further stage doubles them.
    pub(crate) channels: usize,
}

impl Swin {
    /// Swin-T.
    pub(crate) const fn tiny() -> Self {
        Swin {
            blocks: [2, 2, 6, 2],
            channels: 96,
        }
    }
    /// Swin-S.
    pub(crate) const fn small() -> Self {
        Swin {
            blocks: [2, 2, 18, 2],
            channels: 96,
        }
    }
    /// Swin-B.
    pub(crate) const fn base() -> Self {
        Swin {
            blocks: [2, 2, 18, 2],
            channels: 128,
        }
    }
}

impl Family for Swin {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let mut channels = self.channels;
        let stem = w.at("patch_embed");
        let patches = Conv::new(3, channels, PATCH)
            .stride(PATCH)
            .padding(Padding::all(0))
            .bias();
        let stem = sequence(
            &stem,
            vec![
                patches.module(&stem.at("proj"))?,
                layer_norm(&stem.at("norm"), channels, EPS)?,
            ],
        );
        let at = w.at("layers");
        let mut stages = Vec::with_capacity(self.blocks.len());
        for (index, &count) in self.blocks.iter().enumerate() {
            let w = at.at(index);
            let downsample = w.at("downsample");
            let downsample = if index == 0 {
                Module::new(downsample.prefix(), Kind::Identity)
            } else {
                channels *= 2;
                merging(&downsample, channels)?
            };
            let blocks = w.at("blocks");
            let modules = (0..count)
                .map(|index| block(&blocks.at(index), channels, index % 2 * (WINDOW / 2)))
                .collect::<Result<Vec<_>>>()?;
            stages.push(sequence(&w, vec![downsample, sequence(&blocks, modules)]));
        }
        Ok(vec![
            stem,
            sequence(&at, stages),
            layer_norm(&w.at("norm"), channels, EPS)?,
            head(&w.at("head"), channels, classes)?,
        ])
    }

    fn from_transformers(&self, parameter: &str) -> Option<String> {
        transformers_names::swin(parameter)
    }

    fn training_only(&self, name: &str) -> bool {
        transformers_names::beside(name)
    }

    fn is_transformer(&self) -> bool {
        true
    }

    fn crop(&self, _: &str, _: u32) -> f64 {
        0.9
    }
}

/// Builds a patch merging: each square of four positions becomes one with twice the channels.
fn merging(w: &Weights, outputs: usize) -> Result<Module> {
    let inputs = 2 * outputs;
    let modules = vec![
        Module::unnamed(Kind::LinearMap(LinearMap::Rearrange(Rearrange::Merge))),
        layer_norm(&w.at("norm"), inputs, EPS)?,
        group(
            pointwise(&w.at("reduction"), inputs, outputs, false)?,
            None,
            None,
        )?,
    ];
    Ok(sequence(w, modules))
}

fn block(w: &Weights, channels: usize, shift: usize) -> Result<Module> {
    let at = w.at("attn");
    let heads = channels / HEAD;
    let attention = attention(&at, channels, heads, [&[]; 3], &["softmax", "attn_drop"])?;
    let span = 2 * WINDOW - 1;
    let table = at.get("relative_position_bias_table", &[span * span, heads])?;
    let names = vec![at.prefix().to_string()];
    let attention = WindowAttention::new(names, attention, (WINDOW, shift), &table)?;
    let attention = Kind::WindowAttention(Box::new(attention));
    let first = vec![
        layer_norm(&w.at("norm1"), channels, EPS)?,
        Module::new(w.path("drop_path1"), attention),
    ];
    let mlp = w.at("mlp");
    let hidden = channels * EXPANSION;
    let expand = pointwise(&mlp.at("fc1"), channels, hidden, true)?;
    let mut project = pointwise(&mlp.at("fc2"), hidden, channels, true)?;
    let gelu = ["act", "drop1", "norm"].map(|name| mlp.path(name)).to_vec();
    let behind = [mlp.path("drop2"), mlp.prefix().into(), w.path("drop_path2")];
    project.0.extend(behind);
    let second = vec![
        layer_norm(&w.at("norm2"), channels, EPS)?,
        group(expand, None, Some((gelu, Activation::Gelu)))?,
        group(project, None, None)?,
    ];
    let residual = |branch| {
        Module::unnamed(Kind::Residual {
            branch,
            shortcut: Vec::new(),
            activation: None,
        })
    };
    Ok(sequence(w, vec![residual(first), residual(second)]))
}

fn head(w: &Weights, channels: usize, classes: usize) -> Result<Module> {
    let pool = w.at("global_pool");
    let flatten = Module::new(pool.path("pool"), Kind::Flatten)
        .also(pool.path("flatten"))
        .also(pool.prefix())
        .also(w.path("drop"));
    let modules = vec![
        Module::unnamed(Kind::AdaptiveAvgPool(AdaptiveAvgPool2d::new(1))),
        flatten,
        linear(&w.at("fc"), channels, classes)?.also(w.path("flatten")),
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
        let count = |net: Swin| parameter_count(|w| net.build(w, 1000));
        assert_eq!(count(Swin::tiny()), 28_288_354);
        assert_eq!(count(Swin::small()), 49_606_258);
        assert_eq!(count(Swin::base()), 87_768_224);
    }

    #[test]
    fn windows_need_not_divide_the_map() {
        let w = Weights::random(1);
        let net = Swin {
            blocks: [1, 2, 1, 1],
            channels: 32,
        };
        let modules = net.build(&w, 5).unwrap();
        logits(&modules, &w, (200, 228), 5);
    }
}
