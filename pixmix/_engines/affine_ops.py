"""Kernels of the ops that move pixels: rotate, shear, translate; what comes from outside is black.

All are equal to Pillow's bilinear `Image.rotate` and `Image.transform` bit for bit: the same float64 operations in the
same order, truncated at the end. Images are (3, H, W) uint8.
"""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from .planes import copy


def _turns() -> np.ndarray:
    """Cosine and sine for each whole degree, (360, 2), rounded to 15 digits as `Image.rotate` does."""
    angles = [-math.radians(degrees) for degrees in range(360)]
    return np.array([(round(math.cos(angle), 15), round(math.sin(angle), 15)) for angle in angles])


TURNS = _turns()
_BYTE = np.uint32(255)


@kernel
def rotate(source: np.ndarray, degrees: int, result: np.ndarray) -> None:
    """Turn about the centre, counter-clockwise, by a whole number of degrees."""
    if degrees == 0:
        copy(source.reshape(-1), result.reshape(-1))
        return
    a, b, c, d, e, f = turn(degrees, source.shape[1], source.shape[2])
    affine(source, a, b, c, d, e, f, result)


@kernel
def turn(degrees: int, height: int, width: int) -> tuple[float, float, float, float, float, float]:
    """The coefficients of `affine` that turn an image of this size about its centre."""
    cosine, sine = TURNS[degrees % 360]
    x, y = width / 2.0, height / 2.0
    return cosine, sine, (cosine * -x + sine * -y) + x, -sine, cosine, (-sine * -x + cosine * -y) + y


@kernel
def affine(source: np.ndarray, a: float, b: float, c: float, d: float, e: float, f: float, result: np.ndarray) -> None:
    """The output pixel with centre (x, y) is the input at (a·x + b·y + c, d·x + e·y + f), interpolated.

    Fetching neighbours is what costs, so the three channels are fetched as one number; passes over a row, each of one
    kind, let the arithmetic vectorise.
    """
    height, width = source.shape[1:]
    packed = _pack(source[0].reshape(-1), source[1].reshape(-1), source[2].reshape(-1))
    corners = np.empty((4, width), np.uint32)
    shares = np.empty((2, width), np.float64)
    inside = np.empty(width, np.uint8)
    for y in range(height):
        _locate(height, width, y, a, b, c, d, e, f, corners, shares, inside)
        for corner in range(4):
            _fetch(packed, corners[corner])
        for channel in range(3):
            _interpolate(corners, np.uint32(8 * channel), shares, inside, result[channel, y])


@kernel
def _pack(red: np.ndarray, green: np.ndarray, blue: np.ndarray) -> np.ndarray:
    packed = np.empty(red.size, np.uint32)
    for i in range(red.size):
        packed[i] = np.uint32(red[i]) | np.uint32(np.uint32(green[i]) << 8) | np.uint32(np.uint32(blue[i]) << 16)
    return packed


@kernel
def _fetch(packed: np.ndarray, indices: np.ndarray) -> None:
    """Put what lies at each place in the place's stead."""
    for x in range(indices.size):
        indices[x] = packed[indices[x]]


@kernel
def _locate(
    height: int,
    width: int,
    y: int,
    a: float,
    b: float,
    c: float,
    d: float,
    e: float,
    f: float,
    corners: np.ndarray,
    shares: np.ndarray,
    inside: np.ndarray,
) -> None:
    """For one row: where the four neighbours lie in a flat plane, the shares between them, and 255 or, outside, 0."""
    for x in range(width):
        column = a * (x + 0.5) + b * (y + 0.5) + c
        row = d * (x + 0.5) + e * (y + 0.5) + f
        inside[x] = 255 if (column >= 0.0) & (column < width) & (row >= 0.0) & (row < height) else 0
        # Clamping changes nothing inside, and keeps the neighbours of what is outside within the plane.
        column = min(max(column, 0.0), np.float64(width)) - 0.5
        row = min(max(row, 0.0), np.float64(height)) - 0.5
        x0, y0 = np.floor(column), np.floor(row)
        shares[0, x], shares[1, x] = column - x0, row - y0
        left, right = np.int32(max(x0, 0.0)), np.int32(min(x0 + 1.0, width - 1.0))
        above, below = np.int32(max(y0, 0.0)), np.int32(min(y0 + 1.0, height - 1.0))
        corners[0, x], corners[1, x] = np.uint32(above * width + left), np.uint32(above * width + right)
        corners[2, x], corners[3, x] = np.uint32(below * width + left), np.uint32(below * width + right)


@kernel
def _interpolate(corners: np.ndarray, shift: int, shares: np.ndarray, inside: np.ndarray, result: np.ndarray) -> None:
    """One row of one channel, which lies `shift` bits high in the corners' packed pixels."""
    first, second, third, fourth = corners[0], corners[1], corners[2], corners[3]
    across, down = shares[0], shares[1]
    for x in range(result.size):
        upper = between(_byte(first[x] >> shift), _byte(second[x] >> shift), across[x])
        lower = between(_byte(third[x] >> shift), _byte(fourth[x] >> shift), across[x])
        result[x] = np.uint8(np.int32(upper + (lower - upper) * down[x])) & inside[x]


@kernel
def _byte(bits: np.uint64) -> np.int32:
    return np.int32(np.uint32(bits) & _BYTE)


@kernel
def between(first: np.int32, second: np.int32, share: float) -> float:
    """first + share · (second − first)."""
    return np.float64(first) + np.float64(np.int32(second - first)) * share


@kernel
def translate(source: np.ndarray, dx: int, dy: int, result: np.ndarray) -> None:
    """The output pixel (x, y) is the input at (x + dx, y + dy), whole numbers."""
    height, width = source.shape[1:]
    first, last = min(max(-dx, 0), width), max(min(width - dx, width), 0)
    for channel in range(3):
        for y in range(height):
            row = result[channel, y]
            row.fill(0)
            if 0 <= y + dy < height:
                copy(source[channel, y + dy, first + dx : last + dx], row[first:last])
