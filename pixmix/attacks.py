"""Projected gradient descent (Madry et al., 2018): the adversaries of the paper's CIFAR tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mixset.errors import InputError

from . import philox

Ball = Literal["corrected", "reference"]
BALLS: tuple[Ball, ...] = get_args(Ball)


@dataclass(frozen=True, kw_only=True)
class PGDSettings:
    """An untargeted l-infinity attack with one random start; the defaults are the paper's for CIFAR."""

    epsilon: float = 2 / 255
    """Radius of the ball, in units of [0, 1] pictures."""
    step_size: float = 0.5 / 255
    """Length of a step, in the same units."""
    steps: int = 20
    """Gradient steps; the last iterate is the adversary."""
    ball: Ball = "corrected"
    """Around what the ball lies. "corrected": the picture. "reference": the picture after the random start, as in the
    paper's code, so an adversary may be 2 epsilon away, and the first gradient may be taken outside [0, 1]."""

    def __post_init__(self) -> None:
        for name in ("epsilon", "step_size"):
            value = getattr(self, name)
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise InputError(f"PGD {name} must be within 0..1, got {value}")
        if self.steps < 0:
            raise InputError(f"PGD steps must be at least 0, got {self.steps}")
        if self.ball not in BALLS:
            raise InputError(f"PGD ball must be one of {', '.join(BALLS)}, got {self.ball!r}")


def pgd(
    network: nn.Module, pictures: Tensor, labels: Tensor, *, indices: np.ndarray, seed: int, settings: PGDSettings
) -> Tensor:
    """Adversaries of a batch of pictures; weights get no gradients.

    The random start is a function of (seed, a picture's index), so batch size and order do not change it. The network
    is used as it is: put it into eval mode (`pixmix.evaluate` does).

    Args:
        network: takes (N, C, H, W) float pictures in [0, 1], gives logits.
        pictures: (N, C, H, W) float32 in [0, 1]; not changed.
        labels: (N,) int64, on the pictures' device.
        indices: (N,) each picture's place in its data set.

    Returns:
        (N, C, H, W) float32 in [0, 1].
    """
    start = pictures.detach() + _random_start(pictures, indices, seed, settings.epsilon)
    centre = start if settings.ball == "reference" else pictures.detach()
    low, high = centre - settings.epsilon, centre + settings.epsilon
    if settings.ball == "corrected":
        # Inside [0, 1] from the first gradient on; what is nearer to the picture stays in the ball.
        low, high = low.clamp(min=0), high.clamp(max=1)
        start = start.clamp(low, high)
    adversary = start
    for _ in range(settings.steps):
        adversary = adversary + settings.step_size * _gradient(network, adversary, labels).sign()
        adversary = adversary.clamp(low, high).clamp(0, 1)
    return adversary.clamp(0, 1)


def _gradient(network: nn.Module, pictures: Tensor, labels: Tensor) -> Tensor:
    """Of the summed cross entropy, so that no picture's gradient depends on the batch."""
    with torch.enable_grad():
        pictures = pictures.detach().requires_grad_()
        loss = functional.cross_entropy(network(pictures), labels, reduction="sum")
        return torch.autograd.grad(loss, pictures)[0]


def _random_start(pictures: Tensor, indices: np.ndarray, seed: int, epsilon: float) -> Tensor:
    """Uniform in [-epsilon, epsilon], shaped like the pictures."""
    draws = philox.uniforms(seed, 0, indices, philox.ATTACK, pictures[0].numel())
    noise = ((2 * draws - 1) * epsilon).astype(np.float32).reshape(pictures.shape)
    return torch.from_numpy(noise).to(pictures.device)
