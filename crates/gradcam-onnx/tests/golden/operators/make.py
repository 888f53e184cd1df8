"""Writes cases of the operators that are computed on known values, a file for each operator set.

The `onnx` package has cases of current operator sets with expected outputs; onnxruntime computes those of older ones. A case is a node.
Its inputs (`case/i/name`) and expected outputs (`case/e/name` for `case/o/name`) are initializers.
Run it in this folder: `python make.py`, with onnx 1.23.2 and onnxruntime 1.32.0.
"""

import collections
import pathlib
import re
import warnings

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.loader import load_model_tests

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
REGISTRY = HERE.parents[2] / "src/host/registry.rs"
OPERATORS = set(re.findall(r'"(\w+)",\s*(?:One|Many)', REGISTRY.read_text()))
# The operator sets that are read.
FIRST, LAST = 9, 23
# Cases of one operator, the smallest first.
MOST = 4
READ = {TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BOOL}
READ |= {TensorProto.INT8, TensorProto.INT32, TensorProto.INT64, TensorProto.UINT8}

files = collections.defaultdict(lambda: ([], []))
count = 0


def add(node, inputs, outputs, opset):
    """Adds a case: named arrays that a node reads and returns."""
    global count
    nodes, tensors = files[opset]
    case = str(count)
    count += 1
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    del copy.input[:], copy.output[:]
    copy.input.extend(f"{case}/i/{name}" if name else "" for name in node.input)
    copy.output.extend(f"{case}/o/{name}" if name else "" for name in node.output)
    nodes.append(copy)
    for kind, arrays in (("i", inputs), ("e", outputs)):
        tensors += [numpy_helper.from_array(a, f"{case}/{kind}/{n}") for n, a in arrays.items()]


def arrays(values, data):
    if any(isinstance(x, (list, dict)) or x is None for x in data):
        raise ValueError("not tensors")
    data = [numpy_helper.to_array(x) if isinstance(x, TensorProto) else np.asarray(x) for x in data]
    named = dict(zip((value.name for value in values), data, strict=True))
    if any(helper.np_dtype_to_tensor_dtype(a.dtype) not in READ for a in named.values()):
        raise ValueError("a type that is not read")
    return named


def packaged():
    """Adds the smallest cases of the `onnx` package."""
    cases = collections.defaultdict(list)
    for case in load_model_tests(kind="node"):
        model = case.model
        if model is None or len(model.graph.node) != 1:
            continue
        node = model.graph.node[0]
        version = next((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), 0)
        other = node.domain or node.op_type not in OPERATORS or version > 28
        # Refused: training, scales of blocks, an ellipsis.
        if other or re.search("training|blocked|batch_diagonal|crd_mode_example", case.name):
            continue
        version = min(max(version, FIRST), LAST)
        try:
            inputs = arrays(model.graph.input, case.data_sets[0][0])
            outputs = arrays(model.graph.output, case.data_sets[0][1])
        except (ValueError, KeyError):
            continue
        size = sum(a.nbytes for a in [*inputs.values(), *outputs.values()])
        cases[node.op_type].append((size, case.name, node, inputs, outputs, version))
    for op in sorted(cases):
        for size, _, *case in sorted(cases[op], key=lambda c: c[:2])[:MOST]:
            if size < 8000:
                add(*case)


def computed(opset, op, inputs, outputs=1, **attributes):
    """Adds a case with the outputs of onnxruntime."""
    named = {f"x{n}": np.asarray(a) for n, a in enumerate(inputs) if a is not None}
    names = [f"x{n}" if a is not None else "" for n, a in enumerate(inputs)]
    results = [f"y{n}" for n in range(outputs)]
    node = helper.make_node(op, names, results, **attributes)
    values = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)
        for n, a in named.items()
    ]
    graph = helper.make_graph([node], op, values, [onnx.ValueInfoProto(name=n) for n in results])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    found = session.run(None, named)
    add(node, named, dict(zip(results, map(np.asarray, found), strict=True)), opset)


