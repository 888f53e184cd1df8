"""Exports a PyTorch network with either exporter, and computes its gradients with autograd."""

import copy
import importlib.metadata
from pathlib import Path

import numpy as np
import torch

import reference
import weights
from cases import Network


def export(library: str, name: str, network: Network, exporter: str, folder: Path):
    """Writes one case."""
    torch.set_num_threads(1)
    seed = reference.seed_of(name)
    torch.manual_seed(seed)
    model = network.make().eval()
    x = weights.randomise(model, network.shape)
    model.requires_grad_(False)
    with torch.no_grad():
        expected = tensors(model(x))
    path = folder / "model.onnx"
    # The exporters may change a module for good. Without gradients, attention of torch takes a way that the legacy exporter does not know.
    convert(copy.deepcopy(model).requires_grad_(True), x, path, network, exporter)
    finish(library, name, network, exporter, folder, model, x, expected)


def convert(model, x, path: Path, network: Network, exporter: str):
    """Writes the ONNX file."""
    if exporter == "dynamo":
        axes = {axis: torch.export.Dim.DYNAMIC for axis in network.dynamic}
        torch.onnx.export(model, (x,), path, dynamo=True, input_names=["image"], dynamic_shapes=(axes,) if axes else None, verbose=False)
    else:
        axes = {"image": {axis: f"axis{axis}" for axis in network.dynamic}} if network.dynamic else None
        torch.onnx.export(model, (x,), path, dynamo=False, opset_version=network.opset, input_names=["image"], dynamic_axes=axes)


def finish(library: str, name: str, network: Network, exporter: str, folder: Path, model, x, expected, cotangent=None):
    """Runs the file, computes gradients, and writes the reference. `expected` holds the outputs of `model`.

    The target sums the output that is compared, weighted by `cotangent`.
    """
    image, output, index, found = reference.run(folder / "model.onnx", x.numpy())
    case = {
        "name": name,
        "exporter": exporter,
        "library": f"{library} {importlib.metadata.version(library)}",
        "torch": torch.__version__,
        "input": image,
        "shape": list(x.shape),
        "output": output,
        "output_name": output,
        "layer": network.layer if network.gradient else None,
        "keep_softmax": network.keep_softmax,
    }
    values = {"input": x.numpy(), "output": found}
    if network.gradient:
        case["onnxruntime_deviation"] = reference.deviation(found, expected[index].float().numpy())
        values["cotangent"] = reference.cotangent(found.shape, reference.seed_of(name)) if cotangent is None else cotangent
        added, case["gradient_type"] = gradients(model, x, index, torch.from_numpy(values["cotangent"]), network.layer)
        values.update(added)
    reference.write(folder, values, case)


def tensors(result) -> list[torch.Tensor]:
    """Returns the tensors of a network's result in the order of the file's outputs."""
    return [t for t in torch.utils._pytree.tree_leaves(result) if isinstance(t, torch.Tensor)]


def gradients(model, x, index: int, cotangent, layer) -> tuple[dict[str, np.ndarray], str]:
    """Returns the gradients of the target, and the type they were computed in.

    The gradient of a network of ReLUs jumps where a unit crosses zero, and rounding decides the side of a unit near zero. It is computed
    in f64, except for networks that convert to f32 themselves.
    """
    try:
        return backward(copy.deepcopy(model).double(), x.double(), index, cotangent, layer), "float64"
    except RuntimeError as error:
        print(f"gradient in f32: {error}")
        return backward(model, x, index, cotangent, layer), "float32"


def backward(model, x, index: int, cotangent, layer) -> dict[str, np.ndarray]:
    """Returns the gradient at the input, and the module's output with the gradient there."""
    x = x.clone().requires_grad_(True)
    kept = []

    def keep(_module, _inputs, output):
        first = tensors(output)[0]
        first.retain_grad()
        kept.append(first)
        # An operation in place must not change the value that is kept.
        return torch.utils._pytree.tree_map(lambda t: t.clone() if isinstance(t, torch.Tensor) else t, output)

    handle = model.get_submodule(layer).register_forward_hook(keep) if layer else None
    y = tensors(model(x))[index]
    if handle:
        handle.remove()
    (y * cotangent.to(y.dtype)).sum().backward()
    values = {"gradient": x.grad}
    if layer:
        assert len(kept) == 1, f"{layer} ran {len(kept)} times"
        values |= {"activation": kept[0].detach(), "activation_gradient": kept[0].grad}
    return {key: value.float().numpy() for key, value in values.items()}
