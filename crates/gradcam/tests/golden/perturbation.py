"""Makes `perturbation.json`: maps of the perturbation methods from Captum, and a weighted ridge regression from scikit-learn, for
`crates/gradcam/src/methods/perturbation/golden.rs`.

    python -m pip install torch captum scikit-learn
    python crates/gradcam/tests/golden/perturbation.py

Network, picture and regions are the sines below, which the test has in Rust, so only results are stored. Kernel SHAP over all coalitions
is compared with Captum's `ShapleyValues` over all permutations: its `KernelShap` and `Lime` draw their samples themselves, so of LIME
only the regression can be compared.
"""

import json
import math
from pathlib import Path

import captum
import numpy as np
import sklearn
import torch
from captum.attr import FeatureAblation, Occlusion, ShapleyValues
from sklearn.linear_model import Ridge

HEIGHT, WIDTH, HIDDEN = 13, 10, 8
PIXELS = HEIGHT * WIDTH
PARTS, ROWS = 5, 40


def sines(count, start, step):
    return np.sin(start + np.arange(count) * step)


def tensor(count, start, step, *shape):
    return torch.from_numpy(sines(count, start, step).astype(np.float32).reshape(shape)).double()


class Network(torch.nn.Module):
    """Two layers with a ReLU between them."""

    first = tensor(HIDDEN * 3 * PIXELS, 0.3, 0.731, HIDDEN, 3 * PIXELS)
    second = tensor(2 * HIDDEN, 0.5, 1.7, 2, HIDDEN)

    def forward(self, x):
        return torch.relu(x.double().flatten(1) @ self.first.T) @ self.second.T


def numbers(values):
    return [float(f"{v:.9g}") for v in np.asarray(values, np.float64).ravel()]


def occlusion(network, x, window, stride):
    found = Occlusion(network).attribute(
        x, target=1, sliding_window_shapes=(3, window, window), strides=(3, stride, stride), baselines=0.25
    )
    # Captum has the same number at each channel.
    return {"window": window, "stride": stride, "map": numbers(found[0, 0])}


def regression():
    rows = (sines(ROWS * PARTS, 0.2, 1.9) > 0).astype(float).reshape(ROWS, PARTS)
    distance = 1 - np.sqrt(rows.mean(1))
    weights = np.sqrt(np.exp(-(distance**2) / 0.25**2))
    targets = rows @ np.arange(1, PARTS + 1) + sines(ROWS, 0.1, 2.3)
    fit = Ridge(alpha=1.0).fit(rows, targets, sample_weight=weights)
    return {
        "coefficients": numbers(fit.coef_),
        "r_squared": float(f"{fit.score(rows, targets, sample_weight=weights):.9g}"),
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    network = Network()
    x = 0.5 + 0.5 * tensor(3 * PIXELS, 0.3, 0.0413, 1, 3, HEIGHT, WIDTH)
    mask = torch.tensor([(i // WIDTH // 5) + 2 * (i % WIDTH // 6) for i in range(PIXELS)]).reshape(1, 1, HEIGHT, WIDTH)
    given = {"target": 1, "feature_mask": mask, "baselines": 0.25}
    assert math.prod(x.shape) == 3 * PIXELS and mask.unique().numel() == mask.max() + 1
    golden = {
        "versions": {m.__name__: m.__version__ for m in (captum, sklearn, torch)},
        "occlusion": [occlusion(network, x, window, stride) for window, stride in ((4, 3), (5, 5), (10, 1))],
        "feature_ablation": numbers(FeatureAblation(network).attribute(x, **given)[0, 0]),
        "shapley": numbers(ShapleyValues(network).attribute(x, **given)[0, 0]),
        "ridge": regression(),
    }
    path = Path(__file__).parent / "perturbation.json"
    path.write_text(json.dumps(golden, separators=(",", ":")) + "\n")
    print(golden["versions"], path.stat().st_size)
