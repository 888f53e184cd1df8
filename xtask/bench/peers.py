"""The other programs of `cargo xtask bench --peers`: each runs in its own process and answers requests.

    python peers.py check               one JSON line per peer: {"peer": ..., "versions": {...}, "missing": [...]}
    python peers.py work PEER THREADS   answers requests until its input ends
    python peers.py peak COMMAND...     runs a command and prints its peak memory in MiB

A request and its answer are a JSON line each. tests/workers/bench.rs has our side:

    {"load": "resnet50", "batch": 8}          {"tasks": ["forward", ...]}
    {"time": "forward", "repeats": 20}        {"millis": [...]}
    anything that fails                       {"error": "..."}

A load may name a "device" (cpu or cuda[:N]) and a "precision" (f32, tf32, f16, bf16). On a GPU, inputs are there beforehand, and the clock
stops when the GPU has finished. A peer is a function from an architecture's name and a batch size to its tasks, each a function to be timed.
A task returns what a user of the package ends up with: logits, maps at the input's size, gradients. Networks have random weights.
"""

import gc
import importlib.util
import json
import os
import sys
import tempfile
import time
import warnings
from importlib import metadata
from pathlib import Path

CLASSES = 1000
# The class to explain.
CLASS = 281
# Masked copies of one image in a batch.
MASKS = 8
# The device and the precision of the last load.
PLACE = {"device": "cpu", "precision": "f32"}


def build(name, batch):
    """Returns the network, the path of the layer that Grad-CAM reads, and the input."""
    import architectures
    import torch

    device, precision = PLACE["device"], PLACE["precision"]
    dtype = {"f16": torch.float16, "bf16": torch.bfloat16}.get(precision, torch.float32)
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.benchmark = device != "cpu"
    network = architectures.build(name, CLASSES).to(device, dtype)
    if device != "cpu":
        network = network.to(memory_format=torch.channels_last)
    side = network.default_cfg["input_size"][-1] if architectures.in_timm(name) else 224
    x = torch.from_numpy(values((batch, 3, side, side)) * 4 - 2).to(device, dtype)
    if device != "cpu":
        x = x.to(memory_format=torch.channels_last)
    return network, architectures.last_layer(name, network), x


def values(shape):
    """Returns values in [0, 1) that look random: fractional parts of multiples of the golden ratio, as in our worker."""
    import numpy as np

    return (np.arange(np.prod(shape)) * 0.618033988749895 % 1).astype(np.float32).reshape(shape)


def pytorch(name, batch):
    import torch

    network, _, x = build(name, batch)
    # As a user would who wants only the input's gradient.
    network.requires_grad_(False)
    masks = torch.from_numpy(values((MASKS, 1, *x.shape[2:]))).to(x.device, x.dtype)

    @torch.inference_mode()
    def forward():
        return network(x)

    @torch.inference_mode()
    def masked():
        return network(x[:1] * masks)

    def gradient():
        leaf = x.detach().requires_grad_(True)
        return torch.autograd.grad(network(leaf)[:, CLASS].sum(), leaf)

    return {"forward": forward, "input-gradient": gradient, "masks": masked}


def pytorch_grad_cam(name, batch):
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    network, layer, x = build(name, batch)
    method = GradCAM(model=network, target_layers=[network.get_submodule(layer)])
    targets = [ClassifierOutputTarget(CLASS)] * batch
    return {"grad-cam": lambda: method(input_tensor=x, targets=targets)}


def captum(name, batch):
    from captum.attr import LayerAttribution, LayerGradCam

    network, layer, x = build(name, batch)
    method = LayerGradCam(network, network.get_submodule(layer))

    def grad_cam():
        maps = method.attribute(x, target=CLASS, relu_attributions=True)
        return LayerAttribution.interpolate(maps, tuple(x.shape[2:]), "bilinear")

    return {"grad-cam": grad_cam}


