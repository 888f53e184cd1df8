//! Vision transformers, with timm's paths: ViT (Dosovitskiy et al. 2021), DeiT (Touvron et al. 2021), DINOv2 (Oquab et al. 2023) with and
//! without registers (Darcet et al. 2024), and the image towers of CLIP (Radford et al. 2021) with their projection as the head.
//!
//! The input may have any size that the patches divide. The position embeddings are resized to its grid, as by timm's `dynamic_img_size`.
//!
//! The default layer is the first norm of the last block, as pytorch-grad-cam's documentation advises. Only the class token goes to the
//! head, so the other tokens have no gradient after the last attention.

use candle_core::Tensor;
use gradcam_nn::ops::{Activation, LinearMap, Padding};
use gradcam_nn::{Embedding, Kind, Module, Tokens, Weights};

use super::family::{CLIP, CROP, Family, INCEPTION, Normalisation};
use super::transformers_names;
use crate::layers::{Conv, Result, attention, linear, sequence, token_norm};

/// The size of a transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) channels: usize,
    /// Channels of a block's hidden layer.
    pub(crate) hidden: usize,
    pub(crate) blocks: usize,
    pub(crate) heads: usize,
}

impl Size {
    pub(crate) const TINY: Self = Size::new(192, 3);
    pub(crate) const SMALL: Self = Size::new(384, 6);
    pub(crate) const BASE: Self = Size::new(768, 12);

    const fn new(channels: usize, heads: usize) -> Self {
        Size {
            channels,
            hidden: 4 * channels,
            blocks: 12,
            heads,
        }
    }
}

/// The input of the classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Head {
    /// The class token.
    ClassToken,
    /// The class token joined with the mean of the patch tokens (the linear classifiers of DINOv2).
    ClassTokenAndMean,
    /// The class token and the distillation token, each with a classifier; the logits are their mean.
    Distilled,
}

/// The options that define a network of the family.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vit {
    pub(crate) size: Size,
    /// Pixels along a side of a patch.
    pub(crate) patch: usize,
    /// Patches along a side of the input for which the positions were learned.
    grid: usize,
    /// Register tokens, between the class token and the patches; they have no position.
    pub(crate) registers: usize,
    /// Whether each branch ends with a factor per channel (LayerScale, Touvron et al. 2021).
    scales: bool,
    /// Whether a norm precedes the first block; the patch projection then has no bias.
    pre_norm: bool,
    eps: f64,
    activation: Activation,
    head: Head,
}

impl Vit {
    /// Makes a ViT or DeiT for inputs of `side` pixels.
    pub(crate) const fn new(size: Size, patch: usize, side: usize) -> Self {
        Vit {
            size,
            patch,
            grid: side / patch,
            registers: 0,
            scales: false,
            pre_norm: false,
            eps: 1e-6,
            activation: Activation::Gelu,
            head: Head::ClassToken,
        }
    }
    /// Adds DeiT's distillation token.
    pub(crate) const fn distilled(self) -> Self {
        Vit {
            head: Head::Distilled,
            ..self
        }
    }
    /// Makes a DINOv2.
    pub(crate) const fn dinov2(size: Size, registers: usize) -> Self {
        Vit {
            registers,
            scales: true,
            ..Vit::new(size, 14, 518)
        }
    }
    /// Adds DINOv2's ImageNet classifier.
    pub(crate) const fn classifier(self) -> Self {
        Vit {
            head: Head::ClassTokenAndMean,
            ..self
        }
    }
    /// Makes an image tower of CLIP.
    pub(crate) const fn clip(size: Size, patch: usize, activation: Activation) -> Self {
        Vit {
            pre_norm: true,
            eps: 1e-5,
            activation,
            ..Vit::new(size, patch, 224)
        }
    }

    /// Changes the input's side in pixels and the epsilon of the norms.
    pub(crate) const fn resized(self, side: usize, eps: f64) -> Self {
        Vit {
            grid: side / self.patch,
            eps,
            ..self
        }
    }

    /// Counts the tokens before the patches.
    fn prefix(&self) -> usize {
        1 + self.registers + usize::from(self.head == Head::Distilled)
    }

