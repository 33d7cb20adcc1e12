"""Resizing a part of an image: Pillow's bilinear `resize`, compiled and specialised for crops.

Each axis is resampled exactly as by Pillow: a triangle filter that widens with the scale (antialiasing), weights of 22
bits and results of 8 bits. The horizontal pass comes first, as in Pillow up to release 12; release 13 reverses the
order for parts that shrink more in height than in width. Training images do not depend on the release of Pillow.
"""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from .._common.threads import read_only

_BITS = 22
_ROWS = 32
"""The number of rows resampled together, so that their pixels in a column fill a few SIMD vectors."""


def resize_part(
    image: np.ndarray, box: tuple[int, int, int, int], result: np.ndarray, *, mirrored: bool = False
) -> None:
    """Resize the part of an image within `box` to the size of `result`, in place.

    Args:
        image: (H, W, 3) uint8.
        box: (left, top, right, bottom) in pixels, within the image and not empty.
        result: the array to fill, (h, w, 3) uint8, contiguous.
        mirrored: whether to flip the result horizontally.
    """
    left, top, right, bottom = box
    _resize(read_only(image), left, top, right - left, bottom - top, mirrored, result)


@kernel
def _weigh(length: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first source pixel, the number of source pixels, and their weights for each of `count` pixels of an axis."""
    scale = length / count
    reach = max(scale, 1.0)
    inverse = 1.0 / reach
    firsts, taps = np.empty(count, np.int64), np.empty(count, np.int64)
    weights = np.zeros((count, 2 * math.ceil(reach) + 1), np.int32)
    heights = np.empty(weights.shape[1])
    for index in range(count):
        centre = (index + 0.5) * scale
        first = max(int(centre - reach + 0.5), 0)
        firsts[index], taps[index] = first, min(int(centre + reach + 0.5), length) - first
        total = 0.0
        for tap in range(taps[index]):
            heights[tap] = max(1.0 - abs((tap + first - centre + 0.5) * inverse), 0.0)
            total += heights[tap]
        for tap in range(taps[index]):
            weights[index, tap] = int(0.5 + heights[tap] / total * (1 << _BITS))
    return firsts, taps, weights


@kernel
def _weighted_sum(sources: np.ndarray, weights: np.ndarray, taps: int, sums: np.ndarray) -> None:
    """Write the weighted sum of the first `taps` rows of `sources` (n, m) uint8, plus 0.5, to `sums` (m,) int32."""
    for index in range(len(sums)):
        sums[index] = 1 << (_BITS - 1)
    for tap in range(taps):
        weight, row = weights[tap], sources[tap]
        for index in range(len(sums)):
            sums[index] += weight * row[index]


@kernel
def _resize(
    image: np.ndarray, left: int, top: int, width: int, height: int, mirrored: bool, result: np.ndarray
) -> None:
    new_height, new_width = result.shape[:2]
    firsts, taps, weights = _weigh(width, new_width)
    narrow = np.empty((height + _ROWS, 3 * new_width), np.uint8)
    columns = np.zeros((width, 3 * _ROWS), np.uint8)
    sums = np.empty(3 * _ROWS, np.int32)
    for y in range(0, height, _ROWS):
        for row in range(min(_ROWS, height - y)):
            for x in range(width):
                for channel in range(3):
                    columns[x, 3 * row + channel] = image[top + y + row, left + x, channel]
        for x in range(new_width):
            _weighted_sum(columns[firsts[x] :], weights[x], taps[x], sums)
            index = 3 * (new_width - 1 - x) if mirrored else 3 * x
            for row in range(_ROWS):
                for channel in range(3):
                    narrow[y + row, index + channel] = sums[3 * row + channel] >> _BITS
    firsts, taps, weights = _weigh(height, new_height)
    sums = np.empty(3 * new_width, np.int32)
    for y in range(new_height):
        _weighted_sum(narrow[firsts[y] :], weights[y], taps[y], sums)
        line = result[y].reshape(-1)
        for index in range(len(line)):
            line[index] = sums[index] >> _BITS
