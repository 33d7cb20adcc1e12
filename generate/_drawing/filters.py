"""What a finished image must hold, measured as `mixset._store.statistics` does but in one pass of a kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .elementary import log2

FLAT = 4.75
"""A tile is flat below this standard deviation of its grey values, in steps of 0 to 255."""


class Figures(NamedTuple):
    """Of one image: the share of flat tiles, the contrast at 36 pixels (0..255), the bits of its colour histogram."""

    flat_tiles: float
    contrast: float
    colour_entropy: float


class Filter(NamedTuple):
    """Bounds on `Figures`: an image that breaks one is drawn again."""

    flat_tiles: float
    contrast: float
    colour_entropy: float

    def refuses(self, figures: Figures) -> str | None:
        """The name of the first figure out of bounds, or None."""
        if figures.flat_tiles > self.flat_tiles:
            return "flat_tiles"
        if figures.contrast < self.contrast:
            return "contrast"
        return "colour_entropy" if figures.colour_entropy < self.colour_entropy else None


def figures(image: np.ndarray) -> Figures:
    """The figures of an image (S, S, 3) uint8 by 16 × 16 tiles of S / 16 pixels, at any size."""
    return Figures(*_figures(image))


@kernel(error_model="numpy")
def _figures(image: np.ndarray) -> tuple[float, float, float]:
    side = len(image)
    # Above 256 pixels every second (third, fourth) row tells enough.
    step = max(side // 256, 1)
    small = min(side // step, 36)
    cells, tiles = np.empty(side, np.int64), np.empty(side, np.int64)
    widths, heights = np.zeros(small, np.int64), np.zeros(small, np.int64)
    for x in range(side):
        cells[x], tiles[x] = x * small // side, x * 16 // side
        widths[cells[x]] += 1
    sums = np.zeros((small, small, 3), np.int64)
    colours = np.zeros(512, np.int64)
    tile_points, tile_sums, tile_squares = np.zeros((3, 16, 16), np.int64)
    grey = np.empty(side, np.int32)
    for y in range(0, side, step):
        heights[cells[y]] += 1
        line, cell_row = image[y], sums[cells[y]]
        for x in range(side):
            r, g, b = np.int32(line[x, 0]), np.int32(line[x, 1]), np.int32(line[x, 2])
            grey[x] = (np.int32(19595) * r + np.int32(38470) * g + np.int32(7471) * b + np.int32(32768)) >> np.int32(16)
            colours[(r >> np.int32(5)) << np.int32(6) | (g >> np.int32(5)) << np.int32(3) | b >> np.int32(5)] += 1
        first = 0
        for i in range(small):
            r, g, b = np.int32(0), np.int32(0), np.int32(0)
            for x in range(first, first + widths[i]):
                r, g, b = r + np.int32(line[x, 0]), g + np.int32(line[x, 1]), b + np.int32(line[x, 2])
            first += widths[i]
            cell_row[i, 0] += r
            cell_row[i, 1] += g
            cell_row[i, 2] += b
        for i in range(16):
            first, last = (i * side + 15) // 16, ((i + 1) * side + 15) // 16
            part = grey[first:last]
            plain, squared = np.int32(0), np.int32(0)
            for x in range(len(part)):
                plain += part[x]
                squared += part[x] * part[x]
            tile_points[tiles[y], i] += len(part)
            tile_sums[tiles[y], i] += plain
            tile_squares[tiles[y], i] += squared
    flat = 0
    for j in range(16):
        for i in range(16):
            n = tile_points[j, i]
            if n * tile_squares[j, i] - tile_sums[j, i] ** 2 < FLAT * FLAT * n * n:
                flat += 1
    total, square = 0.0, 0.0
    for j in range(small):
        for i in range(small):
            for k in range(3):
                value = sums[j, i, k] / (widths[i] * heights[j])
                total += value
                square += value * value
    count = 3.0 * small * small
    pixels = colours.sum()
    bits = 0.0
    for i in range(512):
        if colours[i] > 0:
            share = colours[i] / pixels
            bits -= share * log2(share)
    return flat / 256.0, np.sqrt(max(square / count - (total / count) ** 2, 0.0)), bits