def torch_cam(name, batch):
    from torch.nn.functional import interpolate
    from torchcam.methods import GradCAM

    network, layer, x = build(name, batch)
    method = GradCAM(network, layer, input_shape=tuple(x.shape[1:]))

    def grad_cam():
        logits = network(x)
        (maps,) = method([CLASS] * batch, logits)
        return interpolate(maps.unsqueeze(1), x.shape[2:], mode="bilinear")

    return {"grad-cam": grad_cam}


def exported(name, batch, load):
    """Exports the network as an ONNX file and returns the result of `load` and the input."""
    import torch

    network, _, x = build(name, batch)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "network.onnx")
        torch.onnx.export(network, (x,), path, dynamo=False)
        return load(path), x.numpy()


def onnxruntime(name, batch):
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1

    def load(path):
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    session, x = exported(name, batch, load)
    inputs = {session.get_inputs()[0].name: x}
    return {"forward": lambda: session.run(None, inputs)}


def openvino(name, batch, precision="f32"):
    import openvino
    import torch

    options = {
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
    }
    compiled, x = exported(name, batch, lambda path: openvino.Core().compile_model(path, "CPU", options))
    request = compiled.create_infer_request()
    request.set_input_tensor(openvino.Tensor(x, shared_memory=True))

    def forward():
        request.infer()
        return request.get_output_tensor().data

    return {"forward": forward}


def openvino_bf16(name, batch):
    return openvino(name, batch, "bf16")


# Each peer and the modules that it needs.
NETWORKS = ("torch", "torchvision", "timm", "numpy")
PEERS = {
    "pytorch": (pytorch, NETWORKS),
    "pytorch-grad-cam": (pytorch_grad_cam, (*NETWORKS, "pytorch_grad_cam")),
    "captum": (captum, (*NETWORKS, "captum")),
    "torch-cam": (torch_cam, (*NETWORKS, "torchcam")),
    "onnxruntime": (onnxruntime, (*NETWORKS, "onnxruntime", "onnx")),
    "openvino": (openvino, (*NETWORKS, "openvino", "onnx")),
    "openvino-bf16": (openvino_bf16, (*NETWORKS, "openvino", "onnx")),
}


# Peers that run on a processor only.
PROCESSOR_ONLY = ("onnxruntime", "openvino", "openvino-bf16")


def check():
    """Prints the versions that each peer would use, and the modules that it lacks."""
    packages = metadata.packages_distributions()
    for peer, (_, modules) in PEERS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        names = [packages[module][0] for module in modules if module in packages]
        versions = {name: metadata.version(name) for name in names}
        print(json.dumps({"peer": peer, "versions": versions, "missing": missing}))


def measure(task, run, repeats):
    """Returns the milliseconds of each of `repeats` runs; for masks, per mask."""
    import torch

    share = MASKS if task == "masks" else 1
    millis = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        if PLACE["device"] != "cpu":
            torch.cuda.synchronize()
        millis.append((time.perf_counter() - start) * 1e3 / share)
    return millis


def work(peer, threads):
    """Answers requests one after another."""
    # A package's own output goes to standard error.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "golden"))
    import torch

    torch.set_num_threads(threads)
    make, _ = PEERS[peer]
    tasks = {}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "load" in request:
                tasks = {}
                gc.collect()
                PLACE.update({key: request.get(key) or PLACE[key] for key in PLACE})
                if PLACE["device"] == "cpu" or peer not in PROCESSOR_ONLY:
                    tasks = make(request["load"], request["batch"])
                answer = {"tasks": list(tasks)}
            else:
                task = request["time"]
                if task not in tasks:
                    raise ValueError(f"no task `{task}`")
                answer = {"millis": measure(task, tasks[task], request["repeats"])}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), file=answers, flush=True)


def peak(command):
    """Prints the peak resident memory of `command` in MiB. This process must stay small: a new process counts its parent's pages as its own."""
    import resource
    import subprocess

    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    unit = 1 if sys.platform == "darwin" else 1024
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit / 2**20)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["check"]:
            check()
        case ["work", peer, threads]:
            work(peer, int(threads))
        case ["peak", *command]:
            peak(command)
        case _:
            sys.exit(__doc__)
