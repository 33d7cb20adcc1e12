"""Part of an image at another size: Pillow's bilinear `resize`, compiled for what crops need of it.

Each axis is resampled as Pillow does it, bit for bit: a triangle that grows with the scale (so that nothing aliases),
weights of 22 bits, a result of 8. Columns come first and rows second, which is Pillow's order up to release 12; 13
turns it round for parts that lose more of their height than of their width. So the images of a training do not
depend on the release of Pillow.
"""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from .._common.threads import read_only

_BITS = 22
_ROWS = 32
"""How many rows are resampled side by side: their pixels at one column lie in a few vectors."""


def resize_part(
    image: np.ndarray, box: tuple[int, int, int, int], result: np.ndarray, *, mirrored: bool = False
) -> None:
    """Scale the part of an image within `box` to the size of `result` and write it there.

    Args:
        image: (H, W, 3) uint8.
        box: (left, top, right, bottom) in pixels, within the image and not empty.
        result: (h, w, 3) uint8, contiguous.
        mirrored: whether its left becomes its right.
    """
    left, top, right, bottom = box
    _resize(read_only(image), left, top, right - left, bottom - top, mirrored, result)


@kernel
def _weigh(length, count):
    """Of each of `count` results along an axis of `length`: its first source, how many it has, and their weights."""
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
def _weighted_sum(sources, weights, taps, sums):
    """Into `sums` (m,) int32: the first rows of `sources` (n, m) uint8 by their weights, and half a step to round."""
    for index in range(len(sums)):
        sums[index] = 1 << (_BITS - 1)
    for tap in range(taps):
        weight, row = weights[tap], sources[tap]
        for index in range(len(sums)):
            sums[index] += weight * row[index]


@kernel
def _resize(image, left, top, width, height, mirrored, result):
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
