"""Elastic transform: an affine map of the whole image, then local displacements by a smooth random field."""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from .._shared.base import Corruption, Fields, ImageArray, Stream, to_bytes
from .._shared.filters import gaussian

_PART = 32
"""OpenCV's `warpAffine` before version 5 interpolates at multiples of 1/32 of a pixel."""


def warp(values: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """OpenCV's `warpAffine` of (H, W, 3) float32, with linear interpolation and mirrored borders.

    Args:
        values: the image, (H, W, 3) float32.
        matrix: the map from positions (x, y, 1) in the result to positions in `values`, (2, 3) float64.
    """
    result = np.empty_like(values)
    _warp(values, np.ascontiguousarray(matrix, np.float64), result)
    return result


@kernel
def _warp(values: np.ndarray, matrix: np.ndarray, result: np.ndarray) -> None:
    height, width = values.shape[:2]
    for y in range(height):
        right = np.rint((matrix[0, 1] * y + matrix[0, 2]) * 1024.0) + 16.0
        down = np.rint((matrix[1, 1] * y + matrix[1, 2]) * 1024.0) + 16.0
        for x in range(width):
            column = math.floor((right + np.rint(matrix[0, 0] * x * 1024.0)) / _PART)
            row = math.floor((down + np.rint(matrix[1, 0] * x * 1024.0)) / _PART)
            x0, y0 = column // _PART, row // _PART
            along, below = np.float32((column % _PART) / _PART), np.float32((row % _PART) / _PART)
            left, after = _mirror(x0, width), _mirror(x0 + 1, width)
            above, under = _mirror(y0, height), _mirror(y0 + 1, height)
            one = np.float32(1)
            for channel in range(3):
                result[y, x, channel] = (
                    values[above, left, channel] * ((one - below) * (one - along))
                    + values[above, after, channel] * ((one - below) * along)
                    + values[under, left, channel] * (below * (one - along))
                    + values[under, after, channel] * (below * along)
                )


@kernel
def _mirror(index: int, size: int) -> int:
    """The index within the border for `abcd|cba`."""
    index = abs(index) % max(2 * size - 2, 1)
    return index if index < size else 2 * size - 2 - index


@kernel
def _displace(values: np.ndarray, down: np.ndarray, along: np.ndarray, result: np.ndarray) -> None:
    """Read each pixel at an offset (down, along) float32, like SciPy's linear `map_coordinates` with `reflect`."""
    height, width = values.shape[:2]
    for y in range(height):
        for x in range(width):
            row, column = y + np.float64(down[y, x]), x + np.float64(along[y, x])
            y0, x0 = math.floor(row), math.floor(column)
            lower, after = row - y0, column - x0
            upper, before = 1.0 - lower, 1.0 - after
            top, bottom = _reflect(y0, height), _reflect(y0 + 1, height)
            left, right = _reflect(x0, width), _reflect(x0 + 1, width)
            for channel in range(3):
                value = values[top, left, channel] * upper * before + values[top, right, channel] * upper * after
                value += values[bottom, left, channel] * lower * before
                value += values[bottom, right, channel] * lower * after
                result[y, x, channel] = value


@kernel
def _reflect(index: int, size: int) -> int:
    """The index within the border for `abcd|dcba`."""
    index %= 2 * size
    return index if index < size else 2 * size - 1 - index


def _draw(stream: Stream, size: tuple[int, int], parameters: tuple[float, ...]) -> Fields:
    """The shifts of three corners (3, 2), and the unsmoothed displacements along x and y, all in (−1, 1)."""
    return {name: 2 * stream.uniform(*shape) - 1 for name, shape in (("corners", (3, 2)), ("dx", size), ("dy", size))}


def bend(size: tuple[int, int], shifts: np.ndarray) -> np.ndarray:
    """The affine map from positions in the result to positions in the image, (2, 3) float64.

    It maps three points around the centre, shifted by `shifts`, back to themselves. As in the original, which has
    square images, the height is used for their x.

    Args:
        size: (H, W) of the image.
        shifts: (3, 2) in pixels.
    """
    middle, reach = np.array(size, np.float32) // 2, np.float32(min(size) // 3)
    before = np.stack([middle + reach, middle + reach * np.array([1, -1], np.float32), middle - reach])
    after = (before + shifts.astype(np.float32)).astype(np.float64)
    return np.linalg.solve(np.column_stack([after, np.ones(3)]), before.astype(np.float64)).T


def _apply(image: ImageArray, parameters: tuple[float, ...], fields: Fields) -> ImageArray:
    alpha, sigma, shift, scale = parameters
    height, width = image.shape[:2]
    side = min(height, width) * scale
    values = image.astype(np.float32) / np.float32(255)
    values = warp(values, bend((height, width), side * shift * fields["corners"]))
    dx, dy = (
        (gaussian(fields[name], side * sigma, border="reflect", truncate=3.0) * (side * alpha)).astype(np.float32)
        for name in ("dx", "dy")
    )
    result = np.empty_like(values)
    _displace(values, dy, dx, result)
    return to_bytes(result * np.float32(255))


_TYPO = 244 / 224
"""The original's constants for ImageNet are multiples of 244 instead of 224."""

ELASTIC_TRANSFORM = Corruption(
    name="elastic_transform",
    number=12,
    small=((0, 0, 0.08, 1), (0.05, 0.2, 0.07, 1), (0.08, 0.06, 0.06, 1), (0.1, 0.04, 0.05, 1), (0.1, 0.03, 0.03, 1)),
    large=(
        (2, 0.7, 0.1, _TYPO),
        (2, 0.08, 0.2, _TYPO),
        (0.05, 0.01, 0.02, _TYPO),
        (0.07, 0.01, 0.02, _TYPO),
        (0.12, 0.01, 0.02, _TYPO),
    ),
    draw=_draw,
    apply=_apply,
)
"""Parameters: strength and sigma of the displacements and the corners' shift, as fractions of the shorter side, and a
factor for that side."""
