"""Projected gradient descent (Madry et al., 2018): the adversaries of the paper's tables, for tests and training."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn
from torch.nn import functional

from mixset._common.errors import InputError

from .._common import philox

Ball = Literal["corrected", "reference"]
BALLS: tuple[Ball, ...] = get_args(Ball)
Norm = Literal["linf", "l2"]
NORMS: tuple[Norm, ...] = get_args(Norm)
TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True, kw_only=True)
class PGDSettings:
    """An untargeted attack; the defaults are the paper's for CIFAR: l-infinity, one random start."""

    epsilon: float = 2 / 255
    """Radius of the ball, in units of [0, 1] images."""
    step_size: float = 0.5 / 255
    """Length of a step, in the same units."""
    steps: int = 20
    """Gradient steps; the last iterate is the adversary."""
    ball: Ball = "corrected"
    """Around what the ball lies. "corrected": the image. "reference": the image after the random start, as in the
    paper's code, so an adversary may be 2 epsilon away, and the first gradient may be taken outside [0, 1]. Without a
    random start they are the same."""
    norm: Norm = "linf"
    """In which radius and steps are measured: "linf", the largest change of a value, or "l2", the length of the change
    of a whole image."""
    random_start: bool = True
    """Begin anywhere in the ball, each point of it as likely as any other; else at the image."""

    def __post_init__(self) -> None:
        if self.ball not in BALLS:
            raise InputError(f"PGD ball must be one of {', '.join(BALLS)}, got {self.ball!r}")
        if self.norm not in NORMS:
            raise InputError(f"PGD norm must be one of {', '.join(NORMS)}, got {self.norm!r}")
        for name in ("epsilon", "step_size"):
            value = getattr(self, name)
            if self.norm == "linf" and not (math.isfinite(value) and 0 <= value <= 1):
                raise InputError(f"PGD {name} must be within 0..1, got {value}")
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"PGD {name} must be a number from 0 on, got {value}")
        if self.steps < 0:
            raise InputError(f"PGD steps must be at least 0, got {self.steps}")


def pgd(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    settings: PGDSettings,
    indices: np.ndarray | None = None,
    seed: int = 0,
) -> Tensor:
    """Adversaries of a batch of images; weights get no gradients.

    The random start is a function of (seed, an image's index), so batch size and order do not change it. The network
    is used as it is: put it into eval mode (`pixmix.evaluate` does, and `in_eval_mode`).

    Args:
        network: takes (N, C, H, W) float images in [0, 1], gives logits.
        images: (N, C, H, W) float32 in [0, 1]; not changed.
        labels: (N,) int64, on the images' device.
        indices: (N,) each image's place in its data set; default 0 to N − 1.

    Returns:
        (N, C, H, W) float32 in [0, 1].
    """
    adversary = centre = images.detach()
    if settings.random_start:
        indices = np.arange(len(images)) if indices is None else indices
        adversary = centre + _random_start(images, indices, seed, settings)
        if settings.ball == "reference":
            centre = adversary
        else:
            adversary = _project(adversary, centre, settings)
    for _ in range(settings.steps):
        direction = _steepest(_gradient(network, adversary, labels), settings.norm)
        adversary = _project(adversary + settings.step_size * direction, centre, settings)
    return adversary.clamp(0, 1)


@contextlib.contextmanager
def in_eval_mode(network: nn.Module) -> Iterator[None]:
    """The network in eval mode, so that batch statistics neither count nor move; then each module as it was found."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _gradient(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Of the summed cross entropy, so that no image's gradient depends on the batch."""
    with torch.enable_grad():
        images = images.detach().requires_grad_()
        loss = functional.cross_entropy(network(images), labels, reduction="sum")
        return torch.autograd.grad(loss, images)[0]


def _steepest(gradient: Tensor, norm: Norm) -> Tensor:
    """The direction of length 1 in which the loss rises most; 0 where the gradient is."""
    if norm == "linf":
        return gradient.sign()
    # The squares of a confident network's gradients would underflow.
    gradient = gradient / gradient.abs().amax((1, 2, 3), keepdim=True).clamp(min=TINY)
    return gradient / _length(gradient).clamp(min=TINY)


def _project(adversary: Tensor, centre: Tensor, settings: PGDSettings) -> Tensor:
    """Into the ball, to a float's rounding, then into [0, 1], which brings it no farther from a centre inside."""
    if settings.norm == "linf":
        return adversary.clamp(centre - settings.epsilon, centre + settings.epsilon).clamp(0, 1)
    change = adversary - centre
    shrink = (settings.epsilon / _length(change).clamp(min=TINY)).clamp(max=1)
    return (centre + change * shrink).clamp(0, 1)


def _length(tensor: Tensor) -> Tensor:
    """(N, 1, 1, 1): each image's l2 norm."""
    return torch.linalg.vector_norm(tensor, dim=(1, 2, 3), keepdim=True)


def _random_start(images: Tensor, indices: np.ndarray, seed: int, settings: PGDSettings) -> Tensor:
    """Uniform in the ball around 0, shaped like the images.

    In l2 the direction is that of normal noise and the radius epsilon U^(1/d) for d values, which is nearly epsilon.
    """
    values = images[0].numel()
    if settings.norm == "linf":
        draws = philox.uniforms(seed, 0, indices, philox.ATTACK, values)
        noise = (2 * draws - 1) * settings.epsilon
    else:
        draws = philox.uniforms(seed, 0, indices, philox.ATTACK, values + 1)
        normals, radii = ndtri(draws[:, :-1]), settings.epsilon * draws[:, -1:] ** (1 / values)
        noise = normals * (radii / np.linalg.norm(normals, axis=1, keepdims=True))
    return torch.from_numpy(noise.astype(np.float32).reshape(images.shape)).to(images.device)
