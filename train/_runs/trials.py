"""A network is tried before work is done with it: what it makes of images decides whether a run can use it at all."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixset._common.errors import InputError
from pixmix._common.modes import in_eval_mode
from pixmix._evaluators.forwarding import network_errors


@torch.no_grad()
def try_network(network: nn.Module, size: int, classes: int | None = None, *, training: bool = False) -> int:
    """See that a network takes images and gives logits; its statistics, mode and the random state stay as they were.

    Args:
        network: takes (N, 3, size, size) images in [0, 1].
        size: their side in pixels.
        classes: how many logits there must be; None: any number.
        training: try it in training mode, too, as some networks give more than logits there.

    Returns:
        How many logits it gives.

    Raises:
        InputError: it fails on such images, or gives something else than finite logits (N, classes).
    """
    state = {name: tensor.clone() for name, tensor in network.named_buffers()}
    device = next(network.parameters(), torch.empty(0)).device
    devices = [device] if device.type == "cuda" else []
    count = 0
    try:
        with in_eval_mode(network), torch.random.fork_rng(devices):
            for mode in (False, True) if training else (False,):
                network.train(mode)
                with network_errors(f"images of {size}x{size} px"):
                    logits = network(torch.rand(2, 3, size, size, device=device))
                count = _checked(logits, classes, finite=not mode)
    finally:
        for name, tensor in network.named_buffers():
            if name in state:
                tensor.copy_(state[name])
    return count


def _checked(logits: object, classes: int | None, *, finite: bool) -> int:
    """How many logits; those of random weights in training mode may be anything, so they need not be finite."""
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        raise InputError(f"the network gives a {type(logits).__name__}, not a tensor of logits; choose another")
    if logits.ndim != 2 or len(logits) != 2:
        shape = tuple(logits.shape)
        raise InputError(f"the network makes {shape} of 2 images, not logits (2, classes); choose another")
    if classes is not None and logits.shape[1] != classes:
        raise InputError(f"the network gives {logits.shape[1]} logits, but there are {classes} classes; choose another")
    if finite and not torch.isfinite(logits).all():
        raise InputError("the network gives logits that are not finite (its training diverged); choose other weights")
    return logits.shape[1]
