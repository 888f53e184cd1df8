"""Networks of Hugging Face transformers, with small configurations."""

from cases import Network, torch_cases

ATTENTION = {"hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 3}
VIT = {**ATTENTION, "intermediate_size": 96, "image_size": 64, "patch_size": 16}
DINO = {**ATTENTION, "image_size": 56, "patch_size": 14}
SWIN = {"image_size": 112, "embed_dim": 24, "depths": [2, 2, 1], "num_heads": [2, 3, 4]}
SWINV2 = {"image_size": 64, "embed_dim": 24, "depths": [1, 2], "num_heads": [2, 3], "window_size": 4}
PYRAMID = {"hidden_sizes": [16, 24, 32, 48], "depths": [1, 1, 2, 1]}
FLAT = {"hidden_sizes": [16, 24, 32, 48], "depths": [1, 1, 1, 1]}
MOBILEVIT = {"hidden_sizes": [24, 32, 40], "neck_hidden_sizes": [8, 12, 16, 24, 32, 40, 80], "image_size": 64}
LEVIT = {"hidden_sizes": [32, 48, 64], "depths": [1, 1, 1], "num_attention_heads": [2, 3, 4], "key_dim": [8, 8, 8], "image_size": 64}
PVT = {"num_attention_heads": [1, 2, 4, 8], "image_size": 64, **FLAT}
DPT = {
    **VIT,
    "num_hidden_layers": 4,
    "backbone_out_indices": [0, 1, 2, 3],
    "neck_hidden_sizes": [12, 16, 24, 32],
    "fusion_hidden_size": 16,
}
EFFICIENTNET = {"width_coefficient": 0.5, "depth_coefficient": 0.5, "hidden_dim": 640, "image_size": 64}
UPERNET = {"hidden_size": 32, "use_auxiliary_head": False, "pool_scales": [1, 2]}
DETR = {
    "use_timm_backbone": True,
    "backbone": "resnet18",
    "use_pretrained_backbone": False,
    "num_queries": 8,
    "num_labels": 6,
    "d_model": 32,
    **{f"{part}_{key}": n for part in ("encoder", "decoder") for key, n in {"layers": 2, "ffn_dim": 64, "attention_heads": 4}.items()},
}


def cases():
    return torch_cases("transformers", networks())


def make(model: str, config: str, options: dict):
    def build():
        import transformers

        made = getattr(transformers, config)(**options)
        return getattr(transformers, model)(made)

    return build


def make_upernet():
    import transformers

    stages = [f"stage{i}" for i in range(1, 5)]
    backbone = transformers.ConvNextConfig(out_features=stages, **PYRAMID)
    return transformers.UperNetForSemanticSegmentation(transformers.UperNetConfig(backbone_config=backbone, num_labels=5, **UPERNET))


def networks() -> dict[str, Network]:
    def of(family: str, task: str, size: int, layer: str, options: dict, **more) -> Network:
        build = make(f"{family}{task}", f"{family}Config", {**options, **more})
        return Network(build, (1, 3, size, size), layer)

    def classes(family: str, size: int, layer: str, options: dict, **more) -> Network:
        return of(family, "ForImageClassification", size, layer, options, **{"num_labels": 7, **more})

    def segments(family: str, size: int, layer: str, options: dict, **more) -> Network:
        return of(family, "ForSemanticSegmentation", size, layer, options, **{"num_labels": 5, **more})

    clip = make("CLIPVisionModelWithProjection", "CLIPVisionConfig", {**VIT, "projection_dim": 32})
    siglip = make("SiglipVisionModel", "SiglipVisionConfig", VIT)
    beit = "beit.layers.1.layernorm_before"
    regnet = {"layer_type": "y", "embedding_size": 16, "groups_width": 8}
    return {
        "hf_vit": classes("ViT", 64, "vit.layers.2.layernorm_before", VIT),
        "hf_vit_eager": classes("ViT", 64, "vit.layers.2.layernorm_before", VIT, attn_implementation="eager"),
        "hf_deit": classes("DeiT", 64, "deit.layers.2.layernorm_before", VIT),
        "hf_beit": classes("Beit", 64, beit, VIT, use_relative_position_bias=True),
        "hf_beit_eager": classes("Beit", 64, beit, VIT, use_relative_position_bias=True, attn_implementation="eager"),
        "hf_dinov2": classes("Dinov2", 56, "dinov2.encoder.layer.2.norm1", DINO),
        "hf_dinov2_registers": classes("Dinov2WithRegisters", 56, "dinov2_with_registers.encoder.layer.2.norm1", DINO),
        "hf_swin": classes("Swin", 112, "swin.layernorm", SWIN),
        "hf_swin_eager": classes("Swin", 112, "swin.layernorm", SWIN, attn_implementation="eager"),
        "hf_swinv2": classes("Swinv2", 64, "swinv2.layernorm", SWINV2),
        "hf_segformer": segments("Segformer", 64, "segformer.stages.3.layer_norm", FLAT, decoder_hidden_size=32),
        "hf_segformer_classes": classes("Segformer", 64, "segformer.stages.3.layer_norm", FLAT),
        "hf_convnext": classes("ConvNext", 64, "convnext.encoder.stages.2", PYRAMID),
        "hf_convnextv2": classes("ConvNextV2", 64, "convnextv2.encoder.stages.3", PYRAMID),
        "hf_resnet": classes("ResNet", 64, "resnet.encoder.stages.3", PYRAMID, layer_type="basic", embedding_size=16),
        "hf_regnet": classes("RegNet", 64, "regnet.encoder.stages.3", PYRAMID, **regnet),
        "hf_poolformer": classes("PoolFormer", 64, "poolformer.encoder.block.3.0", FLAT),
        "hf_mobilevit": classes("MobileViT", 64, "mobilevit.encoder.layer.4", MOBILEVIT),
        "hf_mobilevit_segments": segments("MobileViT", 64, "mobilevit.encoder.layer.3", MOBILEVIT),
        "hf_mobilenet_v2": classes("MobileNetV2", 64, "mobilenet_v2.conv_1x1", {"depth_multiplier": 0.35}),
        "hf_efficientnet": classes("EfficientNet", 64, "efficientnet.encoder.top_activation", EFFICIENTNET),
        "hf_levit": classes("Levit", 64, "levit.encoder.stages.2", LEVIT),
        "hf_pvt_v2": classes("PvtV2", 64, "pvt_v2.encoder.layers.3", PVT),
        "hf_clip": Network(clip, (1, 3, 64, 64), "vision_model.encoder.layers.2.layer_norm1"),
        "hf_siglip": Network(siglip, (1, 3, 64, 64), "encoder.layers.2.layer_norm1"),
        "hf_upernet": Network(make_upernet, (1, 3, 64, 64), "backbone.encoder.stages.3"),
        "hf_dpt": of("DPT", "ForDepthEstimation", 64, "dpt.encoder.layer.2.layernorm_before", DPT),
        "hf_detr": of("Detr", "ForObjectDetection", 96, "model.backbone.model.layer4", DETR),
    }
