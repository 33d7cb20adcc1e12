"""How much of an image holds next to nothing: the share of its tiles that are flat."""

from __future__ import annotations

import numpy as np

from .._common.kernels import kernel

TILES, LEAST = 16, 4
"""Tiles across an image's shorter side, and the fewest pixels across a tile: small images have fewer tiles."""

FLAT = 4.75
"""A tile is flat below this standard deviation of its grey values, in steps of 0 to 255: by it the median photograph
of 256 pixels has 9 % of them."""


@kernel(error_model="numpy")
def flat_tiles(image: np.ndarray) -> float:
    """The share of flat tiles of an image (H, W, 3) uint8, in grey values of ITU-R 601; tiles are square.

    Above 256 pixels every second (third, fourth) row tells enough.
    """
    height, width = image.shape[0], image.shape[1]
    short = min(height, width)
    across = min(TILES, max(short // LEAST, 1))
    rows, columns, step = across * height // short, across * width // short, max(short // 256, 1)
    points, sums, squares = np.zeros((3, rows, columns), np.int64)
    grey = np.empty(width, np.int32)
    for y in range(0, height, step):
        line, row = image[y], y * rows // height
        for x in range(width):
            r, g, b = np.int32(line[x, 0]), np.int32(line[x, 1]), np.int32(line[x, 2])
            grey[x] = (np.int32(19595) * r + np.int32(38470) * g + np.int32(7471) * b + np.int32(32768)) >> np.int32(16)
        for i in range(columns):
            part = grey[(i * width + columns - 1) // columns : ((i + 1) * width + columns - 1) // columns]
            plain, squared = np.int32(0), np.int32(0)
            for x in range(len(part)):
                plain += part[x]
                squared += part[x] * part[x]
            points[row, i] += len(part)
            sums[row, i] += plain
            squares[row, i] += squared
    flat = 0
    for j in range(rows):
        for i in range(columns):
            n = points[j, i]
            flat += 1 if n * squares[j, i] - sums[j, i] ** 2 < FLAT * FLAT * n * n else 0
    return flat / (rows * columns)
