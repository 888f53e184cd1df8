"""Networks of Keras with the TensorFlow backend, by tf2onnx and by Keras' own `export`. The input has the channels last.

Gradients are those of TensorFlow's tape, in f64.
"""

import importlib.metadata
import os
from pathlib import Path

# The class in keras.applications and the size of its input.
NETWORKS = {
    "mobilenet_v2": ("MobileNetV2", 96, {"alpha": 0.5}),
    "mobilenet_v3_small": ("MobileNetV3Small", 96, {"include_preprocessing": True}),
    "resnet50": ("ResNet50", 64, {}),
    "resnet50_v2": ("ResNet50V2", 64, {}),
    "efficientnet_b0": ("EfficientNetB0", 96, {}),
    "efficientnet_v2_b0": ("EfficientNetV2B0", 96, {}),
    "xception": ("Xception", 96, {}),
    "inception_v3": ("InceptionV3", 96, {}),
    "vgg16": ("VGG16", 64, {"classes": 20}),
    "densenet121": ("DenseNet121", 64, {}),
    "nasnet_mobile": ("NASNetMobile", 96, {}),
    "convnext_tiny": ("ConvNeXtTiny", 64, {}),
}


def cases():
    def writer(name, exporter):
        return lambda folder: export(name, exporter, folder)

    return {f"keras_{name}.{exporter}": writer(name, exporter) for name in NETWORKS for exporter in ("keras", "tf2onnx")}


def export(name: str, exporter: str, folder: Path):
    """Writes one case."""
    os.environ.update(KERAS_BACKEND="tensorflow", TF_CPP_MIN_LOG_LEVEL="3", TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")
    import keras
    import numpy as np
    import tensorflow as tf

    import reference

    constructor, size, options = NETWORKS[name]
    seed = reference.seed_of(name)
    keras.utils.set_random_seed(seed)

    def make():
        model = getattr(keras.applications, constructor)(weights=None, input_shape=(size, size, 3), **options)
        for layer in model.layers:
            if isinstance(layer, keras.layers.Normalization):
                # tf2onnx takes the layer's tensors for inputs of the file.
                layer.mean, layer.variance = np.asarray(layer.mean) + 0.4, np.asarray(layer.variance) * 0.3
        return model

    model = make()
    x = reference.pictures(np.random.default_rng(seed), 4, size)
    if "mobilenet_v3" in name or "efficientnet" in name or "convnext" in name:
        # The preprocessing is in the network.
        x = (x + 1) * 127.5
    randomise(model, x, np.random.default_rng(seed))
    x = x[:1]
    path = folder / "model.onnx"
    if exporter == "keras":
        model.export(path, format="onnx", verbose=False)
    else:
        import tf2onnx

        run = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((1, size, size, 3), tf.float32, name="image")])
        tf2onnx.convert.from_function(run, run.input_signature, opset=17, output_path=str(path))
    image, output, _, found = reference.run(path, x)
    weights = reference.cotangent(found.shape, seed)
    keras.backend.set_floatx("float64")
    double = make()
    double.set_weights(model.get_weights())
    at = tf.Variable(x.astype(np.float64))
    with tf.GradientTape() as tape:
        y = double(at, training=False)
        target = tf.reduce_sum(y * weights)
    case = {
        "name": f"keras_{name}",
        "exporter": exporter,
        "library": f"keras {keras.__version__}",
        "tensorflow": tf.__version__,
        "tf2onnx": importlib.metadata.version("tf2onnx"),
        "input": image,
        "shape": list(x.shape),
        "output": output,
        "output_name": output,
        "layer": None,
        "keep_softmax": True,
        "onnxruntime_deviation": reference.deviation(found, y.numpy()),
        "gradient_type": "float64",
    }
    gradient = tape.gradient(target, at).numpy()
    reference.write(folder, {"input": x, "output": found, "cotangent": weights, "gradient": gradient}, case)


def randomise(model, x, generator):
    """Sets all parameters, and the statistics of batch norms from `x`, changed a little.

    Keras computes the layers in order, so each norm is measured on a network whose earlier norms are already changed.
    """
    import keras
    import numpy as np

    norms = []
    for layer in model.layers:
        for value in layer.weights:
            shape = value.shape
            if "kernel" in value.name:
                fan_in = np.prod(shape[:-2]) if "depthwise" in value.name else np.prod(shape[:-1])
                value.assign(generator.normal(0, (2 / fan_in) ** 0.5, shape))
            elif "gamma" in value.name and "scale" not in layer.name:
                value.assign(generator.normal(1, 0.1, shape))
            elif "gamma" in value.name:
                value.assign(generator.uniform(0.2, 0.5, shape))
            elif "bias" in value.name or "beta" in value.name:
                value.assign(generator.normal(0, 0.1, shape))
        if isinstance(layer, keras.layers.BatchNormalization):
            norms.append(layer)

    def measure(norm):
        call = norm.call

        def measured(inputs, training=None, mask=None):
            values = np.asarray(inputs)
            axes = tuple(range(values.ndim - 1))
            variance = values.var(axes) + 0.01 * np.square(values).mean() + 1e-3
            norm.moving_mean.assign(values.mean(axes) + generator.normal(0, 0.1, variance.shape) * np.sqrt(variance))
            norm.moving_variance.assign(variance * generator.uniform(0.5, 1.5, variance.shape))
            return call(inputs, training=False)

        norm.call = measured
        return call

    calls = [measure(norm) for norm in norms]
    model(x, training=False)
    for norm, call in zip(norms, calls):
        norm.call = call
