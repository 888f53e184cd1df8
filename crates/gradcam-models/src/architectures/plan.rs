//! A network's plan.

use gradcam_nn::ops::Activation;
use gradcam_nn::{ModuleTree, Weights, WeightsError};

use super::family::Family;
use super::vit::{Size, Vit};
use crate::config::value::is_epsilon;
use crate::preprocess::Preprocess;

/// A network's plan: what is fixed before its weights are known.
#[derive(Debug, Clone, Copy)]
pub struct Architecture {
    /// The name that a checkpoint's `config.json` gives it: timm's, or torchvision's where the two differ in more than names.
    pub name: &'static str,
    /// Side of the square input in pixels that it was made for.
    pub input_size: u32,
    /// The layer that Grad-CAM looks at by default.
    pub default_layer: &'static str,
    /// The hub repository that its name stands for.
    pub hub: Option<&'static str>,
    pub(super) family: &'static dyn Family,
}

/// Whose names a checkpoint's parameters have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming {
    /// timm's, or torchvision's where timm lacks the network: the names of the tree itself.
    Own,
    /// torchvision's.
    Torchvision,
    /// Those of Hugging Face transformers.
    Transformers,
}

/// What the names of transformers' parameters begin with.
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
    /// An image tower of CLIP that has no name of its own, for inputs of `side` pixels; none where the sizes make no network.
    ///
    /// It stays for the rest of the program (some 200 bytes), as the rows of the table do: a model holds its plan as one of them.
    pub(crate) fn clip(
        size: Size,
        patch: usize,
        side: usize,
        activation: Activation,
        eps: f64,
    ) -> Option<&'static Self> {
        let last = size.blocks.checked_sub(1)?;
        // The limits are far beyond the largest CLIP, and keep a mistyped number from asking for all of the memory.
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

    /// The network with its parameters from `weights`, whose names must be the tree's own.
    ///
    /// # Errors
    /// When a parameter is missing, has another shape, or is not finite.
    pub fn build(&self, weights: &Weights, classes: usize) -> Result<ModuleTree, WeightsError> {
        let modules = self.family.build(weights, classes)?;
        Ok(ModuleTree::new(modules, weights).with_tokens(self.family.tokens()))
    }

    /// The tree's path of the module that torchvision's network of this kind calls `module`.
    pub fn from_torchvision(&self, module: &str) -> Option<String> {
        self.family.from_torchvision(module)
    }

    /// The tree's name of a checkpoint's parameter.
    pub fn parameter(&self, naming: Naming, name: &str) -> Option<String> {
        match naming {
            Naming::Own => Some(name.to_string()),
            Naming::Torchvision => self.family.torchvision_parameter(name),
            Naming::Transformers => self.family.from_transformers(name),
        }
    }

    /// Whose names the parameters `names` have.
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

    /// Whether a checkpoint's parameter serves only the training: an auxiliary head, a counter of batches, CLIP's text tower.
    pub fn training_only(&self, name: &str) -> bool {
        name.ends_with(".num_batches_tracked") || self.family.training_only(name)
    }

    /// How pictures are prepared where a checkpoint does not say it: the input size of the architecture, and what timm has for its family.
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

    /// Whether it is an image tower of CLIP.
    pub(crate) fn is_clip(&self) -> bool {
        self.family.is_clip()
    }

    /// Whether it is a transformer.
    pub(crate) fn is_transformer(&self) -> bool {
        self.family.is_transformer()
    }
}