def older():
    """Adds forms of older operator sets."""
    random = np.random.default_rng(0)
    x = random.normal(size=(2, 3, 4)).astype(np.float32)
    for op in sorted(o for o in OPERATORS if o.startswith("Reduce")):
        positive = np.abs(x)
        computed(11, op, [positive], axes=[1, -1])
        computed(12, op, [positive], axes=[0], keepdims=0)
        computed(9, op, [positive])
    for axis in (0, 1, 2):
        computed(9, "Softmax", [x], axis=axis)
        computed(12, "LogSoftmax", [x], axis=axis)
    computed(11, "Softmax", [x])
    computed(11, "Softmax", [x], axis=-1)
    computed(13, "Softmax", [x])
    computed(9, "Squeeze", [x[:1, :, :1]], axes=[0, 2])
    computed(11, "Squeeze", [x[:1, :, :1]], axes=[-1])
    computed(9, "Unsqueeze", [x], axes=[0, 4])
    computed(11, "Split", [x], 2, axis=2, split=[1, 3])
    computed(9, "Split", [x], 3, axis=1)
    computed(18, "Split", [x], 3, axis=2, num_outputs=3)
    computed(9, "Slice", [x], starts=[0, -3], ends=[1, 9], axes=[0, 2])
    computed(9, "Slice", [x], starts=[1], ends=[-1 + (1 << 63)])
    computed(10, "Slice", [x, [3], [-(1 << 62)], [2], [-2]])
    computed(9, "Pad", [x], pads=[0, 1, 0, 0, 0, 2], value=1.5)
    computed(9, "Pad", [x], pads=[0, 2, 1, 0, 0, 3], mode="reflect")
    computed(9, "Pad", [x], pads=[0, -1, 1, 0, 0, -2], mode="edge")
    computed(9, "Clip", [x], min=-0.5, max=0.5)
    computed(9, "Clip", [x], min=0.0)
    computed(11, "Clip", [x, None, np.float32(0.5)])
    computed(10, "TopK", [x, np.array([2])], 2, axis=1)
    computed(11, "TopK", [np.array([3, 1, 3, 2]), np.array([3])], 2, largest=0)
    computed(9, "Dropout", [x[0]], ratio=0.5)
    computed(9, "Flatten", [x], axis=3)
    computed(11, "Flatten", [x], axis=-1)
    computed(9, "Gemm", [x[0], x[1], x[0, :, :1]], transB=1, alpha=0.5, beta=2.0)
    computed(17, "Einsum", [random.normal(size=(2, 3, 1, 4, 5)).astype(np.float32)] * 2,
             equation="B G H I D, B G H J D -> B G H I J")
    computed(12, "Einsum", [x], equation="bij->jb")
    computed(12, "Einsum", [x[0], x[0].T], equation="ij,jk")
    computed(13, "MatMul", [x, x[0].T])
    computed(13, "MatMul", [x, x[0, 0]])
    computed(13, "MatMul", [x[:, :, 0].T[:, 0], x[0]])
    computed(13, "Cast", [np.array([-1.9, 2.5, 300.0], np.float32)], to=TensorProto.INT32)
    computed(13, "Cast", [np.array([-1, 300, 1 << 40])], to=TensorProto.UINT8)
    computed(13, "Cast", [np.array([-1, 200], np.int32)], to=TensorProto.INT8)
    computed(13, "Cast", [np.array([0.1, 65519.0], np.float32)], to=TensorProto.FLOAT16)
    computed(13, "Div", [np.array([7, -7, 7, -7]), np.array([2, 2, -2, -2])])
    computed(13, "Mod", [np.array([7, -7, 7, -7]), np.array([2, 2, -2, -2])])
    computed(13, "Mod", [np.array([7, -7, 7, -7]), np.array([2, 2, -2, -2])], fmod=1)
    computed(13, "Pow", [np.array([2, -3, 5]), np.array([10, 3, 0])])
    computed(13, "Pow", [x[0, 0], np.array([2])])
    computed(11, "Range", [np.float32(1), np.float32(2), np.float32(0.3)])
    computed(11, "Range", [np.array(5), np.array(-4), np.array(-3)])
    computed(11, "CumSum", [x, np.array(-2, np.int32)], exclusive=1, reverse=1)
    computed(17, "LayerNormalization", [x, x[0, 0], x[0, 1]], 3, axis=-1)
    computed(13, "DequantizeLinear", [np.arange(6, dtype=np.int8).reshape(2, 3),
             np.array([0.5, 2, 3], np.float32), np.array([1, 0, -1], np.int8)], axis=1)
    computed(13, "QuantizeLinear", [np.array([-300, -0.5, 1.5, 2.5, 300], np.float32),
             np.float32(1), np.int8(3)])
    computed(13, "Erf", [np.linspace(-5, 5, 41).astype(np.float32)])
    computed(13, "Sigmoid", [np.array([-100, -5, 0, 5, 100], np.float32)])
    computed(9, "OneHot", [np.array([0, 2, -1, 7]), np.array(3), np.array([0.5, 2], np.float32)])
    computed(16, "ScatterND", [x, np.array([[[0, 1], [-1, 2]]]), x[:1, :2]], reduction="add")
    computed(18, "ScatterElements", [x, np.array([[[0, 0, 1, -1]]]), x[:1, :1] * 3], axis=1,
             reduction="max")
    computed(13, "GatherND", [x, np.array([[[1]], [[-1]]])], batch_dims=1)


packaged()
older()
for old in HERE.glob("*.onnx"):
    old.unlink()
for opset, (nodes, tensors) in sorted(files.items()):
    graph = helper.make_graph(nodes, "cases", [], [], tensors)
    versions = [helper.make_opsetid("", opset)]
    model = helper.make_model(graph, opset_imports=versions, ir_version=10)
    (HERE / f"opset{opset}.onnx").write_bytes(model.SerializeToString())
    print(opset, len(nodes), model.ByteSize())
