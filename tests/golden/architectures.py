"""The architectures that are compared: which packages have them, under which names, and the layer that Grad-CAM reads by default."""

import timm
import torch
import torchvision

# Name (timm's; torchvision's for the three that timm lacks) and torchvision's name, where torchvision has the network.
ARCHITECTURES = {
    **{f"resnet{depth}": f"resnet{depth}" for depth in (18, 34, 50, 101, 152)},
    "resnet26": None,
    "resnext50_32x4d": "resnext50_32x4d",
    "resnext101_32x4d": None,
    "resnext101_32x8d": "resnext101_32x8d",
    "resnext101_64x4d": "resnext101_64x4d",
    "wide_resnet50_2": "wide_resnet50_2",
    "wide_resnet101_2": "wide_resnet101_2",
    **{f"vgg{depth}{bn}": f"vgg{depth}{bn}" for bn in ("", "_bn") for depth in (11, 13, 16, 19)},
    "alexnet": "alexnet",
    "googlenet": "googlenet",
    "inception_v3": "inception_v3",
    **{f"densenet{depth}": f"densenet{depth}" for depth in (121, 161, 169, 201)},
    "mobilenetv2_100": "mobilenet_v2",
    "mobilenetv3_small_100": "mobilenet_v3_small",
    "mobilenetv3_large_100": "mobilenet_v3_large",
    "tf_mobilenetv3_small_100": None,
    "tf_mobilenetv3_large_100": None,
    "squeezenet1_0": "squeezenet1_0",
    "squeezenet1_1": "squeezenet1_1",
    **{f"efficientnet_b{i}": f"efficientnet_b{i}" for i in range(5)},
    **{f"tf_efficientnet_b{i}": None for i in range(5)},
    **{f"efficientnet_lite{i}": None for i in range(5)},
    **{f"tf_efficientnet_lite{i}": None for i in range(5)},
    **{f"convnext_{size}": f"convnext_{size}" for size in ("tiny", "small", "base", "large")},
    **{f"vit_{size}_patch16_224": None for size in ("tiny", "small", "base")},
    "vit_base_patch32_224": None,
    **{f"deit_{size}_patch16_224": None for size in ("tiny", "small", "base")},
    **{f"deit_{size}_distilled_patch16_224": None for size in ("tiny", "small", "base")},
    **{f"vit_{size}_patch14{reg}_dinov2": None for size in ("small", "base") for reg in ("", "_reg4")},
    **{f"vit_base_patch{patch}_clip{gelu}_224": None for patch in (32, 16) for gelu in ("", "_quickgelu")},
    **{f"swin_{size}_patch4_window7_224": None for size in ("tiny", "small", "base")},
}
# What timm does not have.
ONLY_TORCHVISION = ("alexnet", "googlenet", "squeezenet1_0", "squeezenet1_1")


def in_timm(name):
    """Whether timm has the architecture `name`."""
    return name not in ONLY_TORCHVISION


def is_transformer(name):
    """Whether timm's network `name` has tokens."""
    return name.startswith(("vit", "deit", "swin"))


def build(name, classes, size=None):
    """The network under its own name, with its own initialisation, in evaluation mode; transformers for inputs of `size`."""
    if name.startswith("swin"):
        network = timm.create_model(name, pretrained=False, num_classes=classes, img_size=size).eval()
    elif is_transformer(name):
        network = timm.create_model(name, pretrained=False, num_classes=classes, dynamic_img_size=True).eval()
    elif in_timm(name):
        return timm.create_model(name, pretrained=False, num_classes=classes).eval()
    else:
        return build_torchvision(name, classes)
    for module in network.modules():
        # The attention itself is a module's output only where it is computed step by step.
        if hasattr(module, "fused_attn"):
            module.fused_attn = False
    return network


def as_map(name, size):
    """What brings the output of a layer of the network `name` to (n, c, h, w) for inputs of `size`."""
    if name.startswith("swin"):
        return lambda x: x.permute(0, 3, 1, 2)
    if not is_transformer(name):
        return lambda x: x
    patch = int(name.split("patch")[1].split("_")[0])
    rows, columns = size[0] // patch, size[1] // patch
    return lambda x: x[:, x.shape[1] - rows * columns :].transpose(1, 2).unflatten(2, (rows, columns))


def build_torchvision(name, classes, training_heads=False):
    """Torchvision's network `name`, in evaluation mode; `training_heads` keeps the auxiliary classifiers of its default constructor."""
    options = {"num_classes": classes}
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": training_heads, "init_weights": False, "transform_input": False}
    return torchvision.models.get_model(name, weights=None, **options).eval()


def last_layer(name, network):
    """The last module with a spatial map before global pooling; in a transformer, the last norm before an attention."""
    if name.startswith(("vgg", "alexnet")):
        features = list(network.features.named_children())
        pools = [i for i, (_, m) in enumerate(features) if isinstance(m, torch.nn.MaxPool2d)]
        return f"features.{features[pools[-1] - 1][0]}"
    for prefixes, layer in (
        (("resne", "wide_resnet"), "layer4"),
        (("densenet", "squeezenet"), "features"),
        (("inception_v3",), "Mixed_7c"),
        (("googlenet",), "inception5b"),
        (("mobilenetv2", "efficientnet", "tf_efficientnet"), "bn2"),
        (("mobilenetv3", "tf_mobilenetv3"), "blocks"),
        (("convnext",), "stages"),
        # As the documentation of pytorch-grad-cam advises.
        (("vit", "deit"), "blocks.11.norm1"),
        (("swin",), "layers.3.blocks.1.norm1"),
    ):
        if name.startswith(prefixes):
            return layer
    raise ValueError(f"no rule for the last layer of {name}")


def versions():
    """The versions of the packages that the values come from."""
    from importlib.metadata import version

    packages = ("torch", "torchvision", "timm", "grad-cam", "transformers", "numpy", "pillow")
    return {name: version(name) for name in packages}
