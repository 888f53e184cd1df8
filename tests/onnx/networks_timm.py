"""Networks of timm."""

from cases import Network, torch_cases


def cases():
    return torch_cases("timm", networks())


def make(name: str, fused: bool, **options):
    def build():
        import timm
        import timm.layers

        timm.layers.set_fused_attn(fused)
        return timm.create_model(name, pretrained=False, **options)

    return build


def networks() -> dict[str, Network]:
    def of(name: str, size: int, layer: str | None, *, fused=True, opset=None, dynamic=(), **options) -> Network:
        build = make(name, fused, **options)
        # Other opsets than the default are for the legacy exporter.
        exporters = ("legacy",) if opset else ("dynamo", "legacy")
        return Network(build, (1, 3, size, size), layer, exporters=exporters, opset=opset or 17, dynamic=dynamic)

    small = {"img_size": 96, "num_classes": 10}
    return {
        "vit_tiny": of("vit_tiny_patch16_224", 96, "blocks.11.norm1", **small),
        "convnextv2_atto": of("convnextv2_atto", 96, "stages.2"),
        "swin_tiny": of("swin_tiny_patch4_window7_224", 224, "layers.3"),
        "eva02_tiny": of("eva02_tiny_patch14_224", 98, "blocks.11.norm1", img_size=98, num_classes=10),
        "mobilenetv4_conv_small": of("mobilenetv4_conv_small", 96, "blocks.3"),
        # The legacy exporter cannot trace timm's fused attention with rotary embeddings.
        "eva02_tiny_unfused": of("eva02_tiny_patch14_224", 98, "blocks.11.norm1", fused=False, img_size=98, num_classes=10),
        "vit_tiny_unfused": of("vit_tiny_patch16_224", 96, "blocks.11.norm1", fused=False, **small),
        "vit_tiny_dynamic": of("vit_tiny_patch16_224", 96, "blocks.11.norm1", dynamic=(0,), **small),
        "vit_tiny_opset12": of("vit_tiny_patch16_224", 96, "blocks.11.norm1", fused=False, opset=12, **small),
        "convnextv2_atto_opset12": of("convnextv2_atto", 96, "stages.2", opset=12),
        "resnet26": of("resnet26", 96, "layer4"),
        "seresnext26t_32x4d": of("seresnext26t_32x4d", 64, "layer4"),
        "deit_tiny": of("deit_tiny_patch16_224", 96, "blocks.10.norm1", **small),
        "deit_tiny_distilled": of("deit_tiny_distilled_patch16_224", 96, "blocks.11.norm1", **small),
        "deit3_small": of("deit3_small_patch16_224", 96, "blocks.11.norm1", **small),
        "vit_reg4": of("vit_small_patch14_reg4_dinov2", 98, "blocks.11.norm1", img_size=98, num_classes=10),
        "vit_gap": of("vit_base_patch16_rpn_224", 96, "blocks.10.norm1", **small),
        "swinv2_tiny": of("swinv2_tiny_window8_256", 256, "layers.2"),
        "maxvit_nano": of("maxvit_rmlp_nano_rw_256", 256, "stages.3"),
        "coatnet_nano": of("coatnet_nano_rw_224", 224, "stages.3"),
        "efficientnetv2_rw_t": of("efficientnetv2_rw_t", 96, "blocks.5"),
        "mobilenetv4_hybrid_medium": of("mobilenetv4_hybrid_medium", 96, "blocks.3"),
        "fastvit_t8": of("fastvit_t8", 96, "stages.3"),
        "regnetz_b16": of("regnetz_b16", 64, "stages.3"),
        "mixer_s32": of("mixer_s32_224", 224, "blocks.7"),
        "resmlp_12": of("resmlp_12_224", 224, "blocks.11"),
        "edgenext_xx_small": of("edgenext_xx_small", 96, "stages.3"),
        "mobilevit_xxs": of("mobilevit_xxs", 96, "stages.3"),
        "mobilevitv2_050": of("mobilevitv2_050", 96, "stages.3"),
        "efficientformer_l1": of("efficientformer_l1", 224, "stages.2"),
        "pvt_v2_b0": of("pvt_v2_b0", 96, "stages.3"),
        "poolformer_s12": of("poolformer_s12", 96, "stages.3"),
        "xcit_nano": of("xcit_nano_12_p16_224", 96, "blocks.11.norm1"),
        "cait_xxs24": of("cait_xxs24_224", 96, "blocks.23.norm1", **small),
        "levit_128s": of("levit_128s", 224, "stages.2"),
        "crossvit_tiny": of("crossvit_tiny_240", 240, "norm.0"),
        "ghostnetv2_100": of("ghostnetv2_100", 96, "blocks.8"),
        "hrnet_w18_small": of("hrnet_w18_small", 64, "final_layer"),
        "dpn48b": of("dpn48b", 64, "features.conv5_3"),
        "res2net50": of("res2net50_14w_8s", 64, "layer4"),
        "vovnet": of("ese_vovnet19b_dw", 64, "stages.3"),
        "nf_resnet26": of("nf_resnet26", 64, "stages.3"),
        "dm_nfnet_f0": of("dm_nfnet_f0", 64, "stages.2"),
        "repvgg_a0": of("repvgg_a0", 64, "stages.3"),
        "tf_efficientnet_lite0": of("tf_efficientnet_lite0", 97, "blocks.6"),
        "tresnet_m": of("tresnet_m", 64, "body.layer3"),
        "resnetv2_50": of("resnetv2_50", 64, "stages.3"),
        "inception_next_atto": of("inception_next_atto", 96, "stages.3"),
        "visformer_tiny": of("visformer_tiny", 224, "stage3"),
        "gcresnext26ts": of("gcresnext26ts", 64, "stages.3"),
        "halonet26t": of("halonet26t", 256, "stages.3"),
        "beit_tiny": of("beit_base_patch16_224", 96, "blocks.2.norm1", depth=3, embed_dim=48, num_heads=3, **small),
        "davit_tiny": of("davit_tiny", 224, "stages.3"),
        "starnet_s1": of("starnet_s1", 96, "stages.3"),
        "repvit_m0_9": of("repvit_m0_9", 96, "stages.3"),
        "tiny_vit_5m": of("tiny_vit_5m_224", 224, "stages.3"),
        "focalnet_tiny": of("focalnet_tiny_srf", 96, "layers.3"),
        "metaformer": of("convformer_s18", 96, "stages.3"),
    }
