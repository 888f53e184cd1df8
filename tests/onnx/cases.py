"""A network to export, and the list of all cases.

A case is one file: a network and an exporter, `resnet18.dynamo`. Each module of `LIBRARIES` has `cases()`, which maps the name of a case to
a function that writes the case into a folder. It imports its library only inside that function, so that listing needs no library.
"""

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

# Module of this folder: the packages that it needs.
LIBRARIES = {
    "networks_plain": ["torch"],
    "networks_torchvision": ["torch", "torchvision"],
    "networks_timm": ["torch", "timm"],
    "networks_transformers": ["torch", "transformers"],
    "networks_yolo": ["torch", "ultralytics"],
    "networks_keras": ["tensorflow", "keras", "tf2onnx"],
    "networks_paddle": ["paddle", "paddle2onnx"],
}


@dataclass(frozen=True)
class Network:
    """A PyTorch network: `make` builds it with random weights, and `layer` is the path of the module to explain."""

    make: Callable[[], Any]
    shape: tuple[int, ...]
    layer: Optional[str] = None
    # The file ends in a softmax or sigmoid that belongs to the reference.
    keep_softmax: bool = False
    # False if the output depends on the input through indices alone.
    gradient: bool = True
    # Axes of the input that the file leaves open.
    dynamic: tuple[int, ...] = ()
    # The legacy exporter's opset.
    opset: int = 17
    exporters: tuple[str, ...] = ("dynamo", "legacy")


def missing(module: str) -> list[str]:
    """Returns the packages that `module` needs and that are not installed."""
    return [package for package in LIBRARIES[module] if importlib.util.find_spec(package) is None]


def all_cases() -> dict[str, tuple[str, Callable[[Path], None]]]:
    """Returns the module and the function of each case, in the order of `LIBRARIES`."""
    found = {}
    for module in LIBRARIES:
        for name, write in importlib.import_module(module).cases().items():
            assert name not in found, f"two cases are called {name}"
            found[name] = (module, write)
    return found


def torch_cases(library: str, networks: dict[str, Network]) -> dict[str, Callable[[Path], None]]:
    """Returns the cases of PyTorch networks, one for each exporter."""

    def writer(name: str, network: Network, exporter: str):
        def write(folder: Path):
            from torch_export import export

            export(library, name, network, exporter, folder)

        return write

    return {f"{name}.{exporter}": writer(name, network, exporter) for name, network in networks.items() for exporter in network.exporters}
