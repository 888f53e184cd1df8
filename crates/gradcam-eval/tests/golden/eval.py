"""Makes `eval.json`: values of metrics and statistics from NumPy, SciPy, scikit-image and scikit-learn, for `crates/gradcam-eval`.

    python -m pip install numpy scipy scikit-image scikit-learn
    python crates/gradcam-eval/tests/golden/eval.py

Maps of any size are the sines below, which the tests have in Rust, so only results are stored; the two maps of SSIM are the draws of
`numpy.random.RandomState(42)`.
"""

import json
from pathlib import Path

import numpy as np
import scipy
import skimage
import sklearn
from scipy import ndimage, sparse, stats
from scipy.sparse.linalg import spsolve
from skimage.feature import hog
from skimage.filters import threshold_otsu
from skimage.metrics import structural_similarity
from sklearn.metrics import auc, average_precision_score, precision_recall_curve


def wave(height, width, step):
    """A map from 0 to 1, in the numbers that an f32 holds."""
    values = 0.5 + 0.5 * np.sin(0.3 + np.arange(height * width) * step)
    return values.astype(np.float32).astype(np.float64).reshape(height, width)


def numbers(values):
    return [float(f"{v:.9g}") for v in np.asarray(values, np.float64).ravel()]


def number(value):
    return float(f"{value:.12g}")


def similarity():
    random = np.random.RandomState(42)
    a = random.rand(16, 16)
    b = np.clip(a + 0.1 * random.randn(16, 16), 0, 1)
    uniform, gaussian = {"win_size": 7}, {"gaussian_weights": True, "sigma": 1.5}
    values = {
        f"{name}_{spread}": number(structural_similarity(a, b, data_range=spread, **window))
        for name, window in (("uniform", uniform), ("gaussian", gaussian))
        for spread in (1, 2)
    }
    return {"a": numbers(a), "b": numbers(b), **values}


def minmax(a):
    return (a - a.min()) / (a.max() - a.min())


def gradients():
    """Two maps of 53 rows and 70 columns: 3 × 4 cells of 16 pixels, 1 × 2 blocks."""
    features = [hog(minmax(wave(53, 70, step)), pixels_per_cell=(16, 16)) for step in (0.0413, 0.731)]
    return {"features": numbers(features[0]), "correlation": number(stats.spearmanr(*features).statistic)}


def otsu():
    """Sums of sines, scaled to 0..255 and cut."""
    steps = (0.0413, 0.117, 0.731, 1.9)
    return [int(threshold_otsu((minmax(wave(23, 31, s) * wave(23, 31, 0.07)) * 255).astype(np.uint8))) for s in steps]


def precision():
    """Maps of whole tenths, so that there are ties."""
    result = []
    for step in (0.0413, 0.731):
        scores = np.round(wave(23, 31, step) * 10).ravel()
        labels = (wave(23, 31, 0.117) > 0.8).ravel()
        p, r, _ = precision_recall_curve(labels, scores)
        result.append({"average": number(average_precision_score(labels, scores)), "trapezoid": number(auc(r, p))})
    return result


def imputation():
    """ROAD's system for one channel of 12 rows and 10 columns, three quarters of it hidden."""
    image, hidden = wave(12, 10, 0.731), wave(12, 10, 1.117) < 0.8
    assert 60 < hidden.sum() < 119
    unknown = {p: i for i, p in enumerate(zip(*np.nonzero(hidden)))}
    system, known = sparse.lil_matrix((len(unknown), len(unknown))), np.zeros(len(unknown))
    for (row, column), i in unknown.items():
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                near = (row + down, column + right)
                if (down, right) == (0, 0) or not (0 <= near[0] < 12 and 0 <= near[1] < 10):
                    continue
                weight = 1 / 6 if 0 in (down, right) else 1 / 12
                system[i, i] += weight
                if hidden[near]:
                    system[i, unknown[near]] -= weight
                else:
                    known[i] += weight * image[near]
    result = image.copy()
    result[hidden] = spsolve(system.tocsr(), known)
    return numbers(result)


def blur():
    """The kernel of RISE's evaluation: a dot in a box of 11 × 11, blurred with a deviation of 5."""
    dot = np.zeros((11, 11))
    dot[5, 5] = 1
    return numbers(ndimage.gaussian_filter(dot, 5)[5])


def statistics():
    x = 10 * wave(1, 11, 0.731).ravel() - 4
    flips = {
        side: number(stats.permutation_test((x,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative=side).pvalue)
        for side in ("greater", "less", "two-sided")
    }
    return {"quantiles": numbers(np.quantile(x, (0.025, 0.3, 0.975))), "sign_flip": flips}


if __name__ == "__main__":
    dense = wave(23, 31, 0.731)
    golden = {
        "versions": {m.__name__: m.__version__ for m in (np, scipy, skimage, sklearn)},
        "entropy": number(stats.entropy(dense.ravel())),
        "gini": number(np.abs(dense.ravel()[:, None] - dense.ravel()).mean() / (2 * dense.mean())),
        "ssim": similarity(),
        "hog": gradients(),
        "otsu": otsu(),
        "precision": precision(),
        "imputation": imputation(),
        "blur": blur(),
        "statistics": statistics(),
    }
    Path(__file__).with_name("eval.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
