"""What a finished picture must hold, measured as `mixset.statistics` does but in one pass of a kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from .elementary import log2


class Figures(NamedTuple):
    """Of one picture: the share of flat tiles, the contrast at 36 pixels (0..255), the bits of its colour histogram."""

    flat_tiles: float
    contrast: float
    colour_entropy: float


class Filter(NamedTuple):
    """Bounds on `Figures`: a picture that breaks one is drawn again."""

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


def figures(picture: np.ndarray) -> Figures:
    """The figures of a picture (S, S, 3) uint8 by 16 × 16 tiles of S / 16 pixels, at any size."""
    return Figures(*_figures(picture))


@njit(cache=True, nogil=True, error_model="numpy")
def _figures(picture: np.ndarray) -> tuple[float, float, float]:
    side = len(picture)
    small = min(side, 36)
    sums = np.zeros((small, small, 3), np.int64)
    sizes = np.zeros(small, np.int64)
    colours = np.zeros(512, np.int64)
    tile_sums, tile_squares = np.zeros((16, 16), np.int64), np.zeros((16, 16), np.int64)
    cells, tiles = np.empty(side, np.int64), np.empty(side, np.int64)
    for x in range(side):
        cells[x], tiles[x] = x * small // side, x * 16 // side
        sizes[cells[x]] += 1
    lengths = np.zeros(16, np.int64)
    for x in range(0, side):
        lengths[tiles[x]] += 1
    for y in range(side):
        cell_row, tile_sum, tile_square = sums[cells[y]], tile_sums[tiles[y]], tile_squares[tiles[y]]
        for x in range(side):
            r, g, b = np.int64(picture[y, x, 0]), np.int64(picture[y, x, 1]), np.int64(picture[y, x, 2])
            colours[(r >> 5) << 6 | (g >> 5) << 3 | b >> 5] += 1
            cell = cell_row[cells[x]]
            cell[0] += r
            cell[1] += g
            cell[2] += b
            grey = (19595 * r + 38470 * g + 7471 * b + 32768) >> 16
            tile_sum[tiles[x]] += grey
            tile_square[tiles[x]] += grey * grey
    flat = 0
    for j in range(16):
        for i in range(16):
            n = lengths[i] * lengths[j]
            if n * tile_squares[j, i] - tile_sums[j, i] ** 2 < 4.75 * 4.75 * n * n:
                flat += 1
    total, square = 0.0, 0.0
    for j in range(small):
        for i in range(small):
            for k in range(3):
                value = sums[j, i, k] / (sizes[i] * sizes[j])
                total += value
                square += value * value
    count = 3.0 * small * small
    bits = 0.0
    for i in range(512):
        if colours[i] > 0:
            share = colours[i] / (side * side)
            bits -= share * log2(share)
    return flat / 256.0, np.sqrt(max(square / count - (total / count) ** 2, 0.0)), bits
