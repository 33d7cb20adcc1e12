"""Fog, whose density is plasma: a fractal landscape by the diamond-square algorithm on a torus."""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .._shared.base import Corruption, Fields, ImageArray, Stream, to_bytes


def plasma(chances: np.ndarray, decay: float) -> np.ndarray:
    """A landscape of heights from 0 to 1, (S, S) float64, where S is a power of two and at least 2.

    Args:
        chances: (S·S − 1,) uniform numbers in (0, 1), in the order in which heights are computed.
        decay: the square root of the factor by which random displacements shrink whenever the mesh is halved.
    """
    size = int(np.sqrt(len(chances) + 1))
    heights = np.zeros((size, size))
    _raise_heights(heights, chances, 100.0, float(decay))
    heights -= heights.min()
    return heights / heights.max()


@kernel
def _raise_heights(heights: np.ndarray, chances: np.ndarray, spread: float, decay: float) -> None:
    """Compute heights on ever finer meshes, each as the mean of its four neighbours plus a random displacement."""
    size = heights.shape[0]
    step, used = size, 0
    while step >= 2:
        half = step // 2
        for y in range(half, size, step):  # centres of squares
            for x in range(half, size, step):
                above, below = y - half, (y + half) % size
                left, right = x - half, (x + half) % size
                total = (heights[above, left] + heights[below, left]) + (heights[above, right] + heights[below, right])
                heights[y, x] = total / 4 + spread * spread * (2 * chances[used] - 1)
                used += 1
        for y in range(0, size, step):  # centres of horizontal edges, then of vertical ones
            for x in range(half, size, step):
                total = heights[y + half, x] + heights[y - half, x]
                total += heights[y, x - half] + heights[y, (x + half) % size]
                heights[y, x] = total / 4 + spread * spread * (2 * chances[used] - 1)
                used += 1
        for y in range(half, size, step):
            for x in range(0, size, step):
                total = heights[y, x + half] + heights[y, x - half]
                total += heights[y - half, x] + heights[(y + half) % size, x]
                heights[y, x] = total / 4 + spread * spread * (2 * chances[used] - 1)
                used += 1
        step = half
        spread /= decay


def _draw_plasma(stream: Stream, size: tuple[int, int], parameters: tuple[float, float]) -> Fields:
    """Uniform numbers for the smallest landscape that covers the image: 256 pixels for 224, 32 for 32."""
    side = max(2, 1 << (max(size) - 1).bit_length())
    return {"chances": stream.uniform(side * side - 1)}


def _add_fog(image: ImageArray, parameters: tuple[float, float], fields: Fields) -> ImageArray:
    strength, decay = parameters
    values = image / 255.0
    brightest = values.max()
    layer = plasma(fields["chances"], decay)[: image.shape[0], : image.shape[1], None]
    return to_bytes((values + strength * layer) * brightest / (brightest + strength) * 255.0)


FOG = Corruption(
    name="fog",
    number=9,
    small=((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)),
    large=((1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)),
    draw=_draw_plasma,
    apply=_add_fog,
)
"""Parameters: the density of the fog, and the plasma's decay."""
