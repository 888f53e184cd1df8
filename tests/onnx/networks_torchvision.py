"""Networks of torchvision."""

from cases import Network, torch_cases


def cases():
    return torch_cases("torchvision", networks())


def make(name: str, **options):
    def build():
        import torchvision.models

        return torchvision.models.get_model(name, weights=None, **options)

    return build


def detector(name: str, **options):
    """Returns a network that takes a tensor of one image, and returns its boxes, scores and labels."""

    def build():
        from torch import nn

        class Detector(nn.Module):
            def __init__(self):
                super().__init__()
                self.model = make(name, weights_backbone=None, **options)()

            def forward(self, x):
                found = self.model([x[0]])[0]
                return found["boxes"], found["scores"], found["labels"]

        return Detector()

    return build


def networks() -> dict[str, Network]:
    def of(name: str, size: int, layer: str, *, opset=None, dynamic=(), **options) -> Network:
        build = make(name, **options)
        # Other opsets than the default are for the legacy exporter.
        exporters = ("legacy",) if opset else ("dynamo", "legacy")
        return Network(build, (1, 3, size, size), layer, exporters=exporters, opset=opset or 17, dynamic=dynamic)

    def dense(name: str, layer: str) -> Network:
        return of(name, 96, layer, weights_backbone=None, num_classes=5)

    vit = "encoder.layers.encoder_layer_11.ln_1"
    plain = {"init_weights": False, "aux_logits": False}
    return {
        "resnet18": of("resnet18", 96, "layer4"),
        "squeezenet1_1": of("squeezenet1_1", 97, "features.12"),
        "mobilenet_v3_small": of("mobilenet_v3_small", 96, "features.11"),
        "efficientnet_b0": of("efficientnet_b0", 96, "features.7"),
        "deeplabv3_mobilenet": dense("deeplabv3_mobilenet_v3_large", "backbone.16"),
        "resnet18_dynamic": of("resnet18", 96, "layer4", dynamic=(0, 2, 3)),
        "resnet18_opset9": of("resnet18", 96, "layer4", opset=9),
        "squeezenet1_1_opset9": of("squeezenet1_1", 97, "features.12", opset=9),
        "mobilenet_v3_small_opset11": of("mobilenet_v3_small", 96, "features.11", opset=11),
        "vit_b_32_opset13": of("vit_b_32", 96, vit, image_size=96, opset=13),
        "alexnet": of("alexnet", 224, "features.11"),
        "vgg11_bn": of("vgg11_bn", 224, "features.27", num_classes=100),
        "resnet50": of("resnet50", 96, "layer3"),
        "resnext50_32x4d": of("resnext50_32x4d", 64, "layer4"),
        "wide_resnet50_2": of("wide_resnet50_2", 64, "layer4.1"),
        "densenet121": of("densenet121", 64, "features.denseblock4"),
        "googlenet": of("googlenet", 96, "inception5b", **plain),
        "inception_v3": of("inception_v3", 128, "Mixed_7c", **plain),
        "mobilenet_v2": of("mobilenet_v2", 96, "features.17"),
        "mobilenet_v3_large": of("mobilenet_v3_large", 96, "features"),
        "shufflenet_v2_x0_5": of("shufflenet_v2_x0_5", 96, "stage4"),
        "mnasnet0_5": of("mnasnet0_5", 96, "layers.12"),
        "efficientnet_v2_s": of("efficientnet_v2_s", 96, "features.6"),
        "regnet_y_400mf": of("regnet_y_400mf", 96, "trunk_output"),
        "regnet_x_400mf": of("regnet_x_400mf", 96, "trunk_output"),
        "convnext_tiny": of("convnext_tiny", 96, "features.5"),
        "vit_b_32": of("vit_b_32", 96, vit, image_size=96),
        "swin_t": of("swin_t", 96, "features.7"),
        "swin_v2_t": of("swin_v2_t", 96, "features.5"),
        "maxvit_t": of("maxvit_t", 224, "blocks.3", input_size=(224, 224)),
        "deeplabv3_resnet50": dense("deeplabv3_resnet50", "backbone.layer4"),
        "fcn_resnet50": dense("fcn_resnet50", "backbone.layer4"),
        "lraspp_mobilenet": dense("lraspp_mobilenet_v3_large", "backbone.16"),
        # Boxes are chosen by TopK and NonMaxSuppression.
        "ssdlite320": Network(detector("ssdlite320_mobilenet_v3_large", num_classes=5), (1, 3, 320, 320), gradient=False),
    }
