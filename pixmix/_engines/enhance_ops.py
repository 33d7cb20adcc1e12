"""Kernels of the ops that blend the image with a lesser one: color, contrast, brightness, sharpness.

All are equal to Pillow's `ImageEnhance` bit for bit: blends in float32, truncated. Images are (3, H, W) uint8.
"""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .planes import copy

# ITU-R 601-2 luma in 16-bit fixed point; the last number rounds.
_RED, _GREEN, _BLUE, _HALF = np.uint32(19595), np.uint32(38470), np.uint32(7471), np.uint32(0x8000)


@kernel
def luma(red: int, green: int, blue: int) -> np.int32:
    """The grey of a colour, 0 to 255."""
    total = np.uint32(np.uint32(red) * _RED + np.uint32(green) * _GREEN + np.uint32(blue) * _BLUE + _HALF)
    return np.int32(total >> np.uint32(16))


@kernel
def blend(lesser: int, value: int, factor: np.float32) -> np.uint8:
    """lesser + factor·(value − lesser), cut to 0 … 255; a factor above 1 leads away from the lesser image."""
    blended = np.float32(lesser) + factor * np.float32(np.int32(value) - lesser)
    return np.uint8(min(max(blended, np.float32(0)), np.float32(255)))


@kernel
def color(source: np.ndarray, factor: np.float32, result: np.ndarray) -> None:
    """Blend with the grey image."""
    red, green, blue = source[0].reshape(-1), source[1].reshape(-1), source[2].reshape(-1)
    out0, out1, out2 = result[0].reshape(-1), result[1].reshape(-1), result[2].reshape(-1)
    for i in range(red.size):
        grey = luma(red[i], green[i], blue[i])
        out0[i] = blend(grey, red[i], factor)
        out1[i] = blend(grey, green[i], factor)
        out2[i] = blend(grey, blue[i], factor)


@kernel
def contrast(source: np.ndarray, factor: np.float32, result: np.ndarray) -> None:
    """Blend with the image's mean grey."""
    red, green, blue = source[0].reshape(-1), source[1].reshape(-1), source[2].reshape(-1)
    total = np.int64(0)
    for i in range(red.size):
        total += luma(red[i], green[i], blue[i])
    _blend_all(source.reshape(-1), mean_grey(total, red.size), factor, result.reshape(-1))


@kernel
def mean_grey(total: int, pixels: int) -> np.int32:
    """The rounded mean of `pixels` greys from their sum."""
    return np.int32(total / pixels + 0.5)


@kernel
def brightness(source: np.ndarray, factor: np.float32, result: np.ndarray) -> None:
    """Blend with black."""
    _blend_all(source.reshape(-1), np.int32(0), factor, result.reshape(-1))


@kernel
def _blend_all(values: np.ndarray, lesser: int, factor: np.float32, result: np.ndarray) -> None:
    for i in range(values.size):
        result[i] = blend(lesser, values[i], factor)


@kernel
def sharpness(source: np.ndarray, factor: np.float32, result: np.ndarray) -> None:
    """Blend with the image smoothed by 3×3 weights of 1 around 5; the border is left as it is."""
    height, width = source.shape[1:]
    copy(source.reshape(-1), result.reshape(-1))
    for channel in range(3):
        for y in range(1, height - 1):
            above, here, below = source[channel, y - 1], source[channel, y], source[channel, y + 1]
            row = result[channel, y]
            for x in range(1, width - 1):
                around = np.int32(above[x - 1]) + above[x] + above[x + 1] + here[x - 1] + here[x + 1]
                weighted = np.int32(around + below[x - 1] + below[x] + below[x + 1] + np.int32(5) * here[x])
                row[x] = blend(smooth(weighted), here[x], factor)


@kernel
def smooth(weighted: int) -> np.int32:
    """The 3×3 neighbours' mean from their sum, in which the middle counts 5 times.

    Pillow's float32 sum / 13 + 1/2, truncated; 13 is odd, so no sum lies near a step, and this is equal.
    """
    # 40330 / 2**20 is 1 / 26 closely enough for all numbers up to 2 · 13 · 255 + 13.
    return np.int32(np.int32((np.int32(2) * weighted + 13) * np.int32(40330)) >> np.int32(20))
