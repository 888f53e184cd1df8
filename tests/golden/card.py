"""Makes `card.json.gz` and `rocket.png`: tests of the card for the default model on five photos, for `tests/tests/all/card.rs`.

    python -m pip install torch torchvision timm scikit-image scipy safetensors pillow numpy
    python tests/golden/card.py

Written from the papers: Grad-CAM (Selvaraju et al. 2017, eq. 1-2) by hooks at the last layer; deletion and insertion (Petsiuk et al. 2018);
sparsity (Gomez et al. 2022); cascading randomization (Adebayo et al. 2018), whose similarities are those of scikit-image and SciPy.
The network is timm's, in f64. A map is rounded to f32 once it has the input's resolution, as any map that is handed on: where it
is constant beyond the outermost samples, it is so to the bit, and neither an order of pixels nor an angle of a gradient rests on noise.

The pictures are cut out of the middle of the photos, without a resize, so that both sides have the same pixels. Those of the JPEG are kept as
a PNG: decoders differ in 0.6 % of its bytes, by at most 2 levels, and that alone moves the area of its deletion by 7 %, the correlations after a
randomization by up to 0.12. New parameters are those of `formula.py`. Pixels of the same saliency go in reading order.
"""

import json
from pathlib import Path

import numpy as np
import scipy
import skimage
import timm
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file
from scipy import ndimage, stats
from skimage.feature import hog
from skimage.metrics import structural_similarity

import architectures
import cam
import formula

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "models/efficientnet-lite0"
ROCKET = "tests/golden/rocket.png"
PHOTOS = (*(f"models/photos/{name}.png" for name in ("astronaut", "camera", "chelsea", "coffee")), ROCKET)
SIDE = 224
# Eight rows' worth of pixels a step.
STEP = 8 * SIDE
# The blocks of each step of the cascade, from the output down.
STEPS = (
    ("classifier",),
    ("bn2", "conv_head"),
    ("blocks.6", "blocks.5"),
    ("blocks.4", "blocks.3"),
    ("blocks.2", "blocks.1", "blocks.0"),
    ("bn1", "conv_stem"),
)
GAIN = 1.0


def build(config):
    network = timm.create_model(config["architecture"], num_classes=config["num_classes"]).eval()
    missing, _ = network.load_state_dict(load_file(FOLDER / "model.safetensors"), strict=False)
    assert not [name for name in missing if not name.endswith("num_batches_tracked")]
    return network.double().requires_grad_(False)


def cut(photo):
    """The middle of a photo as bytes (rows, columns, 3)."""
    picture = Image.open(ROOT / photo).convert("RGB")
    left, top = (picture.width - SIDE) // 2, (picture.height - SIDE) // 2
    return np.asarray(picture.crop((left, top, left + SIDE, top + SIDE)))


def normalised(pixels, description):
    mean, std = (torch.tensor(description[name], dtype=torch.float64) for name in ("mean", "std"))
    x = (torch.from_numpy(pixels.copy()).double() / 255 - mean) / std
    return x.permute(2, 0, 1)[None]


def upsampled(raw):
    """A map (rows, columns) at the input's resolution."""
    return F.interpolate(raw[None, None], (SIDE, SIDE), mode="bilinear", align_corners=False)[0, 0].float().double().numpy()


def grad_cam(network, x, c, layer):
    """The signed map of class `c`, and the logits."""
    logits, seen = cam.record(network, x.clone().requires_grad_(True), [layer])
    return cam.raw_maps(logits, seen[layer], [c])[0], logits[0].detach()


def curve(network, begin, end, order, c):
    """The probability of `c` while the pixels of `begin` are replaced by those of `end` in this order, and the area under it."""
    images = []
    for count in range(0, len(order) + STEP, STEP):
        image = begin.flatten(2).clone()
        image[:, :, order[:count]] = end.flatten(2)[:, :, order[:count]]
        images.append(image.view_as(begin))
    scores = torch.cat([network(image).softmax(1)[:, c] for image in images]).numpy()
    area = (scores.sum() - scores[0] / 2 - scores[-1] / 2) / (len(scores) - 1)
    return {"scores": numbers(scores), "area": number(area)}