    fn embedding(&self, w: &Weights) -> Result<Module> {
        let (channels, patches) = (self.size.channels, self.grid * self.grid);
        let at = w.at("patch_embed");
        let mut conv = Conv::new(3, channels, self.patch)
            .stride(self.patch)
            .padding(Padding::all(0));
        conv.bias = !self.pre_norm;
        let mut prefix = vec![w.get("cls_token", &[1, 1, channels])?];
        if self.head == Head::Distilled {
            prefix.push(w.get("dist_token", &[1, 1, channels])?);
        }
        // Registers came later; with them, no token before the patches has a position.
        let positioned = match self.registers {
            0 => prefix.len(),
            count => {
                prefix.push(w.get("reg_token", &[1, count, channels])?);
                0
            }
        };
        let mut prefix = Tensor::cat(&prefix, 1)?.squeeze(0)?;
        let positions = w.get("pos_embed", &[1, positioned + patches, channels])?;
        let positions = positions.squeeze(0)?;
        if positioned > 0 {
            prefix = (prefix + positions.narrow(0, 0, positioned)?)?;
        }
        let embedding = Embedding {
            patches: conv.named(&at.at("proj"))?,
            token_names: vec![at.path("norm"), at.prefix().into()],
            prefix,
            positions: positions
                .narrow(0, positioned, patches)?
                .reshape((self.grid, self.grid, channels))?,
        };
        let module = Module::new(w.path("pos_drop"), Kind::Embedding(Box::new(embedding)))
            .also(w.path("patch_drop"));
        Ok(if self.pre_norm {
            module
        } else {
            module.also(w.path("norm_pre"))
        })
    }

    fn block(&self, w: &Weights) -> Result<Module> {
        let Size {
            channels,
            hidden,
            heads,
            ..
        } = self.size;
        let at = w.at("attn");
        let names: [&[&str]; 3] = [&["q_norm"], &["k_norm"], &["norm"]];
        let attention = attention(&at, channels, heads, names, &["attn_drop"])?;
        let attention = Module::new(at.prefix(), Kind::Attention(Box::new(attention)));
        let mlp = w.at("mlp");
        let expand = linear(&mlp.at("fc1"), channels, hidden)?;
        let activation = Module::new(mlp.path("act"), Kind::Activation(self.activation))
            .also(mlp.path("drop1"))
            .also(mlp.path("norm"));
        let project = linear(&mlp.at("fc2"), hidden, channels)?
            .also(mlp.path("drop2"))
            .also(mlp.prefix());
        let first = vec![token_norm(&w.at("norm1"), channels, self.eps)?, attention];
        let norm = token_norm(&w.at("norm2"), channels, self.eps)?;
        let second = vec![norm, expand, activation, project];
        let halves = vec![self.residual(w, 1, first)?, self.residual(w, 2, second)?];
        Ok(sequence(w, halves))
    }

    /// Builds a branch with its scale and its shortcut.
    fn residual(&self, w: &Weights, number: usize, mut branch: Vec<Module>) -> Result<Module> {
        let (scale, drop) = (format!("ls{number}"), w.path(format!("drop_path{number}")));
        if self.scales {
            let at = w.at(&scale);
            let gamma = at.get("gamma", &[self.size.channels])?;
            branch.push(Module::new(at.prefix(), Kind::Scale(gamma)));
        } else if let Some(last) = branch.last_mut() {
            last.names.push(w.path(&scale));
        }
        if let Some(last) = branch.last_mut() {
            last.names.push(drop);
        }
        Ok(Module::unnamed(Kind::Residual {
            branch,
            shortcut: Vec::new(),
            activation: None,
        }))
    }

