"""The crops and flips of the training recipes, for uint8 batches: functions of (seed, epoch, index)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numba import njit
from PIL import Image

from mixset.errors import InputError

from . import philox
from .philox import Key
from .pictures import as_image, stack

_TRIES = 10
# The slots of a stream: 0 flip, 1 top, 2 left; then four for each try of a resized crop.
_SLOTS = 4 + 4 * _TRIES


def crop_and_flip(
    pictures: Sequence[object] | np.ndarray,
    key: Key,
    indices: np.ndarray,
    *,
    padding: int = 4,
    flip: bool = True,
    stream: int = philox.CROP,
) -> np.ndarray:
    """Mirror each picture by a fair coin, put black around it, take a crop of its own size: the paper's CIFAR recipe.

    Args:
        pictures: (N, H, W, 3) uint8, or a list of pictures of one size.
        key: seed and epoch.
        indices: (N,) the pictures' places in their data set.
        padding: pixels of black on each side; 0 for no crop.
        flip: whether to mirror at all.
        stream: of `pixmix.philox`; the first three slots are used.

    Returns:
        (N, H, W, 3) uint8.

    Raises:
        InputError: the padding is negative, or the indices are not as many as the pictures.
    """
    pictures = stack(pictures)
    if padding < 0 or len(indices) != len(pictures):
        raise InputError(f"crop: padding {padding} and {len(indices)} indices for {len(pictures)} pictures")
    draws = philox.uniforms(key.seed, key.epoch, indices, stream, 3)
    offsets = np.floor(draws[:, 1:] * (2 * padding + 1)).astype(np.int64) - padding
    result = np.empty(pictures.shape, np.uint8)
    source = np.ascontiguousarray(pictures).view()
    source.flags.writeable = False  # one kind of argument, so that the kernel is compiled once
    _crop_and_flip(source, (draws[:, 0] < 0.5) & flip, offsets[:, 0], offsets[:, 1], result)
    return result


@njit(cache=True, nogil=True)
def _crop_and_flip(pictures, mirrored, tops, lefts, result):
    count, height, width = pictures.shape[:3]
    for n in range(count):
        for y in range(height):
            above = y + tops[n]
            for x in range(width):
                beside = x + lefts[n]
                if 0 <= above < height and 0 <= beside < width:
                    if mirrored[n]:
                        beside = width - 1 - beside
                    for channel in range(3):
                        result[n, y, x, channel] = pictures[n, above, beside, channel]
                else:
                    for channel in range(3):
                        result[n, y, x, channel] = 0


def random_resized_crop(
    pictures: Iterable[object],
    key: Key,
    indices: np.ndarray,
    *,
    size: int | tuple[int, int],
    scale: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    flip: bool = True,
) -> np.ndarray:
    """Cut a part of random area and shape out of each picture, scale it (bilinear) and mirror it by a fair coin.

    The distribution is torchvision's `RandomResizedCrop` with `RandomHorizontalFlip`, the paper's ImageNet recipe.

    Args:
        pictures: of any sizes; taken one at a time, so they may be decoded on the way.
        key: seed and epoch.
        indices: (N,) the pictures' places in their data set.
        size: S or (H, W) of the result.
        scale: the part of the picture's area, from and to.
        ratio: width by height, from and to; drawn evenly in its logarithm.
        flip: whether to mirror at all.

    Returns:
        (N, H, W, 3) uint8.
    """
    height, width = (size, size) if isinstance(size, int) else size
    draws = philox.uniforms(key.seed, key.epoch, indices, philox.CROP, _SLOTS)
    result = np.empty((len(draws), height, width, 3), np.uint8)
    for n, picture in enumerate(map(as_image, pictures)):
        box = _choose_box(picture.width, picture.height, draws[n, 4:].reshape(_TRIES, 4), scale, ratio)
        part = np.asarray(picture.crop(box).resize((width, height), Image.Resampling.BILINEAR))
        result[n] = part[:, ::-1] if flip and draws[n, 0] < 0.5 else part
    return result


def _choose_box(
    width: int, height: int, tries: np.ndarray, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[int, int, int, int]:
    """(left, top, right, bottom): the first try that lies within the picture, else a crop of its centre."""
    low, high = math.log(ratio[0]), math.log(ratio[1])
    for u in tries:
        area = width * height * (scale[0] + (scale[1] - scale[0]) * u[0])
        shape = math.exp(low + (high - low) * u[1])
        w, h = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < w <= width and 0 < h <= height:
            top, left = int(u[2] * (height - h + 1)), int(u[3] * (width - w + 1))
            return left, top, left + w, top + h
    w = min(width, round(height * ratio[1]))
    h = min(height, round(width / ratio[0]))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h
