"""Kernels of the ops that replace each value by another: autocontrast, equalize, posterize, solarize.

All are equal to Pillow's `ImageOps` bit for bit; images are (3, H, W) uint8.
"""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .planes import copy


@kernel
def autocontrast(source: np.ndarray, result: np.ndarray) -> None:
    """Stretch each channel from its darkest and brightest value to 0 and 255."""
    table = np.empty(256, np.uint8)
    for c in range(3):
        plane, out = source[c].reshape(-1), result[c].reshape(-1)
        low, high = np.uint8(255), np.uint8(0)
        for i in range(plane.size):
            low = min(low, plane[i])
            high = max(high, plane[i])
        if high <= low:
            copy(plane, out)
            continue
        scale = stretch_scale(low, high)
        offset = -np.float64(low) * scale
        for value in range(256):
            table[value] = stretched(value * scale, offset)
        for i in range(plane.size):
            out[i] = table[plane[i]]


@kernel
def stretch_scale(low: int, high: int) -> float:
    """By how much autocontrast stretches a channel with these extremes."""
    return 255.0 / (np.int64(high) - np.int64(low))


@kernel
def stretched(scaled: float, offset: float) -> int:
    """Autocontrast's value of a scaled one."""
    return min(max(int(scaled + offset), 0), 255)


@kernel
def equalize(source: np.ndarray, result: np.ndarray) -> None:
    """Spread each channel's histogram evenly."""
    histogram = np.empty((4, 256), np.int64)
    table = np.empty(256, np.uint8)
    for c in range(3):
        plane, out = source[c].reshape(-1), result[c].reshape(-1)
        _count(plane, histogram)
        brightest = 255
        while histogram[0, brightest] == 0:
            brightest -= 1
        step = spread_step(plane.size, histogram[0, brightest])
        if step == 0:  # one value alone, or too few pixels to spread
            copy(plane, out)
            continue
        below = 0
        for value in range(256):
            table[value] = spread(below, step)
            below += histogram[0, value]
        for i in range(plane.size):
            out[i] = table[plane[i]]


@kernel
def spread_step(pixels: int, brightest: int) -> int:
    """How many pixels equalize gives each value, of `pixels` with so many of the brightest value; 0: all stays."""
    return (pixels - brightest) // 255


@kernel
def spread(below: int, step: int) -> int:
    """Equalize's value where so many pixels are darker."""
    return min((step // 2 + below) // step, 255)


@kernel
def _count(plane: np.ndarray, histogram: np.ndarray) -> None:
    """The histogram of a flat plane in `histogram[0]`; four are kept, since neighbours are often equal."""
    histogram.fill(0)
    whole = plane.size // 4 * 4
    for i in range(0, whole, 4):
        histogram[0, plane[i]] += 1
        histogram[1, plane[i + 1]] += 1
        histogram[2, plane[i + 2]] += 1
        histogram[3, plane[i + 3]] += 1
    for i in range(whole, plane.size):
        histogram[0, plane[i]] += 1
    for value in range(256):
        histogram[0, value] += histogram[1, value] + histogram[2, value] + histogram[3, value]


@kernel
def posterize(source: np.ndarray, bits: int, result: np.ndarray) -> None:
    """Keep the `bits` highest bits of each value."""
    mask = np.uint8(kept_bits(bits))
    values, out = source.reshape(-1), result.reshape(-1)
    for i in range(values.size):
        out[i] = values[i] & mask


@kernel
def kept_bits(bits: int) -> int:
    """The mask of the `bits` highest bits."""
    return 256 - (1 << (8 - bits))


@kernel
def solarize(source: np.ndarray, threshold: int, result: np.ndarray) -> None:
    """Invert the values from `threshold` (0 to 256) on."""
    last = np.int16(threshold)
    values, out = source.reshape(-1), result.reshape(-1)
    for i in range(values.size):
        value = values[i]
        out[i] = value if np.int16(value) < last else np.uint8(255) - value
