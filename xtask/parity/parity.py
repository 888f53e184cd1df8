"""Writes a network of timm or torchvision with seeded random weights as a model folder, with PyTorch's results.

    python parity.py list                            one line per pair: architecture, package, PyTorch's name
    python parity.py make ARCHITECTURE PACKAGE OUT   OUT/config.json, OUT/model.safetensors, OUT/reference.safetensors

The reference holds the input (f32), and in f64 the logits, the last layer's raw Grad-CAM map and the input gradient, both for the class
with the largest logit. Its metadata names the layer and the class, and says how far PyTorch's own f32 results are from these
(`apart.*`, relative to the largest value). The gradient of a network of ReLUs jumps where a unit crosses zero, and rounding decides the
side of a unit near zero: PyTorch's f32 gradient can be 5 % off at a pixel. Gradients are therefore compared in f64.
"""

import json
import re
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "golden"))
import architectures  # noqa: E402
import cam  # noqa: E402
import formula  # noqa: E402

CLASSES = 1000


def randomise(network, x):
    """Sets parameters from a seed, none at a trivial value; batch-norm statistics come from the picture `x`."""
    generator = torch.Generator().manual_seed(0)
    norms = (torch.nn.BatchNorm2d, torch.nn.LayerNorm)
    for name, module in network.named_modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear)):
            module.weight.data.normal_(0, (2 / module.weight[0].numel()) ** 0.5, generator=generator)
            if module.bias is not None:
                module.bias.data.normal_(0, 0.1, generator=generator)
        elif isinstance(module, norms):
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0, 0.2, generator=generator)
    for name, value in network.named_parameters():
        if re.search(r"gamma$|layer_scale$", name):
            value.data.uniform_(0.1, 0.5, generator=generator)
    # Keeps each residual branch small: a hundred equal layers in a row would amplify rounding a thousandfold.
    for name, module in network.named_modules():
        if re.fullmatch(r"layer\d\.\d+", name):
            last = module.bn3 if hasattr(module, "bn3") else module.bn2
            last.weight.data *= 0.3
    batch_norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in batch_norms:
        norm.train()
        norm.momentum = 1.0
    if batch_norms:
        with torch.no_grad():
            network(x)
    return network.eval().requires_grad_(False)


def results(network, x, layer, classes=None):
    """Returns the explained class and the tensors to compare: logits, raw map, input gradient."""
    x = x.clone().requires_grad_(True)
    logits, seen = cam.record(network, x, [layer])
    classes = classes or logits.argmax(1).tolist()
    raw = cam.raw_maps(logits, seen[layer], classes)
    return classes, {"logits": logits.detach(), "raw": raw, "gradient": cam.input_gradient(logits, x, classes)}


def last_layer_in_torchvision(name, network):
    """Returns torchvision's path of the layer that `architectures.last_layer` names."""
    if name.startswith("densenet"):
        # Its ReLU is a function call after `features`; timm has it inside. A second ReLU would stop gradients at zero.
        network.features.add_module("relu", torch.nn.ReLU())
        network.forward = lambda x: network.classifier(network.features(x).mean((2, 3)))
    children = [path for path, _ in network.features.named_children()] if hasattr(network, "features") else []
    if name.startswith(("mobilenet", "efficientnet")):
        return f"features.{children[-1]}"
    return "features" if name.startswith("convnext") else architectures.last_layer(name, network)


def make(name, package, out):
    """Writes the model folder and the reference."""
    out.mkdir(parents=True, exist_ok=True)
    ours = architectures.build(name, 1)
    own_name, layer = name, architectures.last_layer(name, ours)
    size = ours.default_cfg["input_size"] if architectures.in_timm(name) else (3, 224, 224)
    if package == "timm":
        network, seen_at = architectures.build(name, CLASSES), layer
    else:
        own_name = architectures.ARCHITECTURES[name]
        network = architectures.build_torchvision(own_name, CLASSES)
        seen_at = last_layer_in_torchvision(name, network)
    shape = (1, *size)
    randomise(network, torch.from_numpy(formula.picture("calibration", shape)))
    state = {k: v.contiguous() for k, v in network.state_dict().items()}
    save_file(state, out / "model.safetensors")
    config = {
        "architecture": own_name,
        "num_classes": CLASSES,
        "pretrained_cfg": {
            "input_size": list(size),
            "interpolation": "bicubic",
            "crop_pct": 0.875,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
        },
    }
    (out / "config.json").write_text(json.dumps(config))
    x = torch.from_numpy(formula.picture("input", shape))
    classes, single = results(network, x, seen_at)
    _, double = results(network.double(), x.double(), seen_at, classes)
    apart = {k: ((single[k].double() - double[k]).abs().max() / double[k].abs().max()).item() for k in double}
    metadata = {"layer": layer, "class": str(classes[0])} | {f"apart.{k}": f"{v:e}" for k, v in apart.items()}
    save_file({"input": x} | {k: v.contiguous() for k, v in double.items()}, out / "reference.safetensors", metadata)


if __name__ == "__main__":
    if sys.argv[1:] == ["list"]:
        for name, torchvision_name in architectures.ARCHITECTURES.items():
            if architectures.in_timm(name):
                print(name, "timm", name)
            if torchvision_name:
                print(name, "torchvision", torchvision_name)
    else:
        _, command, name, package, out = sys.argv
        assert command == "make"
        make(name, package, Path(out))
