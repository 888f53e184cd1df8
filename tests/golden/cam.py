"""Grad-CAM and input gradients of a PyTorch network, written from the paper's equations."""

import torch


def record(network, x, layers):
    """Logits of `x` and the output of every module in `layers`, connected for gradients."""
    seen = {}
    handles = []
    for name in layers:

        def hook(_module, _inputs, output, name=name):
            seen[name] = output
            # A clone goes on, so that an in-place activation behind the module leaves the recorded values alone.
            return output.clone()

        handles.append(network.get_submodule(name).register_forward_hook(hook))
    logits = network(x)
    for handle in handles:
        handle.remove()
    return logits, seen


def score(logits, classes):
    """The sum over the batch of each image's own class score: in evaluation mode the images do not mix, so each gets its own gradient."""
    return logits[torch.arange(len(classes)), torch.tensor(classes)].sum()


def raw_maps(logits, activation, classes, as_map=lambda x: x):
    """The maps (n, h, w) of Selvaraju et al. 2017, eq. 1-2, before the ReLU; `as_map` brings what the layer gives to (n, c, h, w)."""
    (gradient,) = torch.autograd.grad(score(logits, classes), activation, retain_graph=True)
    gradient, activation = as_map(gradient), as_map(activation)
    return (gradient.mean((2, 3), keepdim=True) * activation).sum(1).detach()


def input_gradient(logits, x, classes):
    """The gradient (n, 3, h, w) of each image's class score."""
    (gradient,) = torch.autograd.grad(score(logits, classes), x, retain_graph=True)
    return gradient.detach()


def block_sums(gradient, blocks=8):
    """Sums over the channels and over `blocks` x `blocks` rectangles; the borders lie at floor(i * size / blocks)."""
    total = gradient.sum(1)
    h, w = total.shape[1:]
    rows = [(i * h // blocks, (i + 1) * h // blocks) for i in range(blocks)]
    columns = [(i * w // blocks, (i + 1) * w // blocks) for i in range(blocks)]
    return torch.stack(
        [torch.stack([total[:, a:b, c:d].sum((1, 2)) for c, d in columns], 1) for a, b in rows], 1
    )
