"""Makes `pixels.json.gz`: maps at the pixels from Captum, zennit, saliency and written-out formulas, for `tests/tests/all/pixels.rs`.

    python -m pip install torch torchvision timm captum zennit saliency transformers grad-cam
    python tests/golden/pixels.py

Networks and inputs are by formula, as in `make.py`; results are made in f64. The attributions are summed over the colours, and the baseline
is zero. Where Captum and a paper part, the paper is followed and Captum left out by name:

- DeepLIFT only on a small network without max pooling. On VGG-11 the sum of Captum's attributions misses the difference of the scores by a
  tenth of it (its `return_convergence_delta` says so), and with overlapping windows by more; our rule adds up there.
- Blur IG is that of its authors' package `saliency`. FullGrad is in none of them; it is written out below.
- Its NoiseTunnel and GradientShap draw their own noise: SmoothGrad, VarGrad and expected gradients are held to closed expectations.
- The products of Grad-CAM with a map of the pixels take Captum's map and our enlargement (Captum's is by nearest neighbours).
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from captum.attr import (
    Deconvolution,
    DeepLift,
    GuidedBackprop,
    InputXGradient,
    IntegratedGradients,
    Saliency,
)
from saliency.core import INPUT_OUTPUT_GRADIENTS, BlurIG
from torchvision.models.resnet import BasicBlock
from zennit import composites, rules, torchvision as zt, types as zy
from zennit.attribution import Gradient

import architectures
import cam
import formula
from make import CLASSES

# Name: (layer for the products with Grad-CAM, size of the input, gain of the kernels).
NETWORKS = {
    "resnet18": ("layer3", (41, 37), 0.8),
    "vgg11": ("features.15", (35, 43), 1.0),
    "convnext_tiny": ("stages.2.blocks.3", (40, 36), 1.0),
    "small": ("conv2", (17, 15), 1.0),
}


def small():
    """Convolutions, ReLUs, an average and a linear layer."""
    from collections import OrderedDict

    return torch.nn.Sequential(OrderedDict(
        conv1=torch.nn.Conv2d(3, 6, 3, 2, 1),
        relu1=torch.nn.ReLU(),
        conv2=torch.nn.Conv2d(6, 8, 3, 2, 1),
        relu2=torch.nn.ReLU(),
        pool=torch.nn.AdaptiveAvgPool2d(1),
        flatten=torch.nn.Flatten(),
        fc=torch.nn.Linear(8, 4),
    )).eval()


class Pooled(torch.nn.Module):
    """timm's head of VGG with every function a module of its own, and the pooling too."""

    def __init__(self, head):
        super().__init__()
        self.pool = torch.nn.AdaptiveAvgPool2d((7, 7))
        self.fc1, self.act1 = head.fc1, torch.nn.ReLU()
        self.fc2, self.act2 = head.fc2, torch.nn.ReLU()

    def forward(self, x):
        return self.act2(self.fc2(self.act1(self.fc1(self.pool(x)))))


def build(name, gain):
    network = small() if name == "small" else architectures.build(name, CLASSES)
    network = formula.fill(network, gain).requires_grad_(False).double()
    for module in network.modules():
        if isinstance(module, torch.nn.ReLU):
            module.inplace = False
    if name == "vgg11":
        network.pre_logits = Pooled(network.pre_logits)
    return network


def gradient(network, x, c):
    x = x.clone().requires_grad_(True)
    return torch.autograd.grad(network(x)[0, c], x)[0]


def blur_ig(network, x, c, steps, sigma):
    """The package takes one picture with its channels last, and asks for the gradients at batches of blurred ones."""

    def gradients(pictures, call_model_args=None, expected_keys=None):
        found = gradient(network, torch.from_numpy(pictures).permute(0, 3, 1, 2), c)
        return {INPUT_OUTPUT_GRADIENTS: found.permute(0, 2, 3, 1).numpy()}

    found = BlurIG().GetMask(x[0].permute(1, 2, 0).numpy(), gradients, max_sigma=sigma, steps=steps)
    return torch.from_numpy(found).permute(2, 0, 1)[None]


def full_gradient(network, x, c):
    """Srinivas and Fleuret 2019 for a network of convolutions with batch norms and ReLUs: psi of input times gradient and of every bias."""
    seen, handles = [], []
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):

            def hook(module, _inputs, output):
                bias = module.bias - module.running_mean * module.weight / (module.running_var + module.eps).sqrt()
                seen.append((bias[None, :, None, None], output))

            handles.append(module.register_forward_hook(hook))
    x = x.clone().requires_grad_(True)
    score = network(x)[0, c]
    grads = torch.autograd.grad(score, [x, *(output for _, output in seen)])
    for handle in handles:
        handle.remove()
    terms = [x.detach() * grads[0], *(bias * grad for (bias, _), grad in zip(seen, grads[1:]))]
    total = sum(term.sum() for term in terms) + network.fc.bias[c]
    assert abs(total - score) < 1e-9 * abs(score), "completeness"
    maps = []
    for term in terms:
        term = term.abs()
        if term.shape[2] * term.shape[3] < 2:
            continue
        term = (term - term.min()) / (term.max() - term.min())
        term = term.sum(1, keepdim=True)
        maps.append(F.interpolate(term, x.shape[2:], mode="bilinear", align_corners=False))
    return sum(maps).detach()


