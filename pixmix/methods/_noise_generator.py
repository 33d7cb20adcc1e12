"""The noise generator of adversarial noise training (Rusak et al., 2020), and noise of one length in any image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from .._common import keyed

WIDTH = 20
"""Channels of the hidden layers."""
TINY = torch.finfo(torch.float32).tiny

Weights = list[Tensor]
"""Of four convolutions from 3 to 3 channels: weight and bias of each in turn; the second one is 1×1 or 3×3."""


def draw_weights(kernel: Literal[1, 3], random: torch.Generator) -> Weights:
    """A fresh generator's weights on the device of `random`: normal with deviation 0.01, biases 0."""

    def draw() -> Iterator[Tensor]:
        for inputs, outputs, side in ((3, WIDTH, 1), (WIDTH, WIDTH, kernel), (WIDTH, WIDTH, 1), (WIDTH, 3, 1)):
            shape = (outputs, inputs, side, side)
            yield 0.01 * torch.randn(shape, generator=random, device=random.device)
            yield torch.zeros(outputs, device=random.device)

    return list(draw())


def make_noise(weights: Sequence[Tensor], count: int, size: tuple[int, int], random: torch.Generator) -> Tensor:
    """Noise for `count` images of (H, W), without regard to what they show: (N, 3, H, W) float32.

    Standard normal noise goes through the convolutions and is added to what comes out. With a 3×3 convolution it has a
    border of one pixel, of which the sum keeps nothing.
    """
    border = weights[2].shape[-1] // 2
    height, width = size
    source = keyed.normals(count, (height + 2 * border, width + 2 * border), random)
    hidden = source
    with torch.autocast(source.device.type, enabled=False):
        for index in (0, 2, 4):
            hidden = functional.conv2d(hidden, weights[index], weights[index + 1]).relu()
        made = functional.conv2d(hidden, weights[6], weights[7])
    return made + source[:, :, border : border + height, border : border + width]


def perturb(images: Tensor, noise: Tensor, epsilon: float) -> Tensor:
    """`(images + t noise)` cut off at [0, 1], t being such that each image's change has l2 norm `epsilon`.

    A value whose change t |noise| has used up its room towards 0 or 1 changes no more. So the squared norm grows with
    t² in straight pieces between the places where a value runs out of room; sorting these gives the piece on which it
    reaches epsilon², and t in closed form. An image without room for so much change gets the largest there is. The
    result can be differentiated with respect to the noise.

    Args:
        images: (N, 3, H, W) float32 in [0, 1].
        noise: the same shape.
        epsilon: above 0.

    Returns:
        (N, 3, H, W) float32 in [0, 1].
    """
    with torch.autocast(images.device.type, enabled=False):
        sign = noise.detach().sign()
        room = torch.where(sign > 0, 1 - images, torch.where(sign < 0, images, 0))
        free = _free(noise.detach().abs().flatten(1), room.flatten(1), epsilon).view_as(noise)
        # Sums of 150,000 squares at 224 px: in float64, so that the norm is epsilon to the last digits.
        used = torch.where(free, 0, room).square().sum((1, 2, 3), keepdim=True, dtype=torch.float64)
        growth = torch.where(free, noise, 0).square().sum((1, 2, 3), keepdim=True, dtype=torch.float64)
        # Clamped for images with too little room: nothing is free there, and gradients are to be 0, not 0 / 0.
        factor = ((epsilon**2 - used).clamp(min=TINY) / growth.clamp(min=TINY)).sqrt()
        return (images + torch.where(free, factor.to(noise.dtype) * noise, sign * room)).clamp(0, 1)


@torch.no_grad()
def _free(force: Tensor, room: Tensor, epsilon: float) -> Tensor:
    """Which values (N, D) still have room where an image's norm is epsilon; none, where that is out of reach."""
    limits, order = (room / force.clamp(min=TINY)).sort(1)
    used = room.gather(1, order).square_().cumsum(1, dtype=torch.float64)
    squares = force.gather(1, order).square_()
    # How much the values behind each add for each unit of t².
    growth = squares.flip(1).cumsum(1, dtype=torch.float64).flip(1) - squares
    reached = used + limits.double().square() * growth
    first = (reached < epsilon**2).sum(1, keepdim=True)
    behind = torch.arange(limits.shape[1], device=limits.device) >= first
    return torch.empty_like(behind).scatter_(1, order, behind)
