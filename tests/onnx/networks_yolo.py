"""Ultralytics' YOLO, exported by `YOLO.export`."""

import os
import shutil
from pathlib import Path

from cases import Network

# The name of the case: the plan in the package, the module to explain, options of the export.
PLANS = {
    "yolov5nu": ("yolov5n.yaml", "model.23", {}),
    "yolov8n": ("yolov8n.yaml", "model.9", {}),
    "yolov8n_dynamic": ("yolov8n.yaml", "model.9", {"dynamic": True}),
    "yolov8n_opset12": ("yolov8n.yaml", "model.21", {"opset": 12}),
    "yolov8n_slim": ("yolov8n.yaml", "model.9", {"simplify": True}),
    "yolov8n_nms": ("yolov8n.yaml", None, {"nms": True}),
    "yolov9t": ("yolov9t.yaml", "model.21", {}),
    "yolov10n": ("yolov10n.yaml", "model.22", {}),
    "yolo11n": ("yolo11n.yaml", "model.10", {}),
    "yolo12n": ("yolo12n.yaml", "model.8", {}),
    "yolo26n": ("yolo26n.yaml", "model.22", {}),
    "yolo26n_end": ("yolo26n.yaml", None, {"nms": False}),
    "yolov8n_cls": ("yolov8n-cls.yaml", "model.8", {}),
    "yolo11n_cls": ("yolo11n-cls.yaml", "model.9", {}),
    "yolov8n_seg": ("yolov8n-seg.yaml", "model.21", {}),
    "yolo11n_seg": ("yolo11n-seg.yaml", "model.22", {}),
    "yolov8n_pose": ("yolov8n-pose.yaml", "model.21", {}),
    "yolo11n_obb": ("yolo11n-obb.yaml", "model.22", {}),
}


def cases():
    def writer(name):
        return lambda folder: export(name, folder)

    return {f"{name}.ultralytics": writer(name) for name in PLANS}


def export(name: str, folder: Path):
    """Writes one case."""
    os.environ.update(YOLO_AUTOINSTALL="false", YOLO_OFFLINE="true", YOLO_CONFIG_DIR=str(folder))
    import numpy as np
    import torch
    from ultralytics import YOLO

    import reference
    import torch_export
    import weights

    torch.set_num_threads(1)
    plan, layer, options = PLANS[name]
    seed = reference.seed_of(name)
    torch.manual_seed(seed)
    yolo = YOLO(plan)
    model = yolo.model.eval()
    # The expected value of a distribution: its kernel counts from 0 to 15.
    fixed = {m: m.conv.weight.clone() for m in model.modules() if type(m).__name__ == "DFL"}
    shape = (1, 3, 96, 96)
    x = weights.randomise(model, shape)
    for module, weight in fixed.items():
        module.conv.weight.data.copy_(weight)
    exported = []
    yolo.add_callback("on_export_end", lambda exporter: exported.append(exporter.model))
    made = yolo.export(format="onnx", imgsz=96, **{"simplify": False, **options})
    Path(made).rename(folder / "model.onnx")
    for left in folder.iterdir():
        if left.name != "model.onnx":
            shutil.rmtree(left) if left.is_dir() else left.unlink()
    [model] = exported
    model.requires_grad_(False)
    # Anchors are cached for the type of the last input.
    model.model[-1].shape = None
    with torch.no_grad():
        expected = torch_export.tensors(model(x)) if layer else None
    model.model[-1].shape = None
    cotangent = None
    if layer and not plan.endswith("-cls.yaml"):
        # Scores of a class at some anchors, with some of the coarsest scale, which are the last.
        generator = np.random.default_rng(seed)
        cotangent = np.zeros(expected[0].shape, np.float32)
        count = cotangent.shape[2]
        anchors = [*generator.choice(count - 9, 14, replace=False), *(count - 9 + generator.choice(9, 6, replace=False))]
        classes = yolo.model.model[-1].nc
        cotangent[0, 4 + generator.integers(classes), anchors] = generator.choice([-1, 1], 20)
    network = Network(lambda: model, shape, layer, keep_softmax=plan.endswith("-cls.yaml"), gradient=layer is not None)
    torch_export.finish("ultralytics", name, network, "ultralytics", folder, model, x, expected, cotangent)