def lrp(network, x, c, composite):
    with Gradient(model=network, composite=composite) as attributor:
        output, relevance = attributor(x, lambda out: F.one_hot(torch.tensor([c]), CLASSES) * out)
    return relevance.detach()


def everywhere(rule, canonizers):
    base = composites.layer_map_base()
    layers = [((zy.Convolution, torch.nn.Linear), rule)]
    return composites.LayerMapComposite(base + [(kinds, hook) for kinds, hook in layers], canonizers=canonizers)


def maps_of(name, network, x, c, layer):
    def captum(cls, **options):
        return cls(network).attribute(x, target=c, **options).detach()

    maps = [
        ({"method": "gradient", "channels": "sum"}, captum(Saliency, abs=False)),
        ({"method": "smoothgrad", "noise": 0.0, "samples": 3, "channels": "sum"}, captum(Saliency, abs=False)),
        ({"method": "input-x-gradient"}, captum(InputXGradient)),
        ({"method": "integrated-gradients", "steps": 9, "baseline": "mean"}, captum(IntegratedGradients, n_steps=9)),
        ({"method": "smooth-integrated-gradients", "steps": 9, "samples": 2, "noise": 0.0, "baseline": "mean"},
         captum(IntegratedGradients, n_steps=9)),
        ({"method": "blur-ig", "steps": 6, "sigma": 5.0}, blur_ig(network, x, c, 6, 5.0)),
    ]
    single = gradient(network, x, c)
    maps.append(({"method": "gradient", "channels": "max-abs"}, single.abs().amax(1, keepdim=True)))
    maps.append(({"method": "gradient", "channels": "norm"}, single.pow(2).sum(1, keepdim=True).sqrt()))
    if name == "small":
        maps.append(({"method": "deeplift", "baseline": "mean"}, captum(DeepLift)))
        return maps
    if name != "convnext_tiny":
        guided = captum(GuidedBackprop)
        maps.append(({"method": "guided-backprop", "channels": "sum"}, guided))
        maps.append(({"method": "deconvolution", "channels": "sum"}, captum(Deconvolution)))
        logits, seen = cam.record(network, x.clone().requires_grad_(True), [layer])
        raw = cam.raw_maps(logits, seen[layer], [c])[:, None]
        enlarged = F.interpolate(raw.clamp(min=0), x.shape[2:], mode="bilinear", align_corners=False)
        maps.append(({"method": "guided-grad-cam"}, guided.sum(1, keepdim=True) * enlarged))
        product = single.sum(1, keepdim=True) * enlarged
        maps.append(({"method": "smoothgrad-grad-cam", "noise": 0.0, "samples": 2, "channels": "sum"}, product))
    if name == "resnet18":
        maps.append(({"method": "fullgrad"}, full_gradient(network, x, c)))
    return maps


def relevances(name, x, c, gain):
    """zennit changes the network, so each rule gets its own."""
    if name == "resnet18":
        network = formula.fill(architectures.build_torchvision(name, CLASSES), gain).requires_grad_(False).double()
        canonizers = [zt.ResNetCanonizer()]
    elif name == "vgg11":
        network, canonizers = build(name, gain), None
    else:
        return []
    table = [
        ({"rule": "epsilon-plus-flat"}, composites.EpsilonPlusFlat(canonizers=canonizers)),
        ({"rule": "epsilon", "epsilon": 0.01}, everywhere(rules.Epsilon(0.01), canonizers)),
        ({"rule": "gamma"}, everywhere(rules.Gamma(0.25), canonizers)),
        ({"rule": "alpha-beta"}, everywhere(rules.AlphaBeta(2, 1), canonizers)),
        ({"rule": "z-plus"}, everywhere(rules.ZPlus(), canonizers)),
    ]
    return [({"method": "lrp", **options}, lrp(network, x, c, composite)) for options, composite in table]


def record(name):
    layer, size, gain = NETWORKS[name]
    network = build(name, gain)
    x = torch.from_numpy(formula.picture("input", (1, 3, *size))).double()
    c = network(x).argmax().item()
    maps = maps_of(name, network, x, c, layer) + relevances(name, x, c, gain)
    return {
        "name": name,
        "classes": CLASSES,
        "gain": gain,
        "input": {"name": "input", "shape": [1, 3, *size]},
        "target": c,
        "layer": layer,
        "maps": [
            {"method": method, "values": [float(f"{v:.5g}") for v in found.sum(1).flatten().tolist()]}
            for method, found in maps
        ],
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    versions = architectures.versions()
    formula.write(Path(__file__).parent / "pixels.json.gz", {"versions": versions, "networks": [record(name) for name in NETWORKS]})
