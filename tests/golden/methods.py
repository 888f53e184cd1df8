"""Makes `methods.json.gz`: raw maps of the CAM family from pytorch-grad-cam and torch-cam, for `tests/tests/all/methods.rs`.

    python -m pip install torch torchvision timm grad-cam torchcam transformers
    python tests/golden/methods.py [METHOD]

With METHOD the file keeps the maps of all other methods: those that are made in f32 (`SLOW` and IS-CAM) differ from one processor to another.

Networks and inputs are by formula, as in `make.py`. Where the library departs from a method's paper, its map is stored under the option
that follows it (`epsilon`, `centered`), and one by the paper's own formula beside it. Its Score-CAM enlarges a mask with aligned corners;
here it is given half-pixel centres, as every other enlargement has. Its Eigen-CAM leaves the sign to the linear algebra; here it is
that which correlates with the sum over the channels. Its Ablation-CAM divides by the score, here it does not. Its Shapley-CAM is given the
residual softmax as the target; torch-cam's Finer-CAM is the one with the paper's mean over the references.

Of torch-cam: CAM, Grad-CAM, XGrad-CAM, LayerCAM and Finer-CAM. Left out are its Grad-CAM++ (other weights than the paper's), Score-CAM and
SS-CAM (masks are stretched before they are enlarged, and the noise of the latter is the library's own draw), IS-CAM (the mask grows with the
sum of the steps; it is written out here) and Smooth Grad-CAM++ (the gradient is that of the last copy; without noise it is Grad-CAM++).
Recipro-CAM, which neither has, is written out too.

On a transformer a layer's map is that of its patches, by pytorch-grad-cam's `reshape_transform`. Left out there are its Ablation-CAM and
Shapley-CAM, which change the class token as well (here it keeps its value), and torch-cam, which knows no tokens.
"""

import gzip
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytorch_grad_cam as pgc
import torch
import torch.nn.functional as F
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torchcam.methods import CAM, FinerCAM, GradCAM, LayerCAM, XGradCAM

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
    "vit_tiny_patch16_224": ("blocks.3", (96, 64), 0.6),
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
TORCH_CAM = [
    ({"method": "grad-cam"}, GradCAM),
    ({"method": "xgrad-cam", "epsilon": 1e-8}, XGradCAM),
    ({"method": "layer-cam"}, LayerCAM),
]
# It needs a forward pass for each channel.
SLOW = [({"method": "score-cam"}, pgc.ScoreCAM), ({"method": "ablation-cam"}, pgc.AblationCAM)]
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


def library(network, x, layer, classes, as_map, method, cls):
    """The map of pytorch-grad-cam at the layer's own resolution, before its ReLU."""
    targets = [ClassifierOutputTarget(c) for c in classes]
    with cls(model=network, target_layers=[network.get_submodule(layer)], reshape_transform=as_map) as explainer:
        explainer(x.clone().requires_grad_(True), targets=targets)
        store = explainer.activations_and_grads
        activation = store.activations[0].detach().numpy()
        gradient = store.gradients[0].detach().numpy() if store.gradients else np.zeros_like(activation)
        raw = explainer.get_cam_image(x, network.get_submodule(layer), targets, activation, gradient, False)
    if method["method"] == "ablation-cam":
        assert activation.min() == 0, "pytorch-grad-cam ablates with another value then"
        raw = raw * network(x)[range(len(classes)), classes].detach().numpy()[:, None, None]
    if method["method"] == "eigen-cam":
        raw = signed(raw, activation.sum(1))
    if method["method"] == "eigen-grad-cam":
        raw = signed(raw, (activation * gradient).sum(1))
    return torch.from_numpy(np.asarray(raw))


class ResidualSoftmax:
    """A class's logit plus the logarithm of its probability."""

    def __init__(self, index):
        self.index = index

    def __call__(self, logits):
        return logits[self.index] + logits.log_softmax(-1)[self.index]


