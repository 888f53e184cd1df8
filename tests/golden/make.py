"""Makes `golden.json.gz`: logits, raw Grad-CAM maps and input gradients from PyTorch, for `tests/tests/all/golden.rs`.

    python -m pip install torch torchvision timm grad-cam transformers
    python tests/golden/make.py models/efficientnet-lite0 models/photos

Parameters and inputs come from `formula.py`, so only results are stored. Logits and maps are made in f32 on one thread and checked
against f64, so that a difference from the file is the tested program's own. Input gradients are made in f64: in a network of ReLUs they
jump where a unit crosses zero, and in f32 rounding decides. For the default model, the first argument is its folder and the second the
folder with the photos.
"""

import json
import sys
from pathlib import Path

import numpy as np
import pytorch_grad_cam
import timm
import torch
from PIL import Image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from safetensors.torch import load_file

import architectures
import cam
import formula
import parameters

CLASSES = 10
# Name: (inner layer, size of the input, gain of the kernels). The gains keep the activations near 1.
NETWORKS = {
    "resnet18": ("layer2.0.conv2", (97, 81), 0.8),
    "resnet50": ("layer2.0.conv2", (81, 97), 0.8),
    "resnext50_32x4d": ("layer3.1.conv2", (97, 83), 0.75),
    "vgg11": ("features.8", (67, 75), 1.0),
    "vgg16_bn": ("features.20", (75, 64), 1.0),
    "alexnet": ("features.6", (97, 87), 1.0),
    "googlenet": ("inception4a.branch3.0.conv", (93, 79), 1.0),
    "inception_v3": ("Mixed_6b.branch7x7_2.conv", (139, 107), 1.0),
    "densenet121": ("features.denseblock2.denselayer3.conv2", (83, 97), 1.0),
    "mobilenetv2_100": ("blocks.3.0.conv_dw", (95, 89), 0.8),
    "mobilenetv3_small_100": ("blocks.2.0.conv_dw", (89, 97), 1.06),
    "squeezenet1_1": ("features.6.expand3x3", (79, 97), 1.0),
    "efficientnet_b0": ("blocks.3.0.conv_dw", (97, 91), 1.04),
    "tf_efficientnet_lite0": ("blocks.3.0.conv_dw", (85, 96), 0.8),
    "convnext_tiny": ("stages.1.blocks.0.conv_dw", (97, 85), 1.0),
    "vit_tiny_patch16_224": ("blocks.3", (96, 64), 0.6),
    "deit_tiny_distilled_patch16_224": ("blocks.5.attn.proj", (64, 80), 0.6),
    "vit_small_patch14_reg4_dinov2": ("blocks.4.norm2", (70, 56), 0.6),
    "vit_base_patch32_clip_quickgelu_224": ("blocks.2.norm2", (96, 128), 0.6),
    "swin_tiny_patch4_window7_224": ("layers.1.blocks.1", (224, 256), 0.6),
}
# How far f32 and f64 may lie apart, relative to the largest value.
LOGITS, MAPS, GRADIENTS = 1e-5, 1e-4, 1e-5


def numbers(tensor):
    """The values in row-major order, each written with the digits that an f32 needs."""
    return [float(f"{v:.9g}") for v in tensor.detach().float().flatten().tolist()]


def deviation(a, b):
    """The largest difference relative to the largest value of `b`."""
    return ((a.double() - b.double()).abs().max() / b.double().abs().max()).item()


def measure(network, x, layers, as_map, classes=None):
    """The first and the second class of each image, logits, raw maps of every layer for both, and the gradient for the first."""
    x = x.clone().requires_grad_(True)
    logits, seen = cam.record(network, x, layers)
    if classes is None:
        classes = logits.topk(2).indices.T.tolist()
    maps = {name: [cam.raw_maps(logits, seen[name], choice, as_map) for choice in classes] for name in layers}
    gradient = cam.input_gradient(logits, x, classes[0])
    return classes, logits.detach(), maps, gradient


def in_both_precisions(network, x, layers, as_map=lambda x: x):
    """Classes, logits and maps in f32 with the gradient in f64, and how far f32 is from f64: (logits, maps, gradient)."""
    classes, logits, maps, gradient = measure(network.float(), x, layers, as_map)
    # The same with other kernels, which round in another order.
    with torch.backends.mkldnn.flags(enabled=False):
        other = measure(network, x, layers, as_map, classes)[3]
    double = measure(network.double(), x.double(), layers, as_map, classes)
    network.float()
    apart = (
        deviation(logits, double[1]),
        max(deviation(a, b) for name in layers for a, b in zip(maps[name], double[2][name])),
        max(deviation(g, double[3]) for g in (gradient, other)),
    )
    return (classes, logits, maps, double[3]), apart


def with_pytorch_grad_cam(network, x, layer, classes, raw, as_map):
    """pytorch-grad-cam's map at the layer's own resolution, which must be ours after its ReLU and min-max scaling."""
    layers = [network.get_submodule(layer)]
    with pytorch_grad_cam.GradCAM(model=network, target_layers=layers, reshape_transform=as_map) as method:
        method.get_target_width_height = lambda _x: (raw.shape[2], raw.shape[1])
        theirs = method(x.clone().requires_grad_(True), targets=[ClassifierOutputTarget(c) for c in classes])
    theirs = torch.from_numpy(np.asarray(theirs))
    ours = raw.clamp(min=0)
    # It scales each layer's map, and then the mean over the layers: the second time takes the summand's effect on small maps back.
    for _ in range(2):
        ours = ours - ours.amin((1, 2), keepdim=True)
        ours = ours / (1e-7 + ours.amax((1, 2), keepdim=True))
    assert (theirs - ours).abs().max() < 1e-5, f"pytorch-grad-cam differs by {(theirs - ours).abs().max()}"
    return theirs


