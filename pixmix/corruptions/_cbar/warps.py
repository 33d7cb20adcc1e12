"""Warps: pinching and twirling in round cells, and ripples."""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from ..._common.threads import read_only
from .._shared.base import SMALL, Fields, ImageArray, Stream
from .._shared.sampling import bilinear, to_byte


def draw_pinch_and_twirl(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The direction in which each cell is twirled, (columns, rows) of ±1; the shorter side has 3 or 5 cells."""
    across, down = (_cells(size) * side // min(size) for side in (size[1], size[0]))
    return {"signs": 1 - 2 * stream.integers(0, 2, across, down)}


def pinch_and_twirl(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """In each of a grid of round cells, pull the image towards the centre and rotate it about it."""
    side = min(image.shape[:2]) // _cells(image.shape[:2])
    angles = fields["signs"] * (severity * (math.pi / 2) / 10)
    result = np.array(image, order="C")
    _twirl(read_only(image), read_only(angles), side, severity * 0.4 / 10 + 0.1, result)
    return result


def draw_ripple(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """Two wavelengths in pixels and two phases in radians, first of rows, then of columns."""
    numbers = stream.uniform(2, 2)
    return {"wavelengths": (0.1 + 0.2 * numbers[0]) * min(size), "phases": 2 * math.pi * numbers[1]}


def ripple(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Shift rows and columns by a sine of their index."""
    amplitude = severity * 0.025 / 10 * min(image.shape[:2])
    y, x = (
        indices + amplitude * np.sin(2 * np.pi * indices / wavelength + phase)
        for indices, wavelength, phase in zip(
            map(np.arange, image.shape[:2]), fields["wavelengths"], fields["phases"], strict=True
        )
    )
    result = np.empty(image.shape, np.uint8)
    _sample_grid(read_only(image), y, x, result)
    return result


def _cells(size: tuple[int, ...]) -> int:
    """The number of cells along the shorter side: 3 as for CIFAR or 5 as for ImageNet."""
    return 3 if max(size) <= SMALL else 5


@kernel(error_model="numpy")
def _sample_grid(image: np.ndarray, y: np.ndarray, x: np.ndarray, result: np.ndarray) -> None:
    for row in range(len(y)):
        for column in range(len(x)):
            r, g, b = bilinear(image, y[row], x[column])
            result[row, column, 0], result[row, column, 1], result[row, column, 2] = to_byte(r), to_byte(g), to_byte(b)


@kernel(error_model="numpy")
def _twirl(image: np.ndarray, angles: np.ndarray, side: int, amount: float, result: np.ndarray) -> None:
    """Fill the cells of `result`, a copy of the image.

    The original reads from the partly filled result, which is equivalent: within its circle, a cell reads at most one
    pixel beyond its right and lower edges, from cells that are filled later.
    """
    radius = side / 2
    for i in range(angles.shape[0]):
        for j in range(angles.shape[1]):
            middle_y, middle_x = j * side + radius, i * side + radius
            for y in range(j * side, (j + 1) * side):
                for x in range(i * side, (i + 1) * side):
                    down, right = y - middle_y, x - middle_x
                    distance = math.sqrt(down * down + right * right)
                    if distance > radius or distance < 0.0005:
                        continue
                    share = distance / radius
                    pull = math.sin(math.pi * 0.5 * share) ** (-amount)
                    angle = angles[i, j] * (1 - share) ** 2
                    down, right = down * pull, right * pull
                    r, g, b = bilinear(
                        image,
                        middle_y + (down * math.cos(angle) - right * math.sin(angle)),
                        middle_x + (down * math.sin(angle) + right * math.cos(angle)),
                    )
                    result[y, x, 0], result[y, x, 1], result[y, x, 2] = to_byte(r), to_byte(g), to_byte(b)
