"""Random weights of PyTorch networks with activations of ordinary size and no trivial parameters."""

import re

import torch
from torch import nn

SCALES = re.compile(r"(gamma\w*|layer_scale\w*|lambda\w*|skipinit_gain|ls\d?\.(gamma|scale))$")


def randomise(network: nn.Module, shape: tuple[int, ...]) -> torch.Tensor:
    """Sets all parameters, and returns an input of the network.

    An exporter drops a scale of 1, a bias of 0, or a norm with its initial statistics: none stays as it was. The statistics of batch norms
    come from the input and other pictures, so that activations stay of ordinary size.
    """
    for module in network.modules():
        weight = getattr(module, "weight", None)
        if isinstance(module, (nn.modules.conv._ConvNd, nn.Linear)) and isinstance(weight, torch.Tensor):
            weight.data.normal_(0, (2 / weight[0].numel()) ** 0.5)
        elif isinstance(weight, torch.Tensor) and weight.dim() == 1:
            weight.data.normal_(1, 0.1)
    for name, value in network.named_parameters():
        if SCALES.search(name):
            value.data.uniform_(0.2, 0.5)
        elif name.endswith("bias"):
            value.data.normal_(0, 0.1)
        elif value.numel() > 1 and bool((value == value.flatten()[0]).all()):
            value.data.add_(torch.randn_like(value) * 0.1)
    x = pictures((shape[0] + 3, *shape[1:]))
    calibrate(network, x)
    return x[: shape[0]].clone()


def pictures(shape: tuple[int, ...]) -> torch.Tensor:
    """Returns random pictures in -1 to 1 with coarse and fine structure."""
    coarse = [nn.functional.interpolate(torch.randn(*shape[:2], size, size), shape[2:], mode="bilinear") for size in (1, 3, 9)]
    return (sum(coarse) / 2 + 0.3 * torch.randn(shape)).clamp(-1, 1)


def calibrate(network: nn.Module, x: torch.Tensor):
    """Sets the statistics of batch norms to those of `x`, changed a little: 0.1 standard deviations, and 0.5 to 1.5 times the variance.

    Each norm uses its changed statistics at once, so that the changes do not add up from layer to layer.
    """

    def measure(norm, inputs):
        values = inputs[0].transpose(0, 1).flatten(1)
        # Few positions tell little about the variance.
        variance = values.var(1, unbiased=False) + 0.01 * values.square().mean() + 1e-3
        norm.running_mean = values.mean(1) + torch.randn_like(variance) * 0.1 * variance.sqrt()
        norm.running_var = variance * torch.empty_like(variance).uniform_(0.5, 1.5)

    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm) and m.running_var is not None]
    handles = [norm.register_forward_pre_hook(measure) for norm in norms]
    with torch.no_grad():
        network(x)
    for handle in handles:
        handle.remove()
