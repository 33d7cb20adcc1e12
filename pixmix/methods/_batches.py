"""Mixup and CutMix: each image of a batch is mixed with another image of the same batch."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from scipy.special import betaincinv
from torch import Tensor, nn

from mixset._common.errors import InputError

from .._common import philox
from ._base import DeviceDraws, Method, Setting, StepDraws, StepKey

# One row of uniforms a step: first the fields, then one value per image, whose order permutes the batch.
SLOT_SHARE, SLOT_COIN, SLOT_ROW, SLOT_COLUMN, SLOT_PERMUTATION = range(5)
SLOTS_PER_RANK = 2**20  # so batches of up to a million images share no draw with the next rank's


class Mixup(Method):
    """Mixup (Zhang et al., 2018): lambda x + (1 - lambda) x[pi], and so the labels; lambda ~ Beta(alpha, alpha).

    The original: alpha = 1 on CIFAR, one lambda and one permutation per batch.

    Args:
        alpha: of the Beta distribution, above 0.
    """

    name = "mixup"
    keys = ("step",)

    def __init__(self, *, alpha: float = 1.0) -> None:
        self.alpha = _positive("mixup: alpha", alpha)

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        draws = _uniforms(key, count)
        return StepDraws({"partner": _permutation(draws), **_shares(_beta(draws[SLOT_SHARE], self.alpha))})

    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        drawn = draws.values
        mixed = images * drawn["share"] + images[drawn["partner"]] * drawn["rest"]
        return mixed, _soft_labels(labels, drawn, classes)


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

    def draw(self, key: StepKey, count: int, size: tuple[int, int]) -> StepDraws:
        draws = _uniforms(key, count)
        if draws[SLOT_COIN] >= self.probability:
            return StepDraws(form="as it is")
        box = _box(draws, _beta(draws[SLOT_SHARE], self.beta), *size)
        top, bottom, left, right = box
        share = 1 - (bottom - top) * (right - left) / (size[0] * size[1])
        values = {"partner": _permutation(draws), "box": np.array(box), **_shares(share)}
        return StepDraws(values, form="mixed")

    def change(
        self, images: Tensor, labels: Tensor, *, draws: DeviceDraws, network: nn.Module, classes: int
    ) -> tuple[Tensor, Tensor]:
        if draws.form == "as it is":
            return images, labels
        drawn = draws.values
        top, bottom, left, right = drawn["box"].unbind()
        rows, columns = (torch.arange(side, device=images.device) for side in images.shape[2:])
        inside = ((rows >= top) & (rows < bottom))[:, None] & (columns >= left) & (columns < right)
        # `out` keeps the images' layout in memory, which the layers behind them are fast in.
        mixed = torch.where(inside, images[drawn["partner"]], images, out=torch.empty_like(images))
        return mixed, _soft_labels(labels, drawn, classes)


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


def _permutation(draws: np.ndarray) -> np.ndarray:
    """(N,) int64: each image's partner."""
    return np.argsort(draws[SLOT_PERMUTATION:], kind="stable")


def _shares(share: float) -> dict[str, np.ndarray]:
    """What is kept of an image and what is its partner's, float32 without axes."""
    return {"share": np.array(share, np.float32), "rest": np.array(1 - share, np.float32)}


def _soft_labels(labels: Tensor, drawn: Mapping[str, Tensor], classes: int) -> Tensor:
    """(N, classes) float32: `share` of each image's own label and the rest of its partner's."""
    soft = torch.zeros(len(labels), classes, device=labels.device)
    ones = torch.ones(len(labels), 1, device=labels.device)
    soft.scatter_add_(1, labels[:, None], ones * drawn["share"])
    return soft.scatter_add_(1, labels[drawn["partner"]][:, None], ones * drawn["rest"])


def _positive(name: str, value: float) -> float:
    if not (value > 0 and math.isfinite(value)):
        raise InputError(f"{name} must be a number above 0, got {value}")
    return value
