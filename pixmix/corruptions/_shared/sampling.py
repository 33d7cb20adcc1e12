"""Bilinear sampling of an image with black borders, for the warps of C̄."""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel


@kernel(error_model="numpy")
def pixel(image: np.ndarray, row: int, column: int) -> tuple[float, float, float]:
    """The three values of an (H, W, 3) image at a pixel, or zeros outside the image."""
    if row < 0 or row >= image.shape[0] or column < 0 or column >= image.shape[1]:
        return 0.0, 0.0, 0.0
    return float(image[row, column, 0]), float(image[row, column, 1]), float(image[row, column, 2])


@kernel(error_model="numpy")
def bilinear(image: np.ndarray, y: float, x: float) -> tuple[float, float, float]:
    """The three float64 values of an (H, W, 3) image at row y and column x, in the original's order of operations.

    Neighbours outside the image are 0, so values fade to black within a pixel of its edges.
    """
    top, left = math.floor(y), math.floor(x)
    above, below = 1.0 - y + top, 1.0 - (top + 1) + y
    before, after = 1.0 - x + left, 1.0 - (left + 1) + x
    r00, g00, b00 = pixel(image, top, left)
    r01, g01, b01 = pixel(image, top, left + 1)
    r10, g10, b10 = pixel(image, top + 1, left)
    r11, g11, b11 = pixel(image, top + 1, left + 1)
    return (
        (r00 * before + r01 * after) * above + (r10 * before + r11 * after) * below,
        (g00 * before + g01 * after) * above + (g10 * before + g11 * after) * below,
        (b00 * before + b01 * after) * above + (b10 * before + b11 * after) * below,
    )


@kernel
def to_byte(value: float) -> int:
    """Clip a value to 0 to 255 and truncate it."""
    return int(min(max(value, 0.0), 255.0))
