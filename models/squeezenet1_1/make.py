"""Makes squeezenet1_1.onnx and squeezenet1_1.json from the weights in torchvision's names.

    python make.py model.safetensors

The weights take blue first, and samples from 0 to 255 less the mean. The kernel of the first convolution is turned to take red first; the
description has the rest. Weights are stored as float16.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
import torchvision
from onnx import helper, numpy_helper
from safetensors.torch import load_file

here = Path(__file__).parent
weights = load_file(sys.argv[1])
weights["features.0.weight"] = weights["features.0.weight"].flip(1)
model = torchvision.models.squeezenet1_1(weights=None)
model.load_state_dict(weights)
path = here / "squeezenet1_1.onnx"
torch.onnx.export(
    model.eval(),
    (torch.zeros(1, 3, 227, 227),),
    path,
    dynamo=False,
    opset_version=17,
    input_names=["image"],
    output_names=["logits"],
    dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
)
file = onnx.load(path)
casts = []
for tensor in file.graph.initializer:
    values = numpy_helper.to_array(tensor)
    if values.dtype == np.float32 and values.size > 1:
        half = numpy_helper.from_array(values.astype(np.float16), tensor.name + ".float16")
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT))
        tensor.CopyFrom(half)
nodes = casts + list(file.graph.node)
del file.graph.node[:]
file.graph.node.extend(nodes)
onnx.checker.check_model(file)
onnx.save(file, path)
labels = (here / "../../crates/gradcam-models/src/imagenet.txt").read_text().splitlines()
config = {
    "architecture": "squeezenet1_1",
    "num_classes": 1000,
    "pretrained_cfg": {
        "input_size": [3, 227, 227],
        "interpolation": "bilinear",
        "crop_pct": 0.8867,
        "mean": [round(mean / 255, 6) for mean in (122.679, 116.669, 104.006)],
        "std": [round(1 / 255, 8)] * 3,
        "license": "mit",
    },
    "label_names": labels,
}
(here / "squeezenet1_1.json").write_text(json.dumps(config, indent=1, ensure_ascii=False) + "\n")
