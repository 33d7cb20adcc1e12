"""Moiré: rings around a few centres, added up, as MoireDB and MoireMix (2025, 2026) draw their mixing images."""

from __future__ import annotations

import numpy as np

from .elementary import sine
from .kernels import kernel

MOST = 3
"""Centres of an image: one to so many."""
MARGIN = 0.08
"""Share of a side that centres keep from the border."""


@kernel(error_model="numpy")
def rings(centres: np.ndarray, frequencies: np.ndarray, height: int, width: int) -> np.ndarray:
    """Σ sin(2π f r / S) over the centres, stretched to the bytes: (H, W) uint8, the same on every machine.

    Args:
        centres: (M, 2) float64, x and y in pixels, where the first pixel is at 0; r is the distance to one.
        frequencies: (M,) float64 f, in waves on the shorter side S. Above S / 2 they show as lower ones.
        height: rows of the image.
        width: its columns.

    Returns:
        0 at the sum's minimum, 255 at its maximum, rounded in between; all 0 where it is the same everywhere.
    """
    waves = np.zeros((height, width))
    side = float(min(height, width))
    lowest, highest = np.inf, -np.inf
    for y in range(height):
        row = waves[y]
        for m in range(len(frequencies)):
            step = frequencies[m] / side
            dy = y - centres[m, 1]
            for x in range(width):
                dx = x - centres[m, 0]
                row[x] += sine(step * np.sqrt(dx * dx + dy * dy))
        for x in range(width):
            lowest, highest = min(lowest, row[x]), max(highest, row[x])
    image = np.zeros((height, width), np.uint8)
    if highest > lowest:
        scale = 255.0 / (highest - lowest)
        for y in range(height):
            for x in range(width):
                image[y, x] = np.uint8((waves[y, x] - lowest) * scale + 0.5)
    return image
