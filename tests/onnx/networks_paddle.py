"""Networks of PaddlePaddle, by paddle2onnx. Gradients are Paddle's own, in f64."""

import importlib.metadata
import os
from pathlib import Path

NETWORKS = {
    "resnet18": ("resnet18", 96),
    "mobilenet_v3_small": ("mobilenet_v3_small", 96),
    "mobilenet_v2": ("mobilenet_v2", 96),
    "shufflenet_v2_x0_5": ("shufflenet_v2_x0_5", 96),
    "squeezenet1_1": ("squeezenet1_1", 97),
    "densenet121": ("densenet121", 64),
}


def cases():
    def writer(name):
        return lambda folder: export(name, folder)

    return {f"paddle_{name}.paddle": writer(name) for name in NETWORKS}


def export(name: str, folder: Path):
    """Writes one case."""
    os.environ["GLOG_minloglevel"] = "2"
    import numpy as np
    import paddle
    import paddle.vision.models

    import reference

    constructor, size = NETWORKS[name]
    seed = reference.seed_of(name)
    paddle.seed(seed)
    generator = np.random.default_rng(seed)
    model = getattr(paddle.vision.models, constructor)(num_classes=50)
    model.eval()
    x = np.ascontiguousarray(reference.pictures(generator, 4, size).transpose(0, 3, 1, 2))
    randomise(model, x, generator)
    x = x[:1]
    path = folder / "model.onnx"
    spec = [paddle.static.InputSpec([1, 3, size, size], "float32", "x")]
    paddle.onnx.export(model, str(folder / "model"), input_spec=spec, opset_version=13)
    for left in folder.iterdir():
        if left != path:
            left.unlink()
    image, output, _, found = reference.run(path, x)
    weights = reference.cotangent(found.shape, seed)
    double = model.to(dtype="float64")
    at = paddle.to_tensor(x.astype(np.float64), stop_gradient=False)
    y = double(at)
    (y * paddle.to_tensor(weights.astype(np.float64))).sum().backward()
    case = {
        "name": f"paddle_{name}",
        "exporter": "paddle",
        "library": f"paddlepaddle {paddle.__version__}",
        "paddle2onnx": importlib.metadata.version("paddle2onnx"),
        "input": image,
        "shape": list(x.shape),
        "output": output,
        "output_name": output,
        "layer": None,
        "keep_softmax": False,
        "onnxruntime_deviation": reference.deviation(found, y.numpy()),
        "gradient_type": "float64",
    }
    reference.write(folder, {"input": x, "output": found, "cotangent": weights, "gradient": at.grad.numpy()}, case)


def randomise(model, x, generator):
    """Sets all parameters, and the statistics of batch norms from `x`, changed a little."""
    import numpy as np
    import paddle

    def draw(value, array):
        value.set_value(np.asarray(array, np.float32))

    for name, value in model.named_parameters():
        if value.ndim == 4:
            draw(value, generator.normal(0, (2 / np.prod(value.shape[1:])) ** 0.5, value.shape))
        elif value.ndim == 2:
            draw(value, generator.normal(0, (2 / value.shape[0]) ** 0.5, value.shape))
        else:
            draw(value, generator.normal(0 if "bias" in name else 1, 0.1, value.shape))

    def measure(norm, inputs):
        values = inputs[0].numpy()
        axes = (0, *range(2, values.ndim))
        variance = values.var(axes) + 0.01 * np.square(values).mean() + 1e-3
        draw(norm._mean, values.mean(axes) + generator.normal(0, 0.1, variance.shape) * np.sqrt(variance))
        draw(norm._variance, variance * generator.uniform(0.5, 1.5, variance.shape))

    norms = [layer for layer in model.sublayers() if type(layer).__name__.startswith("BatchNorm")]
    handles = [norm.register_forward_pre_hook(measure) for norm in norms]
    with paddle.no_grad():
        model(paddle.to_tensor(x))
    for handle in handles:
        handle.remove()
