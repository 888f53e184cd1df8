"""Makes `parameters.json.gz`: names and shapes of every architecture's parameters and modules, for `tests/tests/all/parameters.rs`.

    python -m pip install torch torchvision timm grad-cam transformers
    python tests/golden/parameters.py

Nothing is computed: the networks live on PyTorch's meta device.
"""

from pathlib import Path

import torch
import transformers

import architectures
from make import write

CLASSES = 1000
# Odd, so that every padding, ceiling and stride shows in the shapes.
SIZE = 97
# The bare names of Hugging Face transformers' ResNets.
TRANSFORMERS = {
    "resnet18": {"depths": [2, 2, 2, 2], "layer_type": "basic", "hidden_sizes": [64, 128, 256, 512]},
    "resnet34": {"depths": [3, 4, 6, 3], "layer_type": "basic", "hidden_sizes": [64, 128, 256, 512]},
    "resnet50": {"depths": [3, 4, 6, 3]},
    "resnet101": {"depths": [3, 4, 23, 3]},
    "resnet152": {"depths": [3, 8, 36, 3]},
}


def state(network):
    """The shape of every parameter and statistic, in the order of the state dict."""
    return {name: list(value.shape) for name, value in network.state_dict().items()}


def modules(network):
    """The shape of the first output of every module that runs, by path."""
    shapes = {}
    for path, module in network.named_modules():

        def hook(_module, _inputs, output, path=path):
            if isinstance(output, torch.Tensor):
                shapes.setdefault(path, list(output.shape))

        if path:
            module.register_forward_hook(hook)
    network(torch.empty(1, 3, SIZE, SIZE))
    return shapes


def record(name, torchvision_name):
    """What one architecture looks like in each package."""
    network = architectures.build(name, CLASSES)
    result = {
        "name": name,
        "trainable": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "last_layer": architectures.last_layer(name, network),
        "state": state(network),
        "modules": modules(network),
    }
    if torchvision_name:
        whole = architectures.build_torchvision(torchvision_name, CLASSES, training_heads=True)
        result["torchvision"] = {"name": torchvision_name, "state": state(whole)}
    if name in TRANSFORMERS:
        config = transformers.ResNetConfig(num_labels=CLASSES, **TRANSFORMERS[name])
        result["transformers"] = state(transformers.ResNetForImageClassification(config))
    return result


if __name__ == "__main__":
    with torch.device("meta"):
        records = [record(*names) for names in architectures.ARCHITECTURES.items()]
    write(
        Path(__file__).parent / "parameters.json.gz",
        {"versions": architectures.versions(), "size": SIZE, "classes": CLASSES, "architectures": records},
    )
