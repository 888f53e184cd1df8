//! What the networks of a family have in common.

use std::fmt;

use gradcam_nn::{Module, Tokens, Weights};

use crate::layers::Result;
use crate::preprocess::Interpolation;

/// Mean and standard deviation of each colour, of samples from 0 to 1.
pub(super) type Normalisation = ([f32; 3], [f32; 3]);

/// Inception's, which brings samples to -1 to 1.
pub(super) const INCEPTION: Normalisation = ([0.5; 3], [0.5; 3]);
/// CLIP's.
pub(super) const CLIP: Normalisation = (
    [0.481_454_66, 0.457_827_5, 0.408_210_73],
    [0.268_629_55, 0.261_302_6, 0.275_777_1],
);
/// The share of the resized picture's side that most families keep.
pub(super) const CROP: f64 = 0.875;

/// A family of networks that are built alike.
///
/// How pictures are prepared is asked for a network's `name`, where a checkpoint does not say it. The values are those of timm 1.0.31's
/// `default_cfgs`, each family's `_cfg` and what most of its tags say: ResNet's recipes `a1` to `a3`, which crop 0.95 with a bicubic filter,
/// are not what most checkpoints have. For AlexNet, GoogLeNet, SqueezeNet, `mobilenet_v2` and `mobilenet_v3_*` they are those of torchvision's
/// evaluation: the shorter side to 256 pixels, bilinear.
pub(super) trait Family: fmt::Debug + Send + Sync {
    /// The network's modules.
    fn build(&self, w: &Weights, classes: usize) -> Result<Vec<Module>>;

    /// How the tokens lie over the input; `None` if the activations are no tokens.
    fn tokens(&self) -> Option<Tokens> {
        None
    }

    /// The tree's path of torchvision's `module`; `None` if torchvision has another network, or none.
    fn from_torchvision(&self, _module: &str) -> Option<String> {
        None
    }

    /// The tree's name of a parameter of torchvision's.
    fn torchvision_parameter(&self, name: &str) -> Option<String> {
        let (module, last) = name.rsplit_once('.')?;
        Some(format!("{}.{last}", self.from_torchvision(module)?))
    }

    /// A parameter that only torchvision's form has; `None` if the names do not tell.
    fn torchvision_marker(&self) -> Option<&'static str> {
        None
    }

    /// The tree's name of a parameter of Hugging Face transformers'.
    fn from_transformers(&self, _parameter: &str) -> Option<String> {
        None
    }

    /// Whether a parameter or module serves only the training, or another network beside this one.
    fn training_only(&self, _name: &str) -> bool {
        false
    }

    /// Whether it is an image tower of CLIP.
    fn is_clip(&self) -> bool {
        false
    }

    /// Whether it is a transformer.
    fn is_transformer(&self) -> bool {
        false
    }

    /// `None` for ImageNet's.
    fn normalisation(&self, _name: &str) -> Option<Normalisation> {
        None
    }

    /// The filter that brings a picture to the size of the input.
    fn interpolation(&self, _name: &str) -> Interpolation {
        Interpolation::Bicubic
    }

    /// The share of the resized picture's side that is kept; `side` is that of the input in pixels.
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
