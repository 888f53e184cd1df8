//! The plan of a network.

use gradcam_nn::ops::Activation;
use gradcam_nn::{ModuleTree, Weights, WeightsError};

use super::family::Family;
use super::vit::{Size, Vit};
use crate::config::value::is_epsilon;
use crate::preprocess::Preprocess;

/// A network's plan: everything that is fixed before the weights are known.
#[derive(Debug, Clone, Copy)]
pub struct Architecture {
    /// The name in a checkpoint's `config.json`: timm's, or torchvision's if the two networks differ in more than names.
    pub name: &'static str,
    /// Side in pixels of the square input that the network was designed for.
    pub input_size: u32,
    /// The default layer for Grad-CAM.
    pub default_layer: &'static str,
    /// The hub repository that the name stands for.
    pub hub: Option<&'static str>,
    pub(super) family: &'static dyn Family,
}

/// The library whose names a checkpoint's parameters have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming {
    /// The tree's own names: timm's, or torchvision's if timm lacks the network.
    Own,
    /// Torchvision's names.
    Torchvision,
    /// The names of Hugging Face transformers.
    Transformers,
}

/// Prefixes of transformers' parameter names.
const TRANSFORMERS: [&str; 7] = [
    "resnet.",
    "vit.",
    "deit.",
    "dinov2.",
    "dinov2_with_registers.",
    "swin.",
    "vision_model.",
];

impl Architecture {
    /// Makes a plan for an unnamed image tower of CLIP, for inputs of `side` pixels; `None` if the sizes do not fit together.
    ///
    /// The plan (some 200 bytes) is leaked, because a model refers to its plan as a row of the static table.
    pub(crate) fn clip(
        size: Size,
        patch: usize,
        side: usize,
        activation: Activation,
        eps: f64,
    ) -> Option<&'static Self> {
        let last = size.blocks.checked_sub(1)?;
        // The limits are far above the largest CLIP, and keep a mistyped number from exhausting the memory.
        let fits = size.blocks <= 256
            && (1..=8192).contains(&size.channels)
            && (1..=65_536).contains(&size.hidden)
            && size.heads > 0
            && size.channels.is_multiple_of(size.heads)
            && (1..=1024).contains(&patch)
            && side <= Preprocess::MAX_SIDE as usize
            && (1..=128).contains(&(side / patch))
            && is_epsilon(eps);
        if !fits {
            return None;
        }
        Some(Box::leak(Box::new(Architecture {
            name: "clip_vision_model",
            input_size: u32::try_from(side).ok()?,
            default_layer: format!("blocks.{last}.norm1").leak(),
            hub: None,
            family: Box::leak(Box::new(
                Vit::clip(size, patch, activation).resized(side, eps),
            )),
        })))
    }

    /// Builds the network with the parameters in `weights`, whose names must be the tree's own.
    ///
    /// # Errors
    /// If a parameter is missing, has another shape, or is not finite.
    pub fn build(&self, weights: &Weights, classes: usize) -> Result<ModuleTree, WeightsError> {
        let modules = self.family.build(weights, classes)?;
        Ok(ModuleTree::new(modules, weights).with_tokens(self.family.tokens()))
    }

    /// Maps torchvision's `module` to the tree's path; `None` if there is no such module.
    pub fn from_torchvision(&self, module: &str) -> Option<String> {
        self.family.from_torchvision(module)
    }

    /// Maps a checkpoint's parameter to the tree's name.
    pub fn parameter(&self, naming: Naming, name: &str) -> Option<String> {
        match naming {
            Naming::Own => Some(name.to_string()),
            Naming::Torchvision => self.family.torchvision_parameter(name),
            Naming::Transformers => self.family.from_transformers(name),
        }
    }

    /// Detects whose names the parameters `names` have.
    pub fn naming<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Naming {
        let marker = self.family.torchvision_marker();
        names
            .find_map(|name| {
                if Some(name) == marker {
                    Some(Naming::Torchvision)
                } else if TRANSFORMERS.iter().any(|root| name.starts_with(root)) {
                    Some(Naming::Transformers)
                } else {
                    None
                }
            })
            .unwrap_or(Naming::Own)
    }

    /// Checks whether a checkpoint's parameter is not needed here: an auxiliary head, a batch counter, CLIP's text tower.
    pub fn training_only(&self, name: &str) -> bool {
        name.ends_with(".num_batches_tracked") || self.family.training_only(name)
    }

    /// Returns the preprocessing for checkpoints that do not state their own: the architecture's input size, and timm's values for its
    /// family.
    pub fn preprocess(&self) -> Preprocess {
        let default = Preprocess {
            input_size: (self.input_size, self.input_size),
            ..Preprocess::default()
        };
        let own = self.family.normalisation(self.name);
        let (mean, std) = own.unwrap_or((default.mean, default.std));
        Preprocess {
            interpolation: self.family.interpolation(self.name),
            crop_pct: self.family.crop(self.name, self.input_size),
            mean,
            std,
            ..default
        }
    }

    /// Checks whether the network is an image tower of CLIP.
    pub(crate) fn is_clip(&self) -> bool {
        self.family.is_clip()
    }

    /// Checks whether the network is a transformer.
    pub(crate) fn is_transformer(&self) -> bool {
        self.family.is_transformer()
    }
}