def shapley(network, x, layer, classes, target):
    targets = [target(c) for c in classes]
    with pgc.ShapleyCAM(model=network, target_layers=[network.get_submodule(layer)]) as explainer:
        store = explainer.activations_and_grads
        store.model.zero_grad()
        output = store(x.clone().requires_grad_(True))
        loss = sum(t(o) for t, o in zip(targets, output))
        torch.autograd.grad(loss, store.activations[0], retain_graph=True, create_graph=True)
        a, g = store.activations[0], store.gradients[0]
        weights = explainer.get_cam_weights(x, None, targets, a, g)
        return (torch.from_numpy(weights)[:, :, None, None] * a.detach()).sum(1)


def finer(network, x, layer, classes):
    """torch-cam returns the map after the ReLU: the map before it is made from the activation and the gradient that it saw."""
    maps = []
    for image, c in zip(x, classes):
        with FinerCAM(network, layer, input_shape=tuple(image.shape)) as extractor:
            scores = network(image[None].clone().requires_grad_(True))
            extractor(class_idx=c, scores=scores, normalized=False)
            base = extractor.base_cam
            a, g = base.hook_a[0].detach(), base.hook_g[0].detach()
            maps.append((g.mean((2, 3), keepdim=True) * a).sum(1)[0])
    return torch.stack(maps)


def torch_cam(network, x, layer, classes, cls):
    """The sum of the channels by the library's weights: it returns the positive part alone."""
    maps = []
    for image, c in zip(x, classes):
        with cls(network, layer, input_shape=tuple(image.shape)) as extractor:
            scores = network(image[None].clone().requires_grad_(True))
            (weights,) = extractor._get_weights(c, scores)
            weights = weights.reshape(*weights.shape, *[1] * (4 - weights.ndim))
            maps.append((weights * extractor.hook_a[0].detach()).sum(1)[0].detach())
    return torch.stack(maps)


def is_cam(network, x, layer, classes, steps):
    with torch.no_grad():
        _, seen = cam.record(network, x, [layer])
        activation = seen[layer]
        masks = F.interpolate(activation, x.shape[2:], mode="bilinear", align_corners=False)
        low, high = masks.amin((2, 3), keepdim=True), masks.amax((2, 3), keepdim=True)
        masks = torch.where(high > low, (masks - low) / (high - low), torch.zeros_like(masks))
        weights = []
        for image, mask, c in zip(x, masks, classes):
            scores = [network(image[None] * mask[:, None] * (i + 1) / steps)[:, c] for i in range(steps)]
            weights.append(torch.stack(scores).mean(0).softmax(0))
        return (torch.stack(weights)[:, :, None, None] * activation).sum(1)


