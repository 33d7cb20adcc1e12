"""Kernels that take images apart into colour planes, which is where the other kernels vectorise."""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel


@kernel
def split_planes(image: np.ndarray, top: int, left: int, planes: np.ndarray) -> None:
    """The crop of `planes`' size, (3, H, W) uint8, whose first pixel is (top, left) of a (h, w, 3) uint8 image."""
    height, width = planes.shape[1:]
    for y in range(height):
        row = image[top + y, left : left + width]
        red, green, blue = planes[0, y], planes[1, y], planes[2, y]
        for x in range(width):
            red[x] = row[x, 0]
            green[x] = row[x, 1]
            blue[x] = row[x, 2]


@kernel
def copy(source: np.ndarray, result: np.ndarray) -> None:
    """Copy flat values; an assignment of slices would bring its error message's string code into each kernel."""
    for i in range(result.size):
        result[i] = source[i]


@kernel
def to_float(planes: np.ndarray, result: np.ndarray) -> None:
    """uint8 → float32 in [0, 1], both flat."""
    for i in range(result.size):
        result[i] = np.float32(planes[i]) / np.float32(255)
