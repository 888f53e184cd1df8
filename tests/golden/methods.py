"""Makes `methods.json.gz`: raw maps of the CAM family from pytorch-grad-cam, for `tests/tests/all/methods.rs`.

    python -m pip install torch torchvision timm grad-cam transformers
    python tests/golden/methods.py

Networks and inputs are by formula, as in `make.py`. Where the library departs from a method's paper, its map is stored under the option
that follows it (`epsilon`, `centered`), and one by the paper's own formula beside it. Its Score-CAM enlarges a mask with aligned corners;
here it is given half-pixel centres, as every other enlargement has. Its Eigen-CAM leaves the sign to the linear algebra; here it is
that which correlates with the sum over the channels.
"""

from pathlib import Path

import numpy as np
import pytorch_grad_cam as pgc
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

import architectures
import cam
import formula
from formula import write
from make import CLASSES, deviation, numbers

# Name: (inner layer, size of the input, gain of the kernels).
NETWORKS = {
    "resnet18": ("layer3", (97, 81), 0.8),
    "vgg11": ("features.15", (67, 75), 1.0),
    # Not a stage: a layer norm follows it, which the scale of a position passes by, so that HiResCAM is 0 there (Euler's theorem).
    "convnext_tiny": ("stages.2.blocks.3", (97, 85), 1.0),
}
LIBRARY = [
    ({"method": "grad-cam"}, pgc.GradCAM),
    ({"method": "grad-cam++", "epsilon": 1e-6}, pgc.GradCAMPlusPlus),
    ({"method": "xgrad-cam", "epsilon": 1e-7}, pgc.XGradCAM),
    ({"method": "hires-cam"}, pgc.HiResCAM),
    ({"method": "layer-cam"}, pgc.LayerCAM),
    ({"method": "element-wise-cam"}, pgc.GradCAMElementWise),
    ({"method": "eigen-cam", "centered": True}, pgc.EigenCAM),
    ({"method": "eigen-grad-cam", "centered": True}, pgc.EigenGradCAM),
    ({"method": "fem", "sigmas": 2.0}, pgc.fem.FEM),
]
# It needs a forward pass for each channel.
SLOW = [({"method": "score-cam"}, pgc.ScoreCAM)]
# How far f32 and f64 may lie apart, relative to the largest value.
APART = 2e-4


def half_pixel(size):
    return torch.nn.Upsample(size=size, mode="bilinear", align_corners=False)


torch.nn.UpsamplingBilinear2d = half_pixel


def signed(projection, summed):
    """The sign by correlation with the sum over the channels."""
    centre = lambda v: v - v.mean((1, 2), keepdims=True)
    sign = np.sign((centre(projection) * centre(summed)).sum((1, 2), keepdims=True))
    return projection * np.where(sign == 0, 1, sign)


def library(network, x, layer, classes, method, cls):
    """The map of pytorch-grad-cam at the layer's own resolution, before its ReLU."""
    targets = [ClassifierOutputTarget(c) for c in classes]
    with cls(model=network, target_layers=[network.get_submodule(layer)]) as explainer:
        explainer(x.clone().requires_grad_(True), targets=targets)
        store = explainer.activations_and_grads
        activation = store.activations[0].detach().numpy()
        gradient = store.gradients[0].detach().numpy() if store.gradients else np.zeros_like(activation)
        raw = explainer.get_cam_image(x, network.get_submodule(layer), targets, activation, gradient, False)
    if method["method"] == "eigen-cam":
        raw = signed(raw, activation.sum(1))
    if method["method"] == "eigen-grad-cam":
        raw = signed(raw, (activation * gradient).sum(1))
    return torch.from_numpy(np.asarray(raw))


def papers(network, x, layer, classes, pooled):
    """The maps by the papers' own formulas, where the library departs from them or has none."""
    logits, seen = cam.record(network, x.clone().requires_grad_(True), [layer])
    activation = seen[layer]
    (gradient,) = torch.autograd.grad(cam.score(logits, classes), activation)
    a, g = activation.detach().double(), gradient.double()
    sums = a.sum((2, 3), keepdim=True)
    weighted = lambda w: (w * a).sum(1)
    alpha = torch.where(g != 0, 1 / (2 + g * sums), torch.zeros_like(g))
    maps = [
        ({"method": "grad-cam++", "epsilon": 0.0}, weighted((alpha * g.clamp(min=0)).sum((2, 3), keepdim=True))),
        ({"method": "xgrad-cam", "epsilon": 0.0},
         weighted(torch.where(sums != 0, (g * a).sum((2, 3), keepdim=True) / sums, torch.zeros_like(sums)))),
    ]
    for name, matrix in (("eigen-cam", a), ("eigen-grad-cam", a * g)):
        projections = []
        for one in matrix:
            rows = one.flatten(1).T
            _, _, vt = torch.linalg.svd(rows, full_matrices=False)
            projections.append((rows @ vt[0]).reshape(one.shape[1:]))
        raw = signed(torch.stack(projections).numpy(), matrix.sum(1).numpy())
        maps.append(({"method": name, "centered": False}, torch.from_numpy(raw)))
    if pooled:
        weight = [m for m in network.modules() if isinstance(m, torch.nn.Linear)][-1].weight.double()
        maps.append(({"method": "cam"}, weighted(weight[classes][:, :, None, None])))
    return maps


def maps_of(network, x, layer, classes, pooled):
    found = [(method, library(network, x, layer, classes, method, cls)) for method, cls in LIBRARY]
    return found + papers(network, x, layer, classes, pooled)


def record(name):
    inner, size, gain = NETWORKS[name]
    network = formula.fill(architectures.build(name, CLASSES), gain).requires_grad_(False)
    last = architectures.last_layer(name, network)
    for attempt in range(100):
        source = f"input.{attempt}"
        x = torch.from_numpy(formula.picture(source, (2, 3, *size)))
        classes = network(x).argmax(1).tolist()
        layers, apart = [], 0.0
        for layer in (last, inner):
            pooled = name == "resnet18" and layer == last
            single = maps_of(network.float(), x, layer, classes, pooled)
            double = maps_of(network.double(), x.double(), layer, classes, pooled)
            network.float()
            apart = max([apart, *(deviation(a, b) for (_, a), (_, b) in zip(single, double))])
            layers.append((layer, double))
        # The first input whose gradients do not depend on rounding.
        if apart < APART:
            break
        print(f"{name}: {source}, f32 against f64: {apart:.1e}", flush=True)
    assert apart < APART
    layers[0][1].extend((method, library(network, x, last, classes, method, cls)) for method, cls in SLOW)
    return {
        "name": name,
        "classes": CLASSES,
        "gain": gain,
        "input": {"name": source, "shape": [2, 3, *size]},
        "targets": classes,
        "layers": [
            {
                "name": layer,
                "size": list(maps[0][1].shape[1:]),
                "maps": [{"method": method, "images": [numbers(m) for m in raw]} for method, raw in maps],
            }
            for layer, maps in layers
        ],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    versions = architectures.versions()
    print(versions)
    write(Path(__file__).parent / "methods.json.gz", {"versions": versions, "networks": [record(name) for name in NETWORKS]})
