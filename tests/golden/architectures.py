"""The architectures that are compared: which packages have them, under which names, and the layer that Grad-CAM reads by default."""

import timm
import torch
import torchvision

# Name (timm's; torchvision's for the three that timm lacks) and torchvision's name, where torchvision has the network.
ARCHITECTURES = {
    **{f"resnet{depth}": f"resnet{depth}" for depth in (18, 34, 50, 101, 152)},
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
}
# What timm does not have.
ONLY_TORCHVISION = ("alexnet", "googlenet", "squeezenet1_0", "squeezenet1_1")


def in_timm(name):
    """Whether timm has the architecture `name`."""
    return name not in ONLY_TORCHVISION


def build(name, classes):
    """The network under its own name, with its own initialisation, in evaluation mode."""
    if in_timm(name):
        return timm.create_model(name, pretrained=False, num_classes=classes).eval()
    return build_torchvision(name, classes)


def build_torchvision(name, classes, training_heads=False):
    """Torchvision's network `name`, in evaluation mode; `training_heads` keeps the auxiliary classifiers of its default constructor."""
    options = {"num_classes": classes}
    if name in ("googlenet", "inception_v3"):
        options |= {"aux_logits": training_heads, "init_weights": False, "transform_input": False}
    return torchvision.models.get_model(name, weights=None, **options).eval()


def last_layer(name, network):
    """The last module with a spatial map before global pooling."""
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
    ):
        if name.startswith(prefixes):
            return layer
    raise ValueError(f"no rule for the last layer of {name}")


def versions():
    """The versions of the packages that the values come from."""
    from importlib.metadata import version

    packages = ("torch", "torchvision", "timm", "grad-cam", "transformers", "numpy", "pillow")
    return {name: version(name) for name in packages}