def recipro_cam(network, x, layer, classes, as_map, probability=True, kernel=1):
    """Byun and Lee 2022: the network runs on as many copies as the layer has positions, of which each keeps one position's activations,
    or those around it by a Gaussian."""
    row = torch.tensor([math.comb(kernel - 1, i) / 2 ** (kernel - 1) for i in range(kernel)], dtype=x.dtype)
    gaussian = torch.outer(row, row)[None, None]
    maps = []
    with torch.no_grad():
        for image, c in zip(x, classes):
            _, seen = cam.record(network, image[None], [layer])
            whole = seen[layer]
            h, w = as_map(whole).shape[2:]
            masks = F.conv2d(torch.eye(h * w, dtype=x.dtype).reshape(h * w, 1, h, w), gaussian, padding=kernel // 2)
            if whole.ndim == 3:
                # Tokens, of which those before the patches stay.
                masks = F.pad(masks.flatten(1), (whole.shape[1] - h * w, 0), value=1.0)[:, :, None]
            handle = network.get_submodule(layer).register_forward_hook(lambda *_: whole * masks)
            logits = network(image.expand(h * w, *image.shape))
            handle.remove()
            scores = (logits.softmax(1) if probability else logits)[:, c].reshape(h, w)
            maps.append((scores - scores.min()) / (scores.max() - scores.min()))
    return torch.stack(maps)


def papers(network, x, layer, classes, as_map, pooled):
    """The maps by the papers' own formulas, where the library departs from them or has none."""
    logits, seen = cam.record(network, x.clone().requires_grad_(True), [layer])
    activation = seen[layer]
    (gradient,) = torch.autograd.grad(cam.score(logits, classes), activation)
    a, g = as_map(activation.detach().double()), as_map(gradient.double())
    sums = a.sum((2, 3), keepdim=True)
    weighted = lambda w: (w * a).sum(1)
    alpha = torch.where(g != 0, 1 / (2 + g * sums), torch.zeros_like(g))
    maps = [
        ({"method": "grad-cam++", "epsilon": 0.0}, weighted((alpha * g.clamp(min=0)).sum((2, 3), keepdim=True))),
        ({"method": "smooth-grad-cam++", "noise": 0.0, "samples": 2},
         weighted((alpha * g.clamp(min=0)).sum((2, 3), keepdim=True))),
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


def maps_of(network, x, layer, classes, as_map, tokens, pooled):
    found = [(method, library(network, x, layer, classes, as_map, method, cls)) for method, cls in LIBRARY]
    if not tokens:
        found.append(({"method": "shapley-cam"}, shapley(network, x, layer, classes, ResidualSoftmax)))
        found.append(({"method": "finer-cam"}, finer(network, x, layer, classes)))
        found += [(method, torch_cam(network, x, layer, classes, cls)) for method, cls in TORCH_CAM]
    if pooled:
        found.append(({"method": "cam"}, torch_cam(network, x, layer, classes, CAM)))
    return found + papers(network, x, layer, classes, as_map, pooled)


def record(name):
    inner, size, gain = NETWORKS[name]
    network = formula.fill(architectures.build(name, CLASSES, size), gain).requires_grad_(False)
    as_map, tokens = architectures.as_map(name, size), architectures.is_transformer(name)
    last = architectures.last_layer(name, network)
    for attempt in range(100):
        source = f"input.{attempt}"
        x = torch.from_numpy(formula.picture(source, (2, 3, *size)))
        classes = network(x).argmax(1).tolist()
        layers, apart = [], 0.0
        for layer in (last, inner):
            pooled = name == "resnet18" and layer == last
            single = maps_of(network.float(), x, layer, classes, as_map, tokens, pooled)
            double = maps_of(network.double(), x.double(), layer, classes, as_map, tokens, pooled)
            network.float()
            apart = max([apart, *(deviation(a, b) for (_, a), (_, b) in zip(single, double))])
            layers.append((layer, double))
        # The first input whose gradients do not depend on rounding.
        if apart < APART:
            break
        print(f"{name}: {source}, f32 against f64: {apart:.1e}", flush=True)
    assert apart < APART
    for method, cls in SLOW:
        # GELU and layer norms leave no activation at 0, so that pytorch-grad-cam would ablate with another value.
        if method["method"] != "ablation-cam" or name == "resnet18":
            layers[0][1].append((method, library(network, x, last, classes, as_map, method, cls)))
    if name == "resnet18":
        layers[0][1].append(({"method": "is-cam", "steps": 4}, is_cam(network, x, last, classes, 4)))
    network.double()
    for layer, maps in layers:
        for options in ({"probability": True}, {"probability": False}, {"kernel": 3}, {"kernel": 5}):
            found = recipro_cam(network, x.double(), layer, classes, as_map, **options)
            maps.append(({"method": "recipro-cam"} | options, found))
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


def kept(path, networks, method):
    """The networks of the file, with the maps of `method` from `networks`."""
    old = json.loads(gzip.decompress(path.read_bytes()))["networks"]
    of_method = lambda map: map["method"]["method"] == method
    for before, after in zip(old, networks, strict=True):
        assert before["input"] == after["input"]
        for layer, made in zip(before["layers"], after["layers"], strict=True):
            others = [map for map in layer["maps"] if not of_method(map)]
            layer["maps"] = others + [map for map in made["maps"] if of_method(map)]
    return old


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    versions = architectures.versions()
    print(versions)
    path = Path(__file__).parent / "methods.json.gz"
    networks = [record(name) for name in NETWORKS]
    if len(sys.argv) > 1:
        networks = kept(path, networks, sys.argv[1])
    write(path, {"versions": versions, "networks": networks})