    fn head(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let channels = self.size.channels;
        let token = |start| {
            vec![
                Module::unnamed(Kind::LinearMap(LinearMap::narrow(1, start, 1))),
                Module::unnamed(Kind::Flatten),
            ]
        };
        let pooled = |kind| Module::new(w.path("fc_norm"), kind).also(w.path("head_drop"));
        Ok(match self.head {
            Head::ClassToken => vec![
                pooled(Kind::Sequence(token(0))),
                linear(&w.at("head"), channels, classes)?,
            ],
            Head::ClassTokenAndMean => {
                let parts = vec![
                    Module::unnamed(Kind::Sequence(token(0))),
                    Module::unnamed(Kind::TokenMean(self.prefix())),
                ];
                vec![
                    pooled(Kind::Concat(parts)),
                    linear(&w.at("head"), 2 * channels, classes)?,
                ]
            }
            Head::Distilled => {
                let side = |start, name| -> Result<Vec<Module>> {
                    let drop = Module::new(w.path("head_drop"), Kind::Sequence(token(start)));
                    Ok(vec![drop, linear(&w.at(name), channels, classes)?])
                };
                let (class, distilled) = (side(0, "head")?, side(1, "head_dist")?);
                let token = w.get("cls_token", &[1, 1, channels])?;
                let half = Tensor::full(0.5_f32, (), token.device())?.to_dtype(token.dtype())?;
                vec![
                    Module::unnamed(Kind::Residual {
                        branch: class,
                        shortcut: distilled,
                        activation: None,
                    }),
                    Module::unnamed(Kind::Scale(half)),
                ]
            }
        })
    }
}

impl Family for Vit {
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        let channels = self.size.channels;
        let mut modules = vec![self.embedding(w)?];
        if self.pre_norm {
            modules.push(token_norm(&w.at("norm_pre"), channels, self.eps)?);
        }
        let at = w.at("blocks");
        let blocks = (0..self.size.blocks)
            .map(|index| self.block(&at.at(index)))
            .collect::<Result<Vec<_>>>()?;
        modules.push(sequence(&at, blocks));
        modules.push(token_norm(&w.at("norm"), channels, self.eps)?);
        modules.extend(self.head(w, classes)?);
        Ok(modules)
    }

    fn tokens(&self) -> Option<Tokens> {
        Some(Tokens {
            prefix: self.prefix(),
            patch: (self.patch, self.patch),
        })
    }

    fn from_transformers(&self, parameter: &str) -> Option<String> {
        transformers_names::vit(parameter)
    }

    fn training_only(&self, name: &str) -> bool {
        transformers_names::beside(name)
    }

    fn is_clip(&self) -> bool {
        self.pre_norm
    }

    fn is_transformer(&self) -> bool {
        true
    }

    /// Returns CLIP's normalisation, or Inception's for Google's networks; DeiT and DINOv2 have ImageNet's.
    fn normalisation(&self, name: &str) -> Option<Normalisation> {
        if self.is_clip() {
            Some(CLIP)
        } else {
            let google = name.starts_with("vit_") && !name.ends_with("dinov2");
            google.then_some(INCEPTION)
        }
    }

    fn crop(&self, name: &str, _: u32) -> f64 {
        if name.ends_with("dinov2") {
            1.0
        } else if name.starts_with("dinov2_") {
            // torch.hub's DINOv2 classifiers crop 256 to 224 pixels.
            CROP
        } else {
            0.9
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::tests::{logits, parameter_count};

    #[test]
    fn parameters_are_the_published_ones() {
        let count = |net: Vit| parameter_count(|w| net.build(w, 1000));
        assert_eq!(count(Vit::new(Size::TINY, 16, 224)), 5_717_416);
        assert_eq!(count(Vit::new(Size::SMALL, 16, 224)), 22_050_664);
        assert_eq!(count(Vit::new(Size::BASE, 16, 224)), 86_567_656);
        let distilled = Vit::new(Size::TINY, 16, 224).distilled();
        assert_eq!(count(distilled), 5_910_800);
    }

    #[test]
    fn any_size_runs_that_the_patches_divide() {
        let w = Weights::random(1);
        let size = Size {
            blocks: 2,
            ..Size::TINY
        };
        for net in [
            Vit::new(size, 16, 224).distilled(),
            Vit::dinov2(size, 4).classifier(),
            Vit::clip(size, 16, Activation::QuickGelu),
        ] {
            let modules = net.build(&w, 5).unwrap();
            logits(&modules, &w, (2 * net.patch, 3 * net.patch), 5);
        }
    }
}
