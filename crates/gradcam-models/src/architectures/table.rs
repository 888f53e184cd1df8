//! The table of architectures.

use gradcam_nn::ops::Activation;

use super::alexnet::AlexNet;
use super::convnext::ConvNeXt;
use super::densenet::DenseNet;
use super::efficientnet::EfficientNet;
use super::family::Family;
use super::googlenet::GoogLeNet;
use super::inception::InceptionV3;
use super::mobilenetv3::MobileNetV3;
use super::plan::Architecture;
use super::resnet::ResNet;
use super::squeezenet::SqueezeNet;
use super::swin::Swin;
use super::vgg::Vgg;
use super::vit::{Size, Vit};

const fn row(
    name: &'static str,
    input_size: u32,
    default_layer: &'static str,
    hub: Option<&'static str>,
    family: &'static dyn Family,
) -> Architecture {
    Architecture {
        name,
        input_size,
        default_layer,
        hub,
        family,
    }
}

/// Every architecture. The default layer is the last module with a spatial map before global pooling, by its outermost path. For VGG and
/// AlexNet it is the last ReLU before the last max pooling, as in the paper (`relu5_3`). For SqueezeNet, whose head is a convolution, it is
/// the last map before the head. For transformers it is the first norm of the last block, see `vit.rs`.
#[rustfmt::skip]
pub(super) const ALL: &[Architecture] = &[
    row("resnet18", 224, "layer4", Some("timm/resnet18.a1_in1k"), &ResNet::plain([2, 2, 2, 2], false)),
    row("resnet26", 224, "layer4", Some("timm/resnet26.bt_in1k"), &ResNet::plain([2, 2, 2, 2], true)),
    row("resnet34", 224, "layer4", Some("timm/resnet34.a1_in1k"), &ResNet::plain([3, 4, 6, 3], false)),
    row("resnet50", 224, "layer4", Some("timm/resnet50.a1_in1k"), &ResNet::plain([3, 4, 6, 3], true)),
    row("resnet101", 224, "layer4", Some("timm/resnet101.a1h_in1k"), &ResNet::plain([3, 4, 23, 3], true)),
    row("resnet152", 224, "layer4", Some("timm/resnet152.a1h_in1k"), &ResNet::plain([3, 8, 36, 3], true)),
    row("resnext50_32x4d", 224, "layer4", Some("timm/resnext50_32x4d.a1h_in1k"), &ResNet::wide([3, 4, 6, 3], 32, 4)),
    row("resnext101_32x4d", 224, "layer4", Some("timm/resnext101_32x4d.gluon_in1k"), &ResNet::wide([3, 4, 23, 3], 32, 4)),
    row("resnext101_32x8d", 224, "layer4", Some("timm/resnext101_32x8d.tv_in1k"), &ResNet::wide([3, 4, 23, 3], 32, 8)),
    row("resnext101_64x4d", 224, "layer4", Some("timm/resnext101_64x4d.c1_in1k"), &ResNet::wide([3, 4, 23, 3], 64, 4)),
    row("wide_resnet50_2", 224, "layer4", Some("timm/wide_resnet50_2.racm_in1k"), &ResNet::wide([3, 4, 6, 3], 1, 128)),
    row("wide_resnet101_2", 224, "layer4", Some("timm/wide_resnet101_2.tv_in1k"), &ResNet::wide([3, 4, 23, 3], 1, 128)),
    row("vgg11", 224, "features.19", Some("timm/vgg11.tv_in1k"), &Vgg::plain([1, 1, 2, 2, 2])),
    row("vgg13", 224, "features.23", Some("timm/vgg13.tv_in1k"), &Vgg::plain([2, 2, 2, 2, 2])),
    row("vgg16", 224, "features.29", Some("timm/vgg16.tv_in1k"), &Vgg::plain([2, 2, 3, 3, 3])),
    row("vgg19", 224, "features.35", Some("timm/vgg19.tv_in1k"), &Vgg::plain([2, 2, 4, 4, 4])),
    row("vgg11_bn", 224, "features.27", Some("timm/vgg11_bn.tv_in1k"), &Vgg::normed([1, 1, 2, 2, 2])),
    row("vgg13_bn", 224, "features.33", Some("timm/vgg13_bn.tv_in1k"), &Vgg::normed([2, 2, 2, 2, 2])),
    row("vgg16_bn", 224, "features.42", Some("timm/vgg16_bn.tv_in1k"), &Vgg::normed([2, 2, 3, 3, 3])),
    row("vgg19_bn", 224, "features.51", Some("timm/vgg19_bn.tv_in1k"), &Vgg::normed([2, 2, 4, 4, 4])),
    row("alexnet", 224, "features.11", None, &AlexNet),
    row("squeezenet1_0", 224, "features", None, &SqueezeNet::v1_0()),
    row("squeezenet1_1", 224, "features", None, &SqueezeNet::v1_1()),
    row("googlenet", 224, "inception5b", None, &GoogLeNet),
    row("inception_v3", 299, "Mixed_7c", Some("timm/inception_v3.tv_in1k"), &InceptionV3),
    row("densenet121", 224, "features", Some("timm/densenet121.ra_in1k"), &DenseNet::new(32, [6, 12, 24, 16])),
    row("densenet161", 224, "features", Some("timm/densenet161.tv_in1k"), &DenseNet::new(48, [6, 12, 36, 24])),
    row("densenet169", 224, "features", Some("timm/densenet169.tv_in1k"), &DenseNet::new(32, [6, 12, 32, 32])),
    row("densenet201", 224, "features", Some("timm/densenet201.tv_in1k"), &DenseNet::new(32, [6, 12, 48, 32])),
    row("mobilenetv2_100", 224, "bn2", Some("timm/mobilenetv2_100.ra_in1k"), &EfficientNet::mobilenet_v2()),
    row("mobilenet_v2", 224, "bn2", None, &EfficientNet::mobilenet_v2()),
    row("mobilenetv3_small_100", 224, "blocks", Some("timm/mobilenetv3_small_100.lamb_in1k"), &MobileNetV3::small()),
    row("tf_mobilenetv3_small_100", 224, "blocks", Some("timm/tf_mobilenetv3_small_100.in1k"), &MobileNetV3::small().tensorflow()),
    row("mobilenet_v3_small", 224, "blocks", None, &MobileNetV3::small().torchvision()),
    row("mobilenetv3_large_100", 224, "blocks", Some("timm/mobilenetv3_large_100.ra_in1k"), &MobileNetV3::large()),
    row("tf_mobilenetv3_large_100", 224, "blocks", Some("timm/tf_mobilenetv3_large_100.in1k"), &MobileNetV3::large().tensorflow()),
    row("mobilenet_v3_large", 224, "blocks", None, &MobileNetV3::large().torchvision()),
    row("efficientnet_b0", 224, "bn2", Some("timm/efficientnet_b0.ra_in1k"), &EfficientNet::b(0)),
    row("efficientnet_b1", 240, "bn2", Some("timm/efficientnet_b1.ft_in1k"), &EfficientNet::b(1)),
    row("efficientnet_b2", 256, "bn2", Some("timm/efficientnet_b2.ra_in1k"), &EfficientNet::b(2)),
    row("efficientnet_b3", 288, "bn2", Some("timm/efficientnet_b3.ra2_in1k"), &EfficientNet::b(3)),
    row("efficientnet_b4", 320, "bn2", Some("timm/efficientnet_b4.ra2_in1k"), &EfficientNet::b(4)),
    row("tf_efficientnet_b0", 224, "bn2", Some("timm/tf_efficientnet_b0.ns_jft_in1k"), &EfficientNet::b(0).tensorflow()),
    row("tf_efficientnet_b1", 240, "bn2", Some("timm/tf_efficientnet_b1.ns_jft_in1k"), &EfficientNet::b(1).tensorflow()),
    row("tf_efficientnet_b2", 260, "bn2", Some("timm/tf_efficientnet_b2.ns_jft_in1k"), &EfficientNet::b(2).tensorflow()),
    row("tf_efficientnet_b3", 300, "bn2", Some("timm/tf_efficientnet_b3.ns_jft_in1k"), &EfficientNet::b(3).tensorflow()),
    row("tf_efficientnet_b4", 380, "bn2", Some("timm/tf_efficientnet_b4.ns_jft_in1k"), &EfficientNet::b(4).tensorflow()),
    row("efficientnet_lite0", 224, "bn2", Some("timm/efficientnet_lite0.ra_in1k"), &EfficientNet::lite(0)),
    row("efficientnet_lite1", 240, "bn2", None, &EfficientNet::lite(1)),
    row("efficientnet_lite2", 260, "bn2", None, &EfficientNet::lite(2)),
    row("efficientnet_lite3", 300, "bn2", None, &EfficientNet::lite(3)),
    row("efficientnet_lite4", 380, "bn2", None, &EfficientNet::lite(4)),
    row("tf_efficientnet_lite0", 224, "bn2", Some("timm/tf_efficientnet_lite0.in1k"), &EfficientNet::lite(0).tensorflow()),
    row("tf_efficientnet_lite1", 240, "bn2", Some("timm/tf_efficientnet_lite1.in1k"), &EfficientNet::lite(1).tensorflow()),
    row("tf_efficientnet_lite2", 260, "bn2", Some("timm/tf_efficientnet_lite2.in1k"), &EfficientNet::lite(2).tensorflow()),
    row("tf_efficientnet_lite3", 300, "bn2", Some("timm/tf_efficientnet_lite3.in1k"), &EfficientNet::lite(3).tensorflow()),
    row("tf_efficientnet_lite4", 380, "bn2", Some("timm/tf_efficientnet_lite4.in1k"), &EfficientNet::lite(4).tensorflow()),
    row("convnext_tiny", 224, "stages", Some("timm/convnext_tiny.fb_in1k"), &ConvNeXt::tiny()),
    row("convnext_small", 224, "stages", Some("timm/convnext_small.fb_in1k"), &ConvNeXt::small()),
    row("convnext_base", 224, "stages", Some("timm/convnext_base.fb_in1k"), &ConvNeXt::base()),
    row("convnext_large", 224, "stages", Some("timm/convnext_large.fb_in1k"), &ConvNeXt::large()),
    row("vit_tiny_patch16_224", 224, "blocks.11.norm1", Some("timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"), &Vit::new(Size::TINY, 16, 224)),
    row("vit_small_patch16_224", 224, "blocks.11.norm1", Some("timm/vit_small_patch16_224.augreg_in21k_ft_in1k"), &Vit::new(Size::SMALL, 16, 224)),
    row("vit_base_patch16_224", 224, "blocks.11.norm1", Some("timm/vit_base_patch16_224.augreg2_in21k_ft_in1k"), &Vit::new(Size::BASE, 16, 224)),
    row("vit_base_patch32_224", 224, "blocks.11.norm1", Some("timm/vit_base_patch32_224.augreg_in21k_ft_in1k"), &Vit::new(Size::BASE, 32, 224)),
    row("deit_tiny_patch16_224", 224, "blocks.11.norm1", Some("timm/deit_tiny_patch16_224.fb_in1k"), &Vit::new(Size::TINY, 16, 224)),
    row("deit_small_patch16_224", 224, "blocks.11.norm1", Some("timm/deit_small_patch16_224.fb_in1k"), &Vit::new(Size::SMALL, 16, 224)),
    row("deit_base_patch16_224", 224, "blocks.11.norm1", Some("timm/deit_base_patch16_224.fb_in1k"), &Vit::new(Size::BASE, 16, 224)),
    row("deit_tiny_distilled_patch16_224", 224, "blocks.11.norm1", Some("timm/deit_tiny_distilled_patch16_224.fb_in1k"), &Vit::new(Size::TINY, 16, 224).distilled()),
    row("deit_small_distilled_patch16_224", 224, "blocks.11.norm1", Some("timm/deit_small_distilled_patch16_224.fb_in1k"), &Vit::new(Size::SMALL, 16, 224).distilled()),
    row("deit_base_distilled_patch16_224", 224, "blocks.11.norm1", Some("timm/deit_base_distilled_patch16_224.fb_in1k"), &Vit::new(Size::BASE, 16, 224).distilled()),
    row("vit_small_patch14_dinov2", 518, "blocks.11.norm1", None, &Vit::dinov2(Size::SMALL, 0)),
    row("vit_base_patch14_dinov2", 518, "blocks.11.norm1", None, &Vit::dinov2(Size::BASE, 0)),
    row("vit_small_patch14_reg4_dinov2", 518, "blocks.11.norm1", None, &Vit::dinov2(Size::SMALL, 4)),
    row("vit_base_patch14_reg4_dinov2", 518, "blocks.11.norm1", None, &Vit::dinov2(Size::BASE, 4)),
    row("dinov2_vits14_lc", 224, "blocks.11.norm1", Some("facebook/dinov2-small-imagenet1k-1-layer"), &Vit::dinov2(Size::SMALL, 0).classifier()),
    row("dinov2_vits14_reg_lc", 224, "blocks.11.norm1", Some("facebook/dinov2-with-registers-small-imagenet1k-1-layer"), &Vit::dinov2(Size::SMALL, 4).classifier()),
    row("dinov2_vitb14_lc", 224, "blocks.11.norm1", Some("facebook/dinov2-base-imagenet1k-1-layer"), &Vit::dinov2(Size::BASE, 0).classifier()),
    row("dinov2_vitb14_reg_lc", 224, "blocks.11.norm1", Some("facebook/dinov2-with-registers-base-imagenet1k-1-layer"), &Vit::dinov2(Size::BASE, 4).classifier()),
    row("vit_base_patch32_clip_224", 224, "blocks.11.norm1", None, &Vit::clip(Size::BASE, 32, Activation::Gelu)),
    row("vit_base_patch32_clip_quickgelu_224", 224, "blocks.11.norm1", Some("openai/clip-vit-base-patch32"), &Vit::clip(Size::BASE, 32, Activation::QuickGelu)),
    row("vit_base_patch16_clip_224", 224, "blocks.11.norm1", None, &Vit::clip(Size::BASE, 16, Activation::Gelu)),
    row("vit_base_patch16_clip_quickgelu_224", 224, "blocks.11.norm1", Some("openai/clip-vit-base-patch16"), &Vit::clip(Size::BASE, 16, Activation::QuickGelu)),
    row("swin_tiny_patch4_window7_224", 224, "layers.3.blocks.1.norm1", Some("timm/swin_tiny_patch4_window7_224.ms_in1k"), &Swin::tiny()),
    row("swin_small_patch4_window7_224", 224, "layers.3.blocks.1.norm1", Some("timm/swin_small_patch4_window7_224.ms_in1k"), &Swin::small()),
    row("swin_base_patch4_window7_224", 224, "layers.3.blocks.1.norm1", Some("timm/swin_base_patch4_window7_224.ms_in1k"), &Swin::base()),
];
