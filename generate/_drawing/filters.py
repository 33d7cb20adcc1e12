"""What a finished image must hold, measured in one pass of a kernel beside `mixset._store.tiles`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.elementary import log2
from mixset._common.kernels import kernel
from mixset._store.tiles import flat_tiles

CELLS = 36
"""Cells across the shorter side of what training at 32 pixels sees of an image."""


class Figures(NamedTuple):
    """What an image holds, at any size."""

    flat_tiles: float
    """Share of tiles that are flat."""
    contrast: float
    """Standard deviation over 36 × 36 cells and channels, in steps of 0 to 255."""
    colour_entropy: float
    """Bits of the histogram over 8 × 8 × 8 colours."""
    smoothness: float
    """Correlation of a cell's grey with its neighbours': photographs 0.86, noise 0, blurs nearly 1."""
    stripes: float
    """How much all slopes between cells have one direction: 0 for none, 1 for straight stripes."""
    coarse_share: float
    """Standard deviation of the cells' grey over that of the pixels': photographs 0.90, fine noise 0."""


class Filter(NamedTuple):
    """Bounds on `Figures`: an image that breaks one is drawn again."""

    flat_tiles: float
    """At most this share of flat tiles."""
    contrast: float
    """At least this contrast."""
    colour_entropy: float
    """At least so many bits."""
    rough: float = -1.0
    """At least this smoothness: below it there is noise alone."""
    blurred: float = 1.1
    """At most this smoothness: above it there is a blur alone."""
    stripes: float = 1.0
    """At most so much of one direction."""
    ink: float = 0.0
    """At least this share of the ground covered by what lies on it."""
    coarse: float = 0.0
    """At least this share of the contrast in what training at 32 pixels sees: below it the image is fine noise."""

    def refuses(self, figures: Figures, ink: float = 1.0) -> str | None:
        """The name of the first bound that is broken, or None.

        Args:
            figures: of the finished image. ink: the share of its ground that is covered.
        """
        broken = {
            "flat_tiles": figures.flat_tiles > self.flat_tiles,
            "contrast": figures.contrast < self.contrast,
            "colour_entropy": figures.colour_entropy < self.colour_entropy,
            "rough": figures.smoothness < self.rough,
            "blurred": figures.smoothness > self.blurred,
            "stripes": figures.stripes > self.stripes,
            "ink": ink < self.ink,
            "coarse": figures.coarse_share < self.coarse,
        }
        return next((name for name, is_broken in broken.items() if is_broken), None)


def figures(image: np.ndarray) -> Figures:
    """The figures of an image (H, W, 3) uint8."""
    cells, colours, deviation = _tally(image)
    return Figures(flat_tiles(image), _contrast(cells), _entropy(colours), *_slopes(cells, deviation))


@kernel(error_model="numpy")
def _tally(image: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """The means of square cells (h, w, 3) float64, 36 along the shorter side, the histogram (512,) of colours, and the
    standard deviation of the grey pixels."""
    height, width = image.shape[0], image.shape[1]
    short = min(height, width)
    # Above 256 pixels every second (third, fourth) row tells enough.
    step = max(short // 256, 1)
    small = min(short // step, CELLS)
    rows, columns = small * height // short, small * width // short
    widths, heights = np.zeros(columns, np.int64), np.zeros(rows, np.int64)
    for x in range(width):
        widths[x * columns // width] += 1
    sums = np.zeros((rows, columns, 3), np.float64)
    colours = np.zeros(512, np.int64)
    plain, squared = 0.0, 0.0
    for y in range(0, height, step):
        row = y * rows // height
        heights[row] += 1
        line, cells = image[y], sums[row]
        for x in range(width):
            r, g, b = np.int32(line[x, 0]), np.int32(line[x, 1]), np.int32(line[x, 2])
            colours[(r >> np.int32(5)) << np.int32(6) | (g >> np.int32(5)) << np.int32(3) | b >> np.int32(5)] += 1
        first = 0
        for i in range(columns):
            r, g, b = np.int32(0), np.int32(0), np.int32(0)
            for x in range(first, first + widths[i]):
                r, g, b = r + np.int32(line[x, 0]), g + np.int32(line[x, 1]), b + np.int32(line[x, 2])
            first += widths[i]
            cells[i, 0] += r
            cells[i, 1] += g
            cells[i, 2] += b
        first_power, second_power = np.int32(0), np.int32(0)
        for x in range(width):
            r, g, b = np.int32(line[x, 0]), np.int32(line[x, 1]), np.int32(line[x, 2])
            grey = (np.int32(19595) * r + np.int32(38470) * g + np.int32(7471) * b + np.int32(32768)) >> np.int32(16)
            first_power += grey
            second_power += grey * grey
        plain += first_power
        squared += second_power
    for j in range(rows):
        for i in range(columns):
            for k in range(3):
                sums[j, i, k] /= widths[i] * heights[j]
    pixels = width * heights.sum()
    return sums, colours, np.sqrt(max(squared / pixels - (plain / pixels) ** 2, 0.0))


@kernel(error_model="numpy")
def _contrast(cells: np.ndarray) -> float:
    total, square = 0.0, 0.0
    for j in range(cells.shape[0]):
        for i in range(cells.shape[1]):
            for k in range(3):
                total += cells[j, i, k]
                square += cells[j, i, k] * cells[j, i, k]
    return np.sqrt(max(square / cells.size - (total / cells.size) ** 2, 0.0))


@kernel(error_model="numpy")
def _entropy(colours: np.ndarray) -> float:
    pixels, bits = colours.sum(), 0.0
    for i in range(len(colours)):
        if colours[i] > 0:
            share = colours[i] / pixels
            bits -= share * log2(share)
    return bits


@kernel(error_model="numpy")
def _slopes(cells: np.ndarray, deviation: float) -> tuple[float, float, float]:
    """`Figures.smoothness`, `stripes` (the anisotropy of the structure tensor) and `coarse_share`."""
    rows, columns = cells.shape[0], cells.shape[1]
    grey, mean = np.empty((rows, columns), np.float64), 0.0
    for j in range(rows):
        for i in range(columns):
            grey[j, i] = 0.299 * cells[j, i, 0] + 0.587 * cells[j, i, 1] + 0.114 * cells[j, i, 2]
            mean += grey[j, i]
    mean /= rows * columns
    whole, along, down = 1e-9, 0.0, 0.0
    xx, xy, yy = 1e-9, 0.0, 1e-9
    for j in range(rows):
        for i in range(columns):
            here = grey[j, i] - mean
            whole += here * here
            along += here * (grey[j, i - 1] - mean) if i > 0 else 0.0
            down += here * (grey[j - 1, i] - mean) if j > 0 else 0.0
            if 0 < i < columns - 1 and 0 < j < rows - 1:
                east, south = grey[j, i + 1] - grey[j, i - 1], grey[j + 1, i] - grey[j - 1, i]
                xx, xy, yy = xx + east * east, xy + east * south, yy + south * south
    area = rows * columns
    smoothness = 0.5 * (along / (rows * (columns - 1)) + down / (columns * (rows - 1))) * area / whole
    share = np.sqrt(whole / area) / max(deviation, 1e-9)
    return smoothness, np.sqrt((xx - yy) ** 2 + 4.0 * xy * xy) / (xx + yy), share