def blurred(x):
    """RISE's blur: a dot in a box of 11 x 11, blurred with a deviation of 5, is the kernel; zeros beyond the border."""
    dot = np.zeros((11, 11))
    dot[5, 5] = 1
    kernel = torch.from_numpy(ndimage.gaussian_filter(dot, 5))
    return F.conv2d(x, kernel.expand(3, 1, 11, 11), padding=5, groups=3)


def min_max(values):
    return (values - values.min()) / (values.max() - values.min())


def sparsity(values):
    return number(1 / min_max(values).mean())


def faithfulness(network, x, c, raw):
    """Deletion, insertion and sparsity of the map after the ReLU."""
    raw = raw.clamp(min=0)
    map = upsampled(raw)
    order = torch.from_numpy(np.argsort(-map.ravel(), kind="stable"))
    return {
        "deletion": curve(network, x, torch.zeros_like(x), order, c),
        "insertion": curve(network, blurred(x), x, order, c),
        "sparsity": {"map": sparsity(raw.numpy()), "upsampled": sparsity(map)},
    }


def likeness(a, b):
    """How like two signed maps are."""
    scaled = min_max(a), min_max(b)
    features = [hog(map, orientations=9, pixels_per_cell=(16, 16), cells_per_block=(3, 3), block_norm="L2-Hys") for map in scaled]
    return {
        "ssim-gaussian": number(structural_similarity(*scaled, data_range=1, gaussian_weights=True, sigma=1.5)),
        "ssim": number(structural_similarity(*scaled, data_range=1, win_size=7)),
        "spearman": number(stats.spearmanr(a.ravel(), b.ravel()).statistic),
        "spearman-absolute": number(stats.spearmanr(np.abs(a).ravel(), np.abs(b).ravel()).statistic),
        "hog": number(stats.spearmanr(*features).statistic),
    }


def cascade(network, inputs, classes, layer):
    """The network's maps against those of itself with new parameters, block after block, for the class of the trained network."""
    maps = [upsampled(grad_cam(network, x, c, layer)[0]) for x, c in zip(inputs, classes)]
    parameters = dict(network.named_parameters())
    steps = []
    for blocks in STEPS:
        inside = tuple(f"{block}." for block in blocks)
        for name in [name for name in parameters if name.startswith(inside)]:
            value = parameters.pop(name)
            value.copy_(torch.from_numpy(formula.parameter(name, tuple(value.shape), GAIN)))
        found = []
        for x, c, map in zip(inputs, classes, maps):
            raw, logits = grad_cam(network, x, c, layer)
            own = logits.argmax().item()
            repicked = grad_cam(network, x, own, layer)[0]
            found.append(
                {
                    "class": own,
                    "fixed": likeness(map, upsampled(raw)),
                    "repicked": likeness(map, upsampled(repicked)),
                }
            )
        steps.append({"blocks": blocks, "images": found})
    assert not parameters
    return steps


def number(value):
    return float(f"{value:.7g}")


def numbers(values):
    return [number(value) for value in values]


if __name__ == "__main__":
    config = json.loads((FOLDER / "config.json").read_text())
    network = build(config)
    layer = architectures.last_layer(config["architecture"], network)
    Image.fromarray(cut("models/photos/rocket.jpg")).save(ROOT / ROCKET, optimize=True)
    photos, inputs = [], []
    for photo in PHOTOS:
        x = normalised(cut(photo), config["pretrained_cfg"])
        c = network(x).argmax().item()
        raw, _ = grad_cam(network, x, c, layer)
        photos.append({"photo": photo, "class": c, **faithfulness(network, x, c, raw)})
        inputs.append(x)
    steps = cascade(network, inputs, [photo["class"] for photo in photos], layer)
    formula.write(
        Path(__file__).parent / "card.json.gz",
        {
            "versions": {m.__name__: m.__version__ for m in (np, scipy, skimage, timm, torch)},
            "layer": layer,
            "photos": photos,
            "gain": GAIN,
            "steps": steps,
        },
    )
