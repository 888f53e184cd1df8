"""Runs the exported file and writes what the Rust side compares: `reference.npz`, `reference.safetensors` and `case.json`."""

import json
import zlib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime


def seed_of(name: str) -> int:
    """Returns the seed of a network, the same for all its exporters."""
    return zlib.crc32(name.encode()) % 2**31


def pictures(generator: np.random.Generator, count: int, size: int) -> np.ndarray:
    """Returns random pictures `(count, size, size, 3)` in -1 to 1 with coarse and fine structure."""
    coarse = 0
    for n in (1, 3, 9):
        blocks = np.ones((1, -(-size // n), -(-size // n), 1))
        coarse = coarse + np.kron(generator.normal(size=(count, n, n, 3)), blocks)[:, :size, :size]
    return (coarse / 2 + 0.3 * generator.normal(size=(count, size, size, 3))).clip(-1, 1).astype(np.float32)


def run(path: Path, x: np.ndarray) -> tuple[str, str, int, np.ndarray]:
    """Returns the names of the input and of the output that is compared, the output's index, and its value by onnxruntime.

    The output is the first of rank 2, else the first.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    image = session.get_inputs()[0].name
    values = session.run(None, {image: x})
    index = next((i for i, value in enumerate(values) if np.ndim(value) == 2), 0)
    return image, session.get_outputs()[index].name, index, np.asarray(values[index]).astype(np.float32)


def cotangent(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Returns the weights of the outputs in the target: one class of a classifier, else ±1 at 50 places."""
    generator = np.random.default_rng(seed)
    weights = np.zeros(shape, np.float32)
    if len(shape) == 2:
        weights[:, generator.integers(shape[1])] = 1
    else:
        places = generator.choice(weights.size, min(50, weights.size), replace=False)
        weights.reshape(-1)[places] = generator.choice([-1, 1], len(places))
    return weights


def deviation(found: np.ndarray, expected: np.ndarray) -> float:
    """Returns the largest difference over the largest value."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def write(folder: Path, values: dict[str, np.ndarray], case: dict):
    """Writes the arrays in f32 and the description. Adds the file's opset to the description."""
    from safetensors.numpy import save_file

    arrays = {key: np.ascontiguousarray(value, np.float32) for key, value in values.items()}
    for key, value in arrays.items():
        assert np.isfinite(value).all(), f"{key} is not finite"
        assert value.size == 0 or key in ("input", "cotangent") or value.max() > value.min(), f"{key} is constant"
    np.savez(folder / "reference.npz", **arrays)
    save_file(arrays, folder / "reference.safetensors")
    model = onnx.load(folder / "model.onnx", load_external_data=False)
    opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
    (folder / "case.json").write_text(json.dumps({**case, "opset": opset, "nodes": len(model.graph.node)}, indent=1) + "\n")
