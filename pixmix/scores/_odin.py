"""ODIN, the one score that asks the network itself for gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mixset._common.errors import InputError

from ._from_logits import temperature_scaled
from ._ranges import number

if TYPE_CHECKING:
    from torch import Tensor, nn


def odin(
    network: nn.Module, images: Tensor, *, std: Sequence[float], temperature: float = 1000.0, epsilon: float = 0.0014
) -> np.ndarray:
    """Anomaly score: the scaled largest probability after a step that makes the answer surer (Liang et al., 2018).

    The network is left in the mode it is in, and its parameters get no gradients; give one in eval mode.

    Args:
        network: takes normalised images and gives logits.
        images: (N, C, H, W) floats, normalised.
        std: the standard deviation of the normalisation, for each channel: the step is that of images in [0, 1].
        temperature: T.
        epsilon: the length of the step in each value, in units of [0, 1].

    Returns:
        (N,) float64 in [−1, 0).

    Raises:
        InputError: as many deviations as channels are needed, above 0; or settings out of range.
    """
    divisor, step = (
        number("temperature", temperature),
        number("epsilon", epsilon),
    )
    if len(std) != images.shape[1] or min(std) <= 0:
        raise InputError(f"std: {images.shape[1]} numbers above 0 are needed, one for each channel, got {list(std)}")
    moved = odin_logits(network, images, std=std, temperature=divisor, epsilon=step)
    return temperature_scaled(moved.double().cpu().numpy(), temperature=divisor)


def odin_logits(
    network: Callable[[Tensor], Tensor], images: Tensor, *, std: Sequence[float], temperature: float, epsilon: float
) -> Tensor:
    """The logits of the images after ODIN's step, (N, classes) without gradients; arguments are those of `odin`."""
    import torch  # here, because nothing else of this package wants it
    from torch.nn import functional

    with torch.enable_grad():
        inputs = images.detach().clone().requires_grad_()
        logits = network(inputs)
        loss = functional.cross_entropy(logits / temperature, logits.argmax(dim=1), reduction="sum")
        (gradient,) = torch.autograd.grad(loss, inputs)
    # The original's sign of 0 is 1.
    sign = torch.where(gradient >= 0, 1.0, -1.0).to(images.dtype)
    widths = torch.tensor(list(std), dtype=images.dtype, device=images.device).view(1, -1, *[1] * (images.ndim - 2))
    with torch.no_grad():
        return network(images - epsilon * sign / widths)
