"""Occlusion of parts of an image by grey: random squares of a chessboard, and straight lines."""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from ..._common.threads import read_only
from .._shared.base import Fields, ImageArray, Stream

_GREY = 128


def draw_checkerboard(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The board's angle in radians, the side of its squares in pixels, and which squares are grey, (n, n) bool."""
    angle, side = stream.uniform(2)
    side = max((0.1 + 0.15 * side) * min(size), 1)
    count = int(4 * max(size) // side)
    return {"angle": 2 * math.pi * angle, "side": side, "hidden": stream.uniform(count, count) < severity / 10}


def checkerboard_cutout(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Replace some of the black squares of a rotated chessboard by grey; its white squares show the image."""
    result = np.array(image, order="C")
    _hide_squares(fields["angle"], fields["side"], fields["hidden"], result)
    return result


def draw_lines(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The centre (row, column) of each line, (n, 2) float64, and its angle in radians, (n,).

    The number of lines is the severity / 10 times the longer side, which may be 0 for very small images.
    """
    count = int(1.0 * severity / 10 * max(size))
    angle, variation = stream.uniform(2)
    numbers = stream.uniform(max(count, 1), 3)[:count]
    spread = 2 * math.pi * (0.1 + 0.9 * variation)
    return {"points": numbers[:, :2] * size, "angles": 2 * math.pi * angle + spread * (numbers[:, 2] - 0.5)}


def lines(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Draw grey lines, twice the shorter side long, one after another; pixels are rounded to uint8 after each."""
    result = np.array(image, order="C")
    ways = np.stack([np.cos(fields["angles"]), np.sin(fields["angles"])], axis=1) * min(image.shape[:2])
    starts, ends = (fields["points"] - ways).astype(np.int64), (fields["points"] + ways).astype(np.int64)
    _draw_lines(read_only(starts), read_only(ends), result)
    return result


@kernel(error_model="numpy")
def _hide_squares(angle: float, side: float, hidden: np.ndarray, result: np.ndarray) -> None:
    cosine, sine = math.cos(angle), math.sin(angle)
    for y in range(result.shape[0]):
        for x in range(result.shape[1]):
            down, right = (cosine * y + sine * x) / side, (-sine * y + cosine * x) / side
            # int() truncates towards zero, and negative indices count from the end, both as in the original.
            if int(down % 2) == int(right % 2) and hidden[int(down), int(right)]:
                result[y, x] = _GREY


@kernel(error_model="numpy")
def _blend(row: int, column: int, cover: float, result: np.ndarray) -> None:
    """Blend a pixel with grey; does nothing outside the image."""
    if 0 <= row < result.shape[0] and 0 <= column < result.shape[1]:
        for channel in range(3):
            value = (1.0 - cover) * float(result[row, column, channel]) + cover * _GREY
            result[row, column, channel] = int(value)


@kernel(error_model="numpy")
def _draw_lines(starts: np.ndarray, ends: np.ndarray, result: np.ndarray) -> None:
    for n in range(len(starts)):
        _draw_line(starts[n, 0], starts[n, 1], ends[n, 0], ends[n, 1], result)


@kernel(error_model="numpy")
def _draw_line(row: int, column: int, last_row: int, last_column: int, result: np.ndarray) -> None:
    """Draw an antialiased Bresenham line like scikit-image's `line_aa`; no pixel is drawn twice."""
    height, width = abs(last_row - row), abs(last_column - column)
    down, right = 1 if row < last_row else -1, 1 if column < last_column else -1
    length = 1.0 if height + width == 0 else float(np.float32(math.sqrt(float(height * height + width * width))))
    error = width - height
    while True:
        _blend(row, column, 1.0 - abs(error - width + height) / length, result)
        before, at = error, column
        if 2 * before >= -width:
            if column == last_column:
                break
            if before + height < length:
                _blend(row + down, column, 1.0 - abs(before + height) / length, result)
            error -= height
            column += right
        if 2 * before <= height:
            if row == last_row:
                break
            if width - before < length:
                _blend(row, at + right, 1.0 - abs(width - before) / length, result)
            error += width
            row += down
