"""Writes the files of this folder, and what the `onnx` package sees in each of them.

    python make.py            # needs onnx and numpy; the committed files are from onnx 1.23
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, inliner, numpy_helper

PRODUCER = "make.py"


def eighths(*dims):
    """Makes values whose sums are exact."""
    return ((np.arange(np.prod(dims, dtype=int)) % 23 - 11) / 8).reshape(dims).astype(np.float32)


def value(name, dims, element=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, element, dims)


def model(nodes, inputs, outputs, initializers=(), **options):
    graph = helper.make_graph(nodes, "net", inputs, outputs, list(initializers))
    opsets = options.pop("opsets", [helper.make_opsetid("", 17)])
    made = helper.make_model(graph, opset_imports=opsets, producer_name=PRODUCER, ir_version=10, **options)
    onnx.checker.check_model(made)
    return made


def network():
    """A small classifier, as PyTorch exports one, with a module path on a node."""
    conv = helper.make_node("Conv", ["image", "conv.weight", ""], ["conv_out"], name="/conv/Conv",
                            kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    conv.metadata_props.add(key="pkg.torch.onnx.name_scopes", value="['', 'conv']")
    nodes = [
        conv,
        helper.make_node("LeakyRelu", ["conv_out"], ["relu_out"], name="/relu/Relu", alpha=0.125),
        helper.make_node("Resize", ["relu_out", "", "scales"], ["resized"], mode="nearest"),
        helper.make_node("GlobalAveragePool", ["resized"], ["pooled"], name="/pool"),
        helper.make_node("Constant", [], ["shape"], value=numpy_helper.from_array(np.array([0, -1]))),
        helper.make_node("Reshape", ["pooled", "shape"], ["flat"]),
        helper.make_node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"], name="/fc/Gemm", transB=1),
    ]
    weights = [
        numpy_helper.from_array(eighths(4, 3, 3, 3), "conv.weight"),
        helper.make_tensor("fc.weight", TensorProto.FLOAT, [5, 4], eighths(5, 4).flatten()),
        numpy_helper.from_array(eighths(5), "fc.bias"),
        helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 2, 2]),
    ]
    made = model(nodes, [value("image", ["batch", 3, 8, 8])], [value("logits", ["batch", 5])], weights)
    made.metadata_props.add(key="names", value="{0: 'cat', 1: 'dog'}")
    return made


def types():
    """An initializer of each element type, from raw bytes and from a list of numbers."""
    kinds = ["FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16", "INT8", "INT16", "INT32", "INT64",
             "UINT8", "UINT16", "UINT32", "UINT64", "BOOL"]
    weights = []
    for kind in kinds:
        element = getattr(TensorProto, kind)
        numbers = [0, 1, 1, 0] if kind == "BOOL" else [3, 100, 0, 7] if "U" in kind[:1] else [-3, 100, 0, 7]
        listed = helper.make_tensor(f"{kind}.listed", element, [2, 2], numbers)
        raw = numpy_helper.to_array(listed)
        weights += [listed, helper.make_tensor(f"{kind}.raw", element, [4], raw.tobytes(), raw=True)]
    return model([helper.make_node("Identity", ["x"], ["y"])], [value("x", [1])], [value("y", [1])], weights)


def functions():
    """A function that calls another, with an attribute by reference.

    The default of `slope` is not used here, because onnx's own inliner drops defaults.
    """
    opset = [helper.make_opsetid("", 17), helper.make_opsetid("local", 1)]
    scale = helper.make_function(
        "local", "scaled", ["x"], ["y"],
        [helper.make_node("LeakyRelu", ["x"], ["t"], name="relu"), helper.make_node("Mul", ["t", "t"], ["y"])],
        opset, attributes=["slope"])
    reference = scale.node[0].attribute.add(name="alpha", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    assert reference.ref_attr_name
    twice = helper.make_function(
        "local", "twice", ["x", "unused"], ["y"],
        [helper.make_node("scaled", ["x"], ["t"], domain="local", name="a"),
         helper.make_node("scaled", ["t"], ["y"], domain="local", name="b")],
        opset, attribute_protos=[helper.make_attribute("slope", 0.25)])
    for node in twice.node:
        node.attribute.add(name="slope", ref_attr_name="slope", type=onnx.AttributeProto.FLOAT)
    nodes = [helper.make_node("twice", ["x"], ["m"], domain="local", name="first", slope=0.25),
             helper.make_node("twice", ["m"], ["y"], domain="local", slope=0.5)]
    return model(nodes, [value("x", [1, "n"])], [value("y", [1, "n"])], opsets=opset, functions=[scale, twice])


def numbers(tensor):
    array = numpy_helper.to_array(tensor).astype(np.float64)
    return f"{numpy_helper.to_array(tensor).dtype} {list(array.shape)} sum {array.sum():.3f}"


def attribute(found):
    read = helper.get_attribute_value(found)
    if isinstance(read, float):
        return f"{read:.3f}"
    if isinstance(read, bytes):
        return read.decode()
    return numbers(read) if isinstance(read, TensorProto) else str(list(read) if not isinstance(read, int) else read)


def dims(info):
    sizes = (str(d.dim_value) if d.HasField("dim_value") else d.dim_param or "?" for d in info.type.tensor_type.shape.dim)
    return f"[{', '.join(sizes)}]"


def listing(made, names):
    """Lists a model; values inside functions have the names of the exporter only with `names`."""
    graph = made.graph
    lines = [f"opset {o.domain or 'default'} {o.version}" for o in sorted(made.opset_import, key=lambda o: o.domain)]
    lines += [f"metadata {m.key} = {m.value}" for m in made.metadata_props]
    for kind, infos in (("input", graph.input), ("output", graph.output)):
        lines += [f"{kind} {i.name} {np.dtype(helper.tensor_dtype_to_np_dtype(i.type.tensor_type.elem_type))} {dims(i)}" for i in infos]
    lines += [f"initializer {t.name} {numbers(t)}" for t in graph.initializer]
    for node in graph.node:
        values = " ".join(v or "-" for v in node.input) + " -> " + " ".join(node.output) if names else ""
        attributes = " ".join(f"{a.name}={attribute(a)}" for a in sorted(node.attribute, key=lambda a: a.name))
        metadata = " ".join(f"{m.key}={m.value}" for m in node.metadata_props)
        parts = ["node", node.op_type, node.name if names else "", values, attributes, metadata]
        lines.append(" ".join(part for part in parts if part))
    return "\n".join(lines) + "\n"


def write(name, made, names=True):
    with open(f"{name}.txt", "w") as file:
        flat = made if names else inliner.inline_local_functions(made)
        file.write(listing(flat, names))


if __name__ == "__main__":
    for name, made in (("network", network()), ("types", types())):
        onnx.save(made, f"{name}.onnx")
        write(name, made)
    onnx.save(functions(), "functions.onnx")
    write("functions", functions(), names=False)
    pathlib.Path("external.onnx.data").unlink(missing_ok=True)
    onnx.save(network(), "external.onnx", save_as_external_data=True, location="external.onnx.data", size_threshold=0)
    write("external", network())
