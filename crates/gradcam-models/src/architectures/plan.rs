//! A network's plan.

use gradcam_nn::ops::Activation;
use gradcam_nn::{Module, ModuleTree, Weights, WeightsError};

use super::alexnet::AlexNet;
use super::convnext::ConvNeXt;
use super::densenet::DenseNet;
use super::efficientnet::EfficientNet;
use super::googlenet::GoogLeNet;
use super::inception::InceptionV3;
use super::mobilenetv3::MobileNetV3;
use super::resnet::ResNet;
use super::squeezenet::SqueezeNet;
use super::swin::Swin;
use super::transformers_names;
use super::vgg::Vgg;
use super::vit::{Size, Vit};
use crate::layers::Result;
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
    pub(super) family: Family,
}

/// What kind of network it is, with its sizes.
#[derive(Debug, Clone, Copy)]
pub(super) enum Family {
    ResNet(ResNet),
    Vgg(Vgg),
    AlexNet(AlexNet),
    GoogLeNet(GoogLeNet),
    InceptionV3(InceptionV3),
    DenseNet(DenseNet),
    EfficientNet(EfficientNet),
    MobileNetV3(MobileNetV3),
    SqueezeNet(SqueezeNet),
    ConvNeXt(ConvNeXt),
    Vit(Vit),
    Swin(Swin),
}

/// Whose names a checkpoint's parameters have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
            && (1..=128).contains(&(side / patch));
        if !fits {
            return None;
        }
        Some(Box::leak(Box::new(Architecture {
            name: "clip_vision_model",
            input_size: u32::try_from(side).ok()?,
            default_layer: format!("blocks.{last}.norm1").leak(),
            hub: None,
            family: Family::Vit(Vit::clip(size, patch, activation).resized(side, eps)),
        })))
    }

    /// The network with its parameters from `weights`, whose names must be the tree's own.
    ///
    /// # Errors
    /// When a parameter is missing, has another shape, or is not finite.
    pub fn build(
        &self,
        weights: &Weights,
        classes: usize,
    ) -> std::result::Result<ModuleTree, WeightsError> {
        let tokens = match &self.family {
            Family::Vit(f) => Some(f.tokens()),
            _ => None,
        };
        Ok(ModuleTree::new(self.modules(weights, classes)?, weights).with_tokens(tokens))
    }

    fn modules(&self, w: &Weights, classes: usize) -> Result<Vec<Module>> {
        match &self.family {
            Family::ResNet(f) => f.build(w, classes),
            Family::Vgg(f) => f.build(w, classes),
            Family::AlexNet(f) => f.build(w, classes),
            Family::GoogLeNet(f) => f.build(w, classes),
            Family::InceptionV3(f) => f.build(w, classes),
            Family::DenseNet(f) => f.build(w, classes),
            Family::EfficientNet(f) => f.build(w, classes),
            Family::MobileNetV3(f) => f.build(w, classes),
            Family::SqueezeNet(f) => f.build(w, classes),
            Family::ConvNeXt(f) => f.build(w, classes),
            Family::Vit(f) => f.build(w, classes),
            Family::Swin(f) => f.build(w, classes),
        }
    }

    /// The tree's path of the module that torchvision's network of this kind calls `module`.
    pub fn from_torchvision(&self, module: &str) -> Option<String> {
        match &self.family {
            Family::ResNet(f) => f.from_torchvision(module),
            Family::Vgg(f) => f.from_torchvision(module),
            Family::AlexNet(f) => f.from_torchvision(module),
            Family::GoogLeNet(f) => f.from_torchvision(module),
            Family::InceptionV3(f) => f.from_torchvision(module),
            Family::DenseNet(f) => f.from_torchvision(module),
            Family::EfficientNet(f) => f.from_torchvision(module),
            Family::MobileNetV3(f) => f.from_torchvision(module),
            Family::SqueezeNet(f) => f.from_torchvision(module),
            Family::ConvNeXt(f) => f.from_torchvision(module),
            Family::Vit(_) | Family::Swin(_) => None,
        }
    }

    /// The tree's name of a checkpoint's parameter.
    pub fn parameter(&self, naming: Naming, name: &str) -> Option<String> {
        match (naming, &self.family) {
            (Naming::Own, _) => Some(name.to_string()),
            (Naming::Transformers, Family::ResNet(f)) => f.from_transformers(name),
            (Naming::Transformers, Family::Vit(_)) => transformers_names::vit(name),
            (Naming::Transformers, Family::Swin(_)) => transformers_names::swin(name),
            (Naming::Transformers, _) => None,
            (Naming::Torchvision, Family::EfficientNet(f)) => f.torchvision_parameter(name),
            (Naming::Torchvision, Family::MobileNetV3(f)) => f.torchvision_parameter(name),
            (Naming::Torchvision, Family::ConvNeXt(f)) => f.torchvision_parameter(name),
            (Naming::Torchvision, _) => {
                let (module, last) = name.rsplit_once('.')?;
                Some(format!("{}.{last}", self.from_torchvision(module)?))
            }
        }
    }

    /// Whose names the parameters `names` have.
    pub fn naming<'a>(&self, mut names: impl Iterator<Item = &'a str>) -> Naming {
        let marker = match &self.family {
            Family::Vgg(f) => f.torchvision_marker(),
            Family::DenseNet(f) => f.torchvision_marker(),
            Family::EfficientNet(f) => f.torchvision_marker(),
            Family::MobileNetV3(f) => f.torchvision_marker(),
            Family::ConvNeXt(f) => f.torchvision_marker(),
            _ => None,
        };
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
        name.ends_with(".num_batches_tracked")
            || match &self.family {
                Family::GoogLeNet(_) => GoogLeNet::training_only(name),
                Family::InceptionV3(_) => InceptionV3::training_only(name),
                Family::Vit(_) | Family::Swin(_) => transformers_names::beside(name),
                _ => false,
            }
    }

    /// Whether it is an image tower of CLIP.
    pub(crate) fn is_clip(&self) -> bool {
        matches!(&self.family, Family::Vit(f) if f.is_clip())
    }

    /// Whether it is a transformer.
    pub(crate) fn is_transformer(&self) -> bool {
        matches!(self.family, Family::Vit(_) | Family::Swin(_))
    }
}
