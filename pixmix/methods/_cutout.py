"""Cutout (DeVries & Taylor, 2017): a square hole in each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mixset._common.errors import InputError

from .._augment.transfers import carry
from .._common import philox
from ._base import Method, Setting, as_float, as_images

if TYPE_CHECKING:
    from .._augment.draws import Key


class Cutout(Method):
    """One square hole of side `length`, centred on any pixel, cut off at the borders, filled with the mean.

    The original fills 0 after normalisation, which is the normaliser's mean in [0, 1] images. The square
    is [c - length // 2, c + length // 2), so an odd length makes a hole one pixel smaller, as the original does.

    Args:
        length: side of the hole in pixels; 16 on CIFAR-10, 8 on CIFAR-100 (see `cutout_length`).
        mean: per channel, in units of [0, 1] images.
    """

    name = "cutout"
    keys = ("image",)

    def __init__(self, *, length: int, mean: Sequence[float]) -> None:
        if length < 2:
            raise InputError(f"cutout: length must be at least 2 pixels, got {length}")
        self.length = length
        self.mean = np.asarray(mean, np.float32)

    def augment_array(self, batch: np.ndarray, key: Key, indices: np.ndarray) -> np.ndarray:
        images = as_float(batch)
        boxes = self._draw_boxes(batch.shape[1:3], key, indices)
        for image, (top, left, bottom, right) in zip(images, boxes, strict=True):
            image[:, top:bottom, left:right] = self.mean[:, None, None]
        return images

    def augment_tensor(self, batch: Tensor, key: Key, indices: np.ndarray) -> Tensor:
        boxes = self._draw_boxes(batch.shape[1:3], key, indices)
        sent = carry(batch.device, boxes=boxes, mean=self.mean)
        top, left, bottom, right = sent["boxes"][..., None].unbind(1)
        rows, columns = (torch.arange(side, device=batch.device) for side in batch.shape[1:3])
        beside, within = (columns >= left) & (columns < right), (rows >= top) & (rows < bottom)
        hole = within[:, None, :, None] & beside[:, None, None, :]
        return torch.where(hole, sent["mean"][:, None, None], as_images(batch))

    def _draw_boxes(self, size: Sequence[int], key: Key, indices: np.ndarray) -> np.ndarray:
        """Top, left, bottom and right of each hole, (N, 4) int64."""
        draws = philox.uniforms(key.seed, key.epoch, indices, philox.CUTOUT, 2)
        centres = (draws * size).astype(np.int64)
        ends = np.minimum(centres + self.length // 2, size)
        return np.concatenate([np.maximum(centres - self.length // 2, 0), ends], axis=1)


def cutout_length(classes: int, size: tuple[int, int]) -> int:
    """The hole's side: half the image's shorter side (16 on CIFAR-10, 112 at 224 px), a quarter on CIFAR-100."""
    side = min(size)
    return side // 4 if classes == 100 and side == 32 else side // 2


def make(name: str, setting: Setting) -> Method:
    """Cutout for a data set."""
    length = setting.settings.cutout.length or cutout_length(setting.classes, setting.size)
    return Cutout(length=length, mean=setting.mean)
