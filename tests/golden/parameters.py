"""Makes `parameters.json.gz`: names and shapes of every architecture's parameters and modules, for `tests/tests/all/parameters.rs`.

    python -m pip install torch torchvision timm grad-cam transformers
    python tests/golden/parameters.py

Nothing is computed: the networks live on PyTorch's meta device.
"""

from pathlib import Path

import torch
import transformers

import architectures
from formula import write

CLASSES = 1000
# Odd, so that every padding, ceiling and stride shows in the shapes.
SIZE = 97
# Transformers have windows and patches to divide.
TRANSFORMERS_SIZE = 224
# The options of Hugging Face transformers' ResNets.
RESNETS = {
    "resnet18": {"depths": [2, 2, 2, 2], "layer_type": "basic", "hidden_sizes": [64, 128, 256, 512]},
    "resnet26": {"depths": [2, 2, 2, 2]},
    "resnet34": {"depths": [3, 4, 6, 3], "layer_type": "basic", "hidden_sizes": [64, 128, 256, 512]},
    "resnet50": {"depths": [3, 4, 6, 3]},
    "resnet101": {"depths": [3, 4, 23, 3]},
    "resnet152": {"depths": [3, 8, 36, 3]},
}


def state(network):
    """The shape of every parameter and statistic, in the order of the state dict."""
    return {name: list(value.shape) for name, value in network.state_dict().items()}


def modules(network, size):
    """The shape of the first output of every module that runs, by path."""
    shapes = {}
    for path, module in network.named_modules():

        def hook(_module, _inputs, output, path=path):
            if isinstance(output, torch.Tensor):
                shapes.setdefault(path, list(output.shape))

        if path:
            module.register_forward_hook(hook)
    network(torch.empty(1, 3, size, size))
    return shapes


def record(name, torchvision_name):
    """What one architecture looks like in each package."""
    network = architectures.build(name, CLASSES)
    size = TRANSFORMERS_SIZE if architectures.is_transformer(name) else SIZE
    result = {
        "name": name,
        "trainable": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "last_layer": architectures.last_layer(name, network),
        "state": state(network),
        "size": size,
        "modules": modules(network, size),
    }
    if torchvision_name:
        whole = architectures.build_torchvision(torchvision_name, CLASSES, training_heads=True)
        result["torchvision"] = {"name": torchvision_name, "state": state(whole)}
    if network := hugging_face(name):
        result["transformers"] = state(network)
    return result


def hugging_face(name):
    """The same network in Hugging Face transformers, where it is there."""
    if name in RESNETS:
        config = transformers.ResNetConfig(num_labels=CLASSES, **RESNETS[name])
        return transformers.ResNetForImageClassification(config)
    parts = name.split("_")
    if parts[0] == "dinov2":
        return dict(classifiers())[name]
    if parts[0] == "swin":
        depths = [2, 2, 6 if parts[1] == "tiny" else 18, 2]
        width, heads = (128, [4, 8, 16, 32]) if parts[1] == "base" else (96, [3, 6, 12, 24])
        config = transformers.SwinConfig(embed_dim=width, depths=depths, num_heads=heads, num_labels=CLASSES)
        return transformers.SwinForImageClassification(config)
    if parts[0] not in ("vit", "deit") or "dinov2" in parts:
        return None
    width, heads = {"tiny": (192, 3), "small": (384, 6), "base": (768, 12)}[parts[1]]
    patch = int(name.split("patch")[1].split("_")[0])
    sizes = {"hidden_size": width, "num_attention_heads": heads, "intermediate_size": 4 * width, "patch_size": patch}
    if "clip" in parts:
        return transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(projection_dim=CLASSES, **sizes))
    if "distilled" in parts:
        return transformers.DeiTForImageClassificationWithTeacher(transformers.DeiTConfig(num_labels=CLASSES, **sizes))
    return transformers.ViTForImageClassification(transformers.ViTConfig(num_labels=CLASSES, **sizes))


def classifiers():
    """DINOv2 with a classifier, which timm does not have."""
    for short, width, heads in (("s", 384, 6), ("b", 768, 12)):
        sizes = {"hidden_size": width, "num_attention_heads": heads, "image_size": 518, "patch_size": 14, "num_labels": CLASSES}
        plain = transformers.Dinov2ForImageClassification(transformers.Dinov2Config(**sizes))
        yield f"dinov2_vit{short}14_lc", plain
        config = transformers.Dinov2WithRegistersConfig(**sizes)
        yield f"dinov2_vit{short}14_reg_lc", transformers.Dinov2WithRegistersForImageClassification(config)

if __name__ == "__main__":
    with torch.device("meta"):
        records = [record(*names) for names in architectures.ARCHITECTURES.items()]
        only = [{"name": name, "state": state(network)} for name, network in classifiers()]
    write(
        Path(__file__).parent / "parameters.json.gz",
        {"versions": architectures.versions(), "classes": CLASSES, "architectures": records, "only_transformers": only},
    )
