//! The common interface of network families.

use std::fmt;

use gradcam_nn::{Module, Tokens, Weights};

use crate::layers::Result;
use crate::preprocess::Interpolation;

/// Mean and standard deviation of each colour, for samples from 0 to 1.
pub(super) type Normalisation = ([f32; 3], [f32; 3]);

/// Inception's normalisation, which maps samples to -1 to 1.
pub(super) const INCEPTION: Normalisation = ([0.5; 3], [0.5; 3]);
/// CLIP's normalisation.
pub(super) const CLIP: Normalisation = (
    [0.481_454_66, 0.457_827_5, 0.408_210_73],
    [0.268_629_55, 0.261_302_6, 0.275_777_1],
);
/// The share of the resized picture's side that most families keep.
pub(super) const CROP: f64 = 0.875;

/// A family of networks with a common construction.
///
/// The preprocessing, by the network's `name`, is used if a checkpoint does not state its own. The values are those of each family's `_cfg`
/// and most of its tags in timm 1.0.31's `default_cfgs`. ResNet's recipes `a1` to `a3`, which crop 0.95 with a bicubic filter, are the
/// exception. AlexNet, GoogLeNet, SqueezeNet, `mobilenet_v2` and `mobilenet_v3_*` follow torchvision's evaluation: the shorter side to 256
/// pixels, bilinear.
pub(super) trait Family: fmt::Debug + Send + Sync {
    /// Builds the network's modules.
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>>;

    /// Returns the layout of the tokens over the input; `None` if the activations are not tokens.
    fn tokens(&self) -> Option<Tokens> {
        None
    }

    /// Maps torchvision's `module` to the tree's path; `None` if there is no such module, or torchvision lacks this network.
    fn from_torchvision(&self, _module: &str) -> Option<String> {
        None
    }

    /// Maps torchvision's parameter `name` to the tree's name.
    fn torchvision_parameter(&self, name: &str) -> Option<String> {
        let (module, last) = name.rsplit_once('.')?;
        Some(format!("{}.{last}", self.from_torchvision(module)?))
    }

    /// Returns a parameter that only torchvision's checkpoints have; `None` if the names do not differ.
    fn torchvision_marker(&self) -> Option<&'static str> {
        None
    }

    /// Maps a parameter of Hugging Face transformers to the tree's name.
    fn from_transformers(&self, _parameter: &str) -> Option<String> {
        None
    }

    /// Checks whether a parameter or module is used only in training, or by another network in the checkpoint.
    fn training_only(&self, _name: &str) -> bool {
        false
    }

    /// Checks whether the network is an image tower of CLIP.
    fn is_clip(&self) -> bool {
        false
    }

    /// Checks whether the network is a transformer.
    fn is_transformer(&self) -> bool {
        false
    }

    /// Returns the normalisation of colours; `None` for ImageNet's.
    fn normalisation(&self, _name: &str) -> Option<Normalisation> {
        None
    }

    /// Returns the filter that resizes a picture to the input size.
    fn interpolation(&self, _name: &str) -> Interpolation {
        Interpolation::Bicubic
    }

    /// Returns the share of the resized picture's side that the crop keeps; `side` is the input's side in pixels.
    fn crop(&self, _name: &str, _side: u32) -> f64 {
        CROP
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::architectures::find;

    #[test]
    fn the_family_says_how_pictures_are_prepared() {
        let imagenet = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
        let (bilinear, bicubic) = (Interpolation::Bilinear, Interpolation::Bicubic);
        for (name, side, filter, crop, normalisation) in [
            ("resnet50", 224, bilinear, 0.875, imagenet),
            ("vgg16", 224, bilinear, 0.875, imagenet),
            ("googlenet", 224, bilinear, 0.875, INCEPTION),
            ("inception_v3", 299, bicubic, 0.875, INCEPTION),
            ("densenet121", 224, bicubic, 0.875, imagenet),
            ("mobilenetv2_100", 224, bicubic, 0.875, imagenet),
            ("mobilenet_v2", 224, bilinear, 0.875, imagenet),
            ("mobilenetv3_large_100", 224, bicubic, 0.875, imagenet),
            ("mobilenet_v3_large", 224, bilinear, 0.875, imagenet),
            ("tf_mobilenetv3_large_100", 224, bilinear, 0.875, INCEPTION),
            ("efficientnet_b1", 240, bicubic, 0.875, imagenet),
            ("tf_efficientnet_b4", 380, bicubic, 0.922, imagenet),
            ("tf_efficientnet_lite4", 380, bilinear, 0.92, INCEPTION),
            ("convnext_tiny", 224, bicubic, 0.875, imagenet),
            ("vit_base_patch16_224", 224, bicubic, 0.9, INCEPTION),
            ("deit_tiny_patch16_224", 224, bicubic, 0.9, imagenet),
            ("vit_small_patch14_dinov2", 518, bicubic, 1.0, imagenet),
            ("dinov2_vits14_lc", 224, bicubic, 0.875, imagenet),
            ("vit_base_patch32_clip_224", 224, bicubic, 0.9, CLIP),
            ("swin_tiny_patch4_window7_224", 224, bicubic, 0.9, imagenet),
        ] {
            let found = find(name).unwrap().preprocess();
            assert_eq!(found.input_size, (side, side), "{name}");
            assert_eq!(found.interpolation, filter, "{name}");
            assert_eq!(found.crop_pct, crop, "{name}");
            assert_eq!((found.mean, found.std), normalisation, "{name}");
        }
    }
}
