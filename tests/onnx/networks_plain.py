"""Networks written here: U-Nets with both ways to enlarge, and a network of operations that no other has."""

from cases import Network, torch_cases


def cases():
    return torch_cases("torch", networks())


def networks() -> dict[str, Network]:
    def make(name, *args):
        def build():
            import plain_modules

            return getattr(plain_modules, name)(*args)

        return build

    return {
        "unet_transposed": Network(make("UNet", True), (1, 3, 48, 48), "down.1"),
        "unet_bilinear": Network(make("UNet", False), (1, 3, 48, 48), "down.1"),
        "unet_bilinear_dynamic": Network(make("UNet", False), (1, 3, 48, 64), "down.1", dynamic=(0, 2, 3)),
        "unet_bilinear_opset11": Network(make("UNet", False), (1, 3, 48, 48), "down.1", opset=11, exporters=("legacy",)),
        "assorted": Network(make("Assorted"), (1, 3, 33, 30), "stem.1"),
        "assorted_opset12": Network(make("Assorted"), (1, 3, 33, 30), "stem.1", opset=12, exporters=("legacy",)),
        "sigmoid_end": Network(make("Ended", "sigmoid"), (2, 3, 24, 24), "features", keep_softmax=True),
        "softmax_end": Network(make("Ended", "softmax"), (2, 3, 24, 24), "features", keep_softmax=True),
    }
