"""Mixup and CutMix: each image of a batch is mixed with another image of the same batch."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor, nn

from mixset._common.errors import InputError

from .._common import philox
from ._base import Method, Setting, StepKey

# One row of uniforms a step: first the fields, then one value per image, whose order permutes the batch.
SLOT_SHARE, SLOT_COIN, SLOT_ROW, SLOT_COLUMN, SLOT_PERMUTATION = range(5)
SLOTS_PER_RANK = 2**20  # so batches of up to a million images share no draw with the next rank's


class Mixup(Method):
    """Mixup (Zhang et al., 2018): lambda x + (1 - lambda) x[pi], labels likewise; lambda ~ Beta(alpha, alpha).

    The original: alpha = 1 on CIFAR, one lambda and one permutation per batch.

    Args:
        alpha: of the Beta distribution, above 0.
    """

    name = "mixup"
    keys = ("step",)

    def __init__(self, *, alpha: float = 1.0) -> None:
        self.alpha = _positive("mixup: alpha", alpha)

    def batch(
        self, images: Tensor, labels: Tensor, *, network: nn.Module, key: StepKey, classes: int
    ) -> tuple[Tensor, Tensor]:
        draws = _uniforms(key, len(images))
        share = _beta(draws[SLOT_SHARE], self.alpha)
        partner = _permutation(draws, images)
        return images * share + images[partner] * (1 - share), _soft_labels(labels, partner, share, classes)


class CutMix(Method):
    """CutMix (Yun et al., 2019): a box of each image is replaced by that of another; labels by area.

    The original on CIFAR-100: with probability 0.5 per batch, lambda ~ Beta(1, 1), a box of sqrt(1 - lambda) of each
    side around a uniform centre, cut off at the borders; lambda then becomes the share of the image that is left.

    Args:
        beta: both parameters of the Beta distribution, above 0.
        probability: share of the batches that are mixed.
    """

    name = "cutmix"
    keys = ("step",)

    def __init__(self, *, beta: float = 1.0, probability: float = 0.5) -> None:
        self.beta = _positive("cutmix: beta", beta)
        if not 0 <= probability <= 1:
            raise InputError(f"cutmix: probability must be within 0..1, got {probability}")
        self.probability = probability

    def batch(
        self, images: Tensor, labels: Tensor, *, network: nn.Module, key: StepKey, classes: int
    ) -> tuple[Tensor, Tensor]:
        draws = _uniforms(key, len(images))
        if draws[SLOT_COIN] >= self.probability:
            return images, labels
        height, width = images.shape[2:]
        top, bottom, left, right = _box(draws, _beta(draws[SLOT_SHARE], self.beta), height, width)
        partner = _permutation(draws, images)
        mixed = images.clone()
        mixed[:, :, top:bottom, left:right] = images[partner, :, top:bottom, left:right]
        share = 1 - (bottom - top) * (right - left) / (height * width)
        return mixed, _soft_labels(labels, partner, share, classes)


def make(name: str, setting: Setting) -> Method:
    """Mixup or CutMix."""
    if name == "mixup":
        return Mixup(alpha=setting.settings.mixup.alpha)
    return CutMix(beta=setting.settings.cutmix.beta, probability=setting.settings.cutmix.probability)


def _uniforms(key: StepKey, count: int) -> np.ndarray:
    """One step's draws: (SLOT_PERMUTATION + count,) float64 in (0, 1); each rank has a stretch of slots of its own."""
    first, slots = key.rank * SLOTS_PER_RANK, SLOT_PERMUTATION + count
    return philox.uniforms(key.seed, key.epoch, np.array([key.step]), philox.BATCH, slots, first=first)[0]


def _beta(uniform: float, parameter: float) -> float:
    """A Beta(parameter, parameter) draw by its inverse distribution function."""
    return float(betaincinv(parameter, parameter, uniform))


def _box(draws: np.ndarray, share: float, height: int, width: int) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of CutMix's box, cut off at the borders."""
    ratio = math.sqrt(1 - share)
    half_height, half_width = int(height * ratio) // 2, int(width * ratio) // 2
    row, column = int(draws[SLOT_ROW] * height), int(draws[SLOT_COLUMN] * width)
    top, bottom = max(row - half_height, 0), min(row + half_height, height)
    left, right = max(column - half_width, 0), min(column + half_width, width)
    return top, bottom, left, right


def _permutation(draws: np.ndarray, images: Tensor) -> Tensor:
    order = np.argsort(draws[SLOT_PERMUTATION:], kind="stable")
    return torch.from_numpy(order).to(images.device, non_blocking=True)


def _soft_labels(labels: Tensor, partner: Tensor, share: float, classes: int) -> Tensor:
    """(N, classes) float32: `share` of each image's own label and the rest of its partner's."""
    soft = torch.zeros(len(labels), classes, device=labels.device)
    ones = torch.ones(len(labels), 1, device=labels.device)
    soft.scatter_add_(1, labels[:, None], ones * share)
    return soft.scatter_add_(1, labels[partner][:, None], ones * (1 - share))


def _positive(name: str, value: float) -> float:
    if not (value > 0 and math.isfinite(value)):
        raise InputError(f"{name} must be a number above 0, got {value}")
    return value
