"""Weights and inputs by formula, so that none need committing. `tests/tests/all/golden.rs` has the same formula in Rust.

Element `i` of the tensor `name` is a function of u(name, i) = 2 * (splitmix64(fnv1a64(name) + i) >> 11) / 2^53 - 1, uniform in [-1, 1):
computed in f64 and rounded to f32 once.
"""

import gzip
import json
import math

import numpy as np

MASK = (1 << 64) - 1


def fnv1a64(text):
    """The FNV-1a hash of the UTF-8 bytes of `text`."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniform(name, index):
    """u(name, i) for every i of the array `index`, as f64."""
    z = index.astype(np.uint64) + np.uint64(fnv1a64(name))
    z += np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(np.float64) * (2.0 / (1 << 53)) - 1.0


def parameter(name, shape, gain):
    """The parameter `name`: kernels uniform with `gain` times He's bound sqrt(6 / fan-in), scales and variances around 1, shifts around 0, positions as large as what they are added to."""
    count = math.prod(shape)
    # In pieces: the first fully connected layer of VGG has a hundred million elements.
    values = np.empty(count, np.float32)
    for start in range(0, count, 1 << 22):
        index = np.arange(start, min(start + (1 << 22), count), dtype=np.uint64)
        u = uniform(name, index)
        if name.endswith(("pos_embed", "position_embeddings", "position_embedding.weight")):
            u *= 0.5
        elif len(shape) >= 2:
            u *= gain * math.sqrt(6.0 / math.prod(shape[1:]))
        elif name.rsplit(".", 1)[-1] in ("weight", "running_var", "gamma", "lambda1"):
            u = 1.0 + 0.5 * u
        else:
            u *= 0.1
        values[start : start + len(index)] = u
    return values.reshape(shape)


def picture(name, shape):
    """An input (n, c, h, w) in [-2, 2): squares of 8 x 8 pixels of one value each, with noise of the same strength on top."""
    coarse = np.indices(shape)
    coarse[2] //= 8
    coarse[3] //= 8
    coarse = np.ravel_multi_index(coarse, shape)
    fine = np.arange(math.prod(shape)).reshape(shape)
    return (uniform(name, coarse) + uniform(name + ".noise", fine)).astype(np.float32)


def fill(network, gain):
    """Gives every parameter and statistic of a PyTorch network its value by formula."""
    import torch

    state = {
        name: torch.from_numpy(parameter(name, tuple(value.shape), gain))
        for name, value in network.state_dict().items()
        if value.is_floating_point()
    }
    network.load_state_dict(state, strict=False)
    return network


def write(path, value):
    """Compressed JSON whose bytes depend on the value alone."""
    text = json.dumps(value, separators=(",", ":")) + "\n"
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    print(f"{path}: {path.stat().st_size} bytes")