def layer_record(name, classes, maps):
    """One layer's maps: for every image, one for each class."""
    images = [
        [{"class": choice[i], "raw": numbers(m[i])} for choice, m in zip(classes, maps)]
        for i in range(len(classes[0]))
    ]
    return {"name": name, "size": list(maps[0].shape[1:]), "images": images}


def network_record(name):
    """The record of one network with parameters by formula."""
    inner, size, gain = NETWORKS[name]
    network = formula.fill(architectures.build(name, CLASSES, size), gain).requires_grad_(False)
    as_map = architectures.as_map(name, size)
    # One picture for Swin: its windows want a large one.
    batch = 1 if name.startswith("swin") else 2
    last = architectures.last_layer(name, network)
    # The first input whose gradient does not depend on rounding: no unit lies too near the kink of its ReLU; and whose maps have
    # something to show.
    for attempt in range(100):
        source = f"input.{attempt}"
        x = torch.from_numpy(formula.picture(source, (batch, 3, *size)))
        (classes, logits, maps, gradient), apart = in_both_precisions(network, x, [last, inner], as_map)
        if apart[2] < GRADIENTS and (maps[last][0].amax((1, 2)) > 0).all():
            break
    print(f"{name:24} {source:9} largest logit {logits.abs().max():8.3g}, f32 against f64: "
          + ", ".join(f"{what} {d:.1e}" for what, d in zip(("logits", "maps", "gradient"), apart)), flush=True)
    assert apart[0] < LOGITS and apart[1] < MAPS and apart[2] < GRADIENTS, "badly conditioned: choose another gain"
    theirs = with_pytorch_grad_cam(network, x, last, classes[0], maps[last][0], as_map)
    return {
        "name": name,
        "classes": CLASSES,
        "gain": gain,
        "input": {"name": source, "shape": [batch, 3, *size]},
        "logits": [numbers(row) for row in logits],
        "layers": [layer_record(layer, classes, maps[layer]) for layer in (last, inner)],
        "grad_cam": [numbers(m) for m in theirs],
        "gradient": [
            {"l1": numbers(g.abs().sum())[0], "blocks": numbers(b)}
            for g, b in zip(gradient, cam.block_sums(gradient))
        ],
    }


def transformers_record(name, network, size):
    """The first logits of a network of Hugging Face transformers whose parameters have their values by formula under its own names."""
    gain = 0.6
    network = formula.fill(network.eval(), gain).requires_grad_(False)
    x = torch.from_numpy(formula.picture("input", (1, 3, size, size)))
    with torch.no_grad():
        output = network(x)
    logits = output.image_embeds if "clip" in name else output.logits
    state = {key: list(value.shape) for key, value in network.state_dict().items()}
    return {"name": name, "gain": gain, "size": size, "state": state, "logits": numbers(logits[0, :CLASSES])}


def transformers_records():
    """One of each family, at the size that its positions are made for: transformers resizes them otherwise."""
    for name, size in (
        ("vit_tiny_patch16_224", 224),
        ("deit_tiny_distilled_patch16_224", 224),
        ("vit_base_patch32_clip_quickgelu_224", 224),
        ("swin_tiny_patch4_window7_224", 224),
        ("dinov2_vits14_reg_lc", 518),
    ):
        yield transformers_record(name, parameters.hugging_face(name), size)


def default_record(folder, photos):
    """The record of the default model with its trained weights: an input by formula, and photos."""
    config = json.loads((folder / "config.json").read_text())
    network = timm.create_model(config["architecture"], num_classes=config["num_classes"]).eval()
    network.load_state_dict(load_file(folder / "model.safetensors"), strict=False)
    network.requires_grad_(False)
    last, inner = architectures.last_layer(config["architecture"], network), "blocks.3.0.conv_dw"

    def record(x, layers):
        (classes, logits, maps, _), apart = in_both_precisions(network, x, layers)
        print(f"{'default model':24} top {classes[0]}, f32 against f64: logits {apart[0]:.1e}, maps {apart[1]:.1e}", flush=True)
        assert apart[0] < LOGITS and apart[1] < MAPS
        top = logits[0].argsort(descending=True, stable=True)[:5].tolist()
        return {
            "top": [{"class": c, "logit": numbers(logits[0, c])[0], "probability": numbers(logits[0].softmax(0)[c])[0]} for c in top],
            "layers": [layer_record(layer, classes, maps[layer]) for layer in layers],
        }

    cfg = config["pretrained_cfg"]
    transform = timm.data.create_transform(
        tuple(cfg["input_size"]), interpolation=cfg["interpolation"], mean=cfg["mean"], std=cfg["std"], crop_pct=cfg["crop_pct"]
    )
    shape = [1, *cfg["input_size"]]
    pictures = []
    for path in sorted(photos.iterdir()):
        if path.stem in ("chelsea", "coffee", "rocket"):
            x = transform(Image.open(path).convert("RGB"))[None]
            # Not the inner layer: its gradient jumps with the last bits of a resize.
            pictures.append({"photo": path.name} | record(x, [last]))
    assert len(pictures) == 3, f"chelsea, coffee and rocket are not all in {photos}"
    return {
        "architecture": config["architecture"],
        "formula": {"name": "input", "shape": shape} | record(torch.from_numpy(formula.picture("input", shape)), [last, inner]),
        "photos": pictures,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.manual_seed(0)
    versions = architectures.versions()
    print(versions)
    formula.write(
        Path(__file__).parent / "golden.json.gz",
        {
            "versions": versions,
            "networks": [network_record(name) for name in NETWORKS],
            "transformers": list(transformers_records()),
            "default": default_record(Path(sys.argv[1]), Path(sys.argv[2])),
        },
    )
