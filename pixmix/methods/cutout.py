"""Cutout (DeVries & Taylor, 2017): a square hole in each picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mixset.errors import InputError

from .. import philox
from .base import Method, Setting, as_float

if TYPE_CHECKING:
    from ..draws import Key


class Cutout(Method):
    """One square hole of side `length`, centred on any pixel, cut off at the borders, filled with the mean.

    The original fills 0 after normalisation, which is the normaliser's mean in [0, 1] pictures. The square
    is [c - length // 2, c + length // 2), so an odd length makes a hole one pixel smaller, as the original does.

    Args:
        length: side of the hole in pixels; 16 on CIFAR-10, 8 on CIFAR-100 (see `cutout_length`).
        mean: per channel, in units of [0, 1] pictures.
    """

    name = "cutout"

    def __init__(self, *, length: int, mean: Sequence[float]) -> None:
        if length < 2:
            raise InputError(f"cutout: length must be at least 2 pixels, got {length}")
        self.length = length
        self.mean = np.asarray(mean, np.float32)

    def pictures(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        pictures = as_float(batch)
        height, width = batch.shape[1:3]
        draws = philox.uniforms(key.seed, key.epoch, indices, philox.CUTOUT, 2)
        centres = (draws * (height, width)).astype(np.int64)
        first = np.maximum(centres - self.length // 2, 0)
        end = np.minimum(centres + self.length // 2, (height, width))
        for picture, (top, left), (bottom, right) in zip(pictures, first, end, strict=True):
            picture[:, top:bottom, left:right] = self.mean[:, None, None]
        return pictures


def cutout_length(classes: int, size: tuple[int, int]) -> int:
    """The hole's side: half the picture's shorter side (16 on CIFAR-10, 112 at 224 px), a quarter on CIFAR-100."""
    side = min(size)
    return side // 4 if classes == 100 and side == 32 else side // 2


def make(name: str, setting: Setting) -> Method:
    """Cutout for a data set."""
    length = setting.settings.cutout.length or cutout_length(setting.classes, setting.size)
    return Cutout(length=length, mean=setting.mean)
