//! How pictures are prepared where a checkpoint does not say it.
//!
//! The values are those of timm 1.0.31's `default_cfgs`, each family's `_cfg` and what most of its tags say: ResNet's recipes `a1` to `a3`, which
//! crop 0.95 with a bicubic filter, are not what most checkpoints have. For AlexNet, GoogLeNet, SqueezeNet, `mobilenet_v2` and `mobilenet_v3_*`
//! they are those of torchvision's evaluation: the shorter side to 256 pixels, bilinear.

use super::plan::{Architecture, Family};
use crate::preprocess::{Interpolation, Preprocess};

/// Inception's mean and standard deviation, samples from -1 to 1.
const INCEPTION: ([f32; 3], [f32; 3]) = ([0.5; 3], [0.5; 3]);
/// CLIP's.
const CLIP: ([f32; 3], [f32; 3]) = (
    [0.481_454_66, 0.457_827_5, 0.408_210_73],
    [0.268_629_55, 0.261_302_6, 0.275_777_1],
);

impl Architecture {
    /// How pictures are prepared where a checkpoint does not say it: the input size of the architecture, and what timm has for its family.
    pub fn preprocess(&self) -> Preprocess {
        let default = Preprocess {
            input_size: (self.input_size, self.input_size),
            ..Preprocess::default()
        };
        let (mean, std) = self.normalisation().unwrap_or((default.mean, default.std));
        Preprocess {
            interpolation: self.interpolation(),
            crop_pct: self.crop(),
            mean,
            std,
            ..default
        }
    }

    /// Mean and standard deviation; `None` for ImageNet's.
    fn normalisation(&self) -> Option<([f32; 3], [f32; 3])> {
        match &self.family {
            Family::Vit(f) if f.is_clip() => Some(CLIP),
            // Google's; DeiT and DINOv2 have ImageNet's.
            Family::Vit(_) if self.name.starts_with("vit_") && !self.name.ends_with("dinov2") => {
                Some(INCEPTION)
            }
            // torchvision's networks rescale ImageNet's to it (`transform_input`).
            Family::GoogLeNet(_) | Family::InceptionV3(_) => Some(INCEPTION),
            Family::MobileNetV3(_) if self.name.starts_with("tf_") => Some(INCEPTION),
            Family::EfficientNet(_) if self.name.starts_with("tf_efficientnet_lite") => {
                Some(INCEPTION)
            }
            Family::Vit(_)
            | Family::Swin(_)
            | Family::MobileNetV3(_)
            | Family::EfficientNet(_)
            | Family::ResNet(_)
            | Family::Vgg(_)
            | Family::AlexNet(_)
            | Family::DenseNet(_)
            | Family::SqueezeNet(_)
            | Family::ConvNeXt(_) => None,
        }
    }

    fn interpolation(&self) -> Interpolation {
        match &self.family {
            Family::ResNet(_)
            | Family::Vgg(_)
            | Family::AlexNet(_)
            | Family::GoogLeNet(_)
            | Family::SqueezeNet(_) => Interpolation::Bilinear,
            // timm's own; torchvision's and TensorFlow's are bilinear.
            Family::MobileNetV3(_) if self.name.starts_with("mobilenetv3_") => {
                Interpolation::Bicubic
            }
            Family::MobileNetV3(_) => Interpolation::Bilinear,
            Family::EfficientNet(_) => match self.name {
                "mobilenet_v2" | "tf_efficientnet_lite3" | "tf_efficientnet_lite4" => {
                    Interpolation::Bilinear
                }
                _ => Interpolation::Bicubic,
            },
            Family::InceptionV3(_)
            | Family::DenseNet(_)
            | Family::ConvNeXt(_)
            | Family::Vit(_)
            | Family::Swin(_) => Interpolation::Bicubic,
        }
    }

    /// The share of the resized picture's side that the crop keeps.
    fn crop(&self) -> f64 {
        match &self.family {
            Family::Vit(_) if self.name.ends_with("dinov2") => 1.0,
            // torch.hub's classifiers of DINOv2: from 256 to 224 pixels.
            Family::Vit(_) if self.name.starts_with("dinov2_") => 0.875,
            Family::Vit(_) | Family::Swin(_) => 0.9,
            // The larger sizes of TensorFlow's networks, and all of Lite.
            Family::EfficientNet(_)
                if self.name.starts_with("tf_") || self.name.contains("lite") =>
            {
                match self.input_size {
                    240 => 0.882,
                    260 => 0.890,
                    300 => 0.904,
                    380 if self.name == "tf_efficientnet_lite4" => 0.920,
                    380 => 0.922,
                    _ => 0.875,
                }
            }
            Family::EfficientNet(_)
            | Family::ResNet(_)
            | Family::Vgg(_)
            | Family::AlexNet(_)
            | Family::GoogLeNet(_)
            | Family::InceptionV3(_)
            | Family::DenseNet(_)
            | Family::MobileNetV3(_)
            | Family::SqueezeNet(_)
            | Family::ConvNeXt(_) => 0.875,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::find;
    use super::*;

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
