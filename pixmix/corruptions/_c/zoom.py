"""Zoom blur, and zooming into the centre of an image like SciPy's linear `zoom`."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from mixset._common.kernels import kernel

from .._shared.base import Corruption, Fields, ImageArray, draws_nothing, to_bytes


def clipped_zoom(values: np.ndarray, factor: float) -> np.ndarray:
    """Enlarge the centre of (H, W, C) float32 or float64 values by `factor`, at least 1, to the same size."""
    result = np.zeros_like(values)
    _add_zoomed(values, *_positions(values.shape[0], factor), *_positions(values.shape[1], factor), result)
    return result


@lru_cache(1024)
def _positions(size: int, factor: float) -> tuple[np.ndarray, np.ndarray]:
    """For each index along an enlarged side: the index before it in the original, and the distance from that.

    The central ⌈size / factor⌉ pixels are stretched to the nearest whole number of pixels, of which the central ones
    are used.
    """
    part = math.ceil(size / factor)
    length = round(part * factor)
    step = (part - 1) / (length - 1) if length > 1 else 1.0
    # For some sizes (150 by 3, but not 32 or 224) the last position is rounded beyond the end, where SciPy has zeros.
    position = np.minimum((np.arange(size) + (length - size) // 2) * step, part - 1)
    before = np.minimum(np.floor(position).astype(np.int64), max(part - 2, 0))
    return before + (size - part) // 2, position - before


@kernel
def _add_zoomed(
    values: np.ndarray, above: np.ndarray, down: np.ndarray, left: np.ndarray, along: np.ndarray, result: np.ndarray
) -> None:
    """Interpolate in float64 in SciPy's order of operations, round to the dtype of `result` and add to it."""
    height, width, channels = values.shape
    upper, lower = np.empty((width, channels)), np.empty((width, channels))
    for y in range(height):
        row, below = values[above[y]], values[min(above[y] + 1, height - 1)]
        share = down[y]
        for x in range(width):
            for channel in range(channels):
                upper[x, channel] = row[x, channel] * (1.0 - share)
                lower[x, channel] = below[x, channel] * share
        line = result[y]
        for x in range(width):
            first, share = left[x], along[x]
            second, rest = min(first + 1, width - 1), 1.0 - share
            for channel in range(channels):
                value = upper[first, channel] * rest + upper[second, channel] * share
                value = value + lower[first, channel] * rest + lower[second, channel] * share
                line[x, channel] += line.dtype.type(value)


def _blur(image: ImageArray, factors: tuple[float, ...], fields: Fields) -> ImageArray:
    """The mean of the image and its enlargements, summed in float32."""
    values = image.astype(np.float32) / np.float32(255)
    total = np.zeros_like(values)
    for factor in factors:
        _add_zoomed(values, *_positions(len(values), factor), *_positions(values.shape[1], factor), total)
    return to_bytes((values + total) / np.float32(len(factors) + 1) * np.float32(255))


def _factors(*ranges: tuple[float, float]) -> tuple[tuple[float, ...], ...]:
    """Factors from 1 in steps up to each stop, which may itself be reached because of rounding, as in the original."""
    return tuple(tuple(np.arange(1, stop, step).tolist()) for stop, step in ranges)


ZOOM_BLUR = Corruption(
    name="zoom_blur",
    number=6,
    small=_factors((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
    large=_factors((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    draw=draws_nothing,
    apply=_blur,
)
"""Parameter: the factors of the enlargements that are averaged."""
