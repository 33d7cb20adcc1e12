"""Projected gradient descent (Madry et al., 2018): the adversaries of the paper's tables, for tests and training."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor, nn
from torch.nn import functional

from mixset._common.errors import InputError

from .._common import philox
from .._common.attack import Norm, PGDSettings

Ball = Literal["corrected", "reference"]
"""What the ball lies around. "corrected": the image. "reference": the image after the random start, as in the paper's
code, so an adversary may be 2 epsilon away, and the first gradient may be taken outside [0, 1]. Without a random start
they are the same."""
BALLS: tuple[Ball, ...] = get_args(Ball)
TINY = torch.finfo(torch.float32).tiny


def pgd(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    settings: PGDSettings,
    ball: Ball = "corrected",
    indices: np.ndarray | None = None,
    seed: int = 0,
) -> Tensor:
    """Adversaries of a batch of images; weights get no gradients.

    The random start is a function of (seed, an image's index), so batch size and order do not change it. The network
    is used as it is: put it into eval mode (`pixmix.evaluate` does, and `_common.modes.in_eval_mode`).

    Args:
        network: takes (N, C, H, W) float images in [0, 1], gives logits.
        images: (N, C, H, W) float32 in [0, 1]; not changed.
        labels: (N,) int64, on the images' device.
        indices: (N,) each image's index in its data set; default 0 to N − 1.

    Returns:
        (N, C, H, W) float32 in [0, 1].
    """
    if ball not in BALLS:
        raise InputError(f"ball: no ball named {ball!r}; known: {', '.join(BALLS)}")
    adversary = centre = images.detach()
    if settings.random_start:
        indices = np.arange(len(images)) if indices is None else indices
        adversary = centre + _random_start(images, indices, seed, settings)
        if ball == "reference":
            centre = adversary
        else:
            adversary = _project(adversary, centre, settings)
    for _ in range(settings.steps):
        direction = _steepest(_gradient(network, adversary, labels), settings.norm)
        adversary = _project(adversary + settings.step_size * direction, centre, settings)
    return adversary.clamp(0, 1)


def protocol(settings: PGDSettings, ball: Ball) -> dict[str, Any]:
    """What results say of an attack."""
    return {
        "epsilon": settings.epsilon,
        "step_size": settings.step_size,
        "steps": settings.steps,
        "ball": ball,
        "norm": settings.norm,
        "random_start": settings.random_start,
    }


def _gradient(network: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the summed cross entropy, so that no image's depends on the batch."""
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
    """Clip to the ball, up to rounding, then to [0, 1], which takes nothing farther from a centre that lies inside."""
    if settings.norm == "linf":
        return adversary.clamp(centre - settings.epsilon, centre + settings.epsilon).clamp(0, 1)
    change = adversary - centre
    shrink = (settings.epsilon / _length(change).clamp(min=TINY)).clamp(max=1)
    return (centre + change * shrink).clamp(0, 1)


def _length(tensor: Tensor) -> Tensor:
    """(N, 1, 1, 1): each image's l2 norm."""
    return torch.linalg.vector_norm(tensor, dim=(1, 2, 3), keepdim=True)


def _random_start(images: Tensor, indices: np.ndarray, seed: int, settings: PGDSettings) -> Tensor:
    """A uniform draw from the ball around 0, shaped like the images.

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
