"""Makes `default.json.gz`: maps of the default model with its trained weights, from pytorch-grad-cam, torch-cam and Captum, for
`tests/tests/all/default_model.rs`.

    python -m pip install torch torchvision timm grad-cam torchcam captum zennit saliency transformers safetensors
    python tests/golden/default.py models/efficientnet-lite0

The input is by formula, and everything is computed in f64. How the libraries are called is said in `methods.py` and `pixels.py`. Captum looks
for ReLU by its type, so ReLU6 is given to it as a kind of ReLU: its guided backpropagation and deconvolution would take the plain gradient.
Left out: Score-CAM and Ablation-CAM of the inner layer (a forward for each channel), FullGrad (pytorch-grad-cam's is another method), LRP
(zennit is compared on ResNet-18 and VGG-11).
"""

import json
import sys
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from captum.attr import Deconvolution, DeepLift, GuidedBackprop, Occlusion
from captum.attr._core import deep_lift
from safetensors.torch import load_file

import architectures
import cam
import formula
import methods
import pixels
from make import deviation, numbers

SIZE = (96, 88)
INNER = "blocks.3"
# Of the maps that `pixels.py` makes for every network.
PIXELS = [
    {"method": "gradient", "channels": "sum"},
    {"method": "input-x-gradient"},
    {"method": "integrated-gradients", "steps": 9, "baseline": "mean"},
    {"method": "blur-ig", "steps": 6, "sigma": 5.0},
]


class Relu6(torch.nn.ReLU):
    """min(max(x, 0), 6) as a ReLU."""

    def forward(self, x):
        return F.relu6(x)


def build(folder):
    config = json.loads((folder / "config.json").read_text())
    network = timm.create_model(config["architecture"], num_classes=config["num_classes"]).eval()
    missing, _ = network.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    assert not [name for name in missing if not name.endswith("num_batches_tracked")]
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, torch.nn.ReLU6):
                setattr(parent, name, Relu6())
    return network.requires_grad_(False)


def class_activation(network, x, c, last):
    layers = []
    as_map = architectures.as_map("tf_efficientnet_lite0", SIZE)
    for layer in (last, INNER):
        pooled = layer == last
        found = methods.maps_of(network.double(), x.double(), layer, [c], as_map, False, pooled)
        single = methods.maps_of(network.float(), x.float(), layer, [c], as_map, False, pooled)
        for method, _ in found:
            if method["method"] == "shapley-cam":
                # A shorter way along the activation: fewer units of a trained network pass their kink on it.
                method["step"] = 1e-5
        apart = max(deviation(a, b) for (_, a), (_, b) in zip(single, found))
        print(f"{layer}: f32 against f64 {apart:.1e}", flush=True)
        layers.append((layer, found))
    network.double()
    for method, cls in methods.SLOW:
        layers[0][1].append((method, methods.library(network, x, last, [c], as_map, method, cls)))
    return [
        {
            "name": layer,
            "size": list(maps[0][1].shape[1:]),
            "maps": [{"method": method, "values": numbers(raw[0])} for method, raw in maps],
        }
        for layer, maps in layers
    ]


def of_pixels(network, x, c, layer):
    maps = [map for map in pixels.maps_of("convnext_tiny", network, x, c, layer) if map[0] in PIXELS]
    assert len(maps) == len(PIXELS)
    guided = GuidedBackprop(network).attribute(x, target=c).detach()
    maps.append(({"method": "guided-backprop", "channels": "sum"}, guided))
    maps.append(({"method": "deconvolution", "channels": "sum"}, Deconvolution(network).attribute(x, target=c).detach()))
    logits, seen = cam.record(network, x.clone().requires_grad_(True), [layer])
    raw = cam.raw_maps(logits, seen[layer], [c])[:, None]
    enlarged = F.interpolate(raw.clamp(min=0), x.shape[2:], mode="bilinear", align_corners=False)
    maps.append(({"method": "guided-grad-cam"}, guided.sum(1, keepdim=True) * enlarged))
    deep_lift.SUPPORTED_NON_LINEAR[Relu6] = deep_lift.nonlinear
    maps.append(({"method": "deeplift", "baseline": "mean"}, DeepLift(network).attribute(x, target=c).detach()))
    occluded = Occlusion(network).attribute(x, target=c, sliding_window_shapes=(3, 32, 32), strides=(3, 16, 16), baselines=0)
    maps.append(({"method": "occlusion", "window": 32, "stride": 16, "baseline": "mean"}, occluded[:, :1]))
    return [
        {"method": method, "values": [float(f"{v:.4g}") for v in found.sum(1).flatten().tolist()]}
        for method, found in maps
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    network = build(Path(sys.argv[1])).double()
    last = architectures.last_layer("tf_efficientnet_lite0", network)
    x = torch.from_numpy(formula.picture("input", (1, 3, *SIZE))).double()
    c = network(x).argmax().item()
    formula.write(
        Path(__file__).parent / "default.json.gz",
        {
            "versions": architectures.versions(),
            "input": {"name": "input", "shape": [1, 3, *SIZE]},
            "target": c,
            "layers": class_activation(network, x, c, last),
            "layer": last,
            "pixels": of_pixels(network, x, c, last),
        },
    )
