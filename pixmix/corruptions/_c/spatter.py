"""Spatter: drops of water or mud on the lens."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._shared.base import CORRECTED, REFERENCE, Corruption, Fields, ImageArray, Stream, to_bytes
from .._shared.edges import canny, distances, equalize
from .._shared.filters import gaussian

_WATER = np.array([175, 238, 238]) / 255.0  # a pale turquoise
_MUD = np.array([63, 42, 20]) / 255.0
_EMBOSS = ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))


def _draw(stream: Stream, size: tuple[int, int], parameters: tuple[Any, ...]) -> Fields:
    return {"liquid": stream.normal(*size)}


def _apply(image: ImageArray, parameters: tuple[Any, ...], fields: Fields) -> ImageArray:
    mean, spread, sigma, threshold, amount, mud, form = parameters
    liquid = gaussian(mean + spread * fields["liquid"], sigma)
    if mud:
        return _add_mud(image, liquid > threshold, amount)
    return add_water(image, np.where(liquid < threshold, 0, liquid), amount, form=form)


def _add_mud(image: ImageArray, muddy: np.ndarray, sigma: float) -> ImageArray:
    cover = gaussian(muddy.astype(np.float32), sigma)[:, :, None]
    cover[cover < 0.8] = 0
    values = image.astype(np.float32) / np.float32(255)
    return to_bytes((values * (1 - cover) + cover * _MUD.astype(np.float32)) * np.float32(255))


def add_water(image: ImageArray, liquid: np.ndarray, amount: float, *, form: str) -> ImageArray:
    """Add drops of water to an image.

    Args:
        image: (H, W, 3) uint8.
        liquid: the thickness of the water, (H, W) float64, 0 for none.
        amount: the brightness of the brightest drop.
        form: the result for an image without shining drops: black for `REFERENCE`, since the original divides 0 by 0
            and casts NaN to 0, or the unchanged image for `CORRECTED`.
    """
    layer = (liquid * 255.0).astype(np.int64).astype(np.uint8)  # values above 1 wrap around as in the original
    gloss = layer.astype(np.float32) * _shade(layer)
    if (brightest := gloss.max()) > 0:
        gloss = gloss / brightest * np.float32(amount)
    elif form == REFERENCE:
        return np.zeros_like(image)
    values = image.astype(np.float32) / np.float32(255)
    return to_bytes((values + gloss[:, :, None] * _WATER.astype(np.float32)) * np.float32(255))


def _shade(layer: np.ndarray) -> np.ndarray:
    """Light on the slopes of the drops, (H, W) float32 from 0 to 255: the embossed distance from an edge."""
    distance = distances(canny(layer, 50, 150), 20)
    blurred = (_sum_around(distance.astype(np.float64), ((1, 1, 1),) * 3) * (1 / 9)).astype(np.float32)
    slopes = np.clip(_sum_around(equalize(blurred.astype(np.uint8)).astype(np.int64), _EMBOSS), 0, 255)
    return ((2 * _sum_around(slopes, ((1, 1, 1),) * 3) + 9) // 18).astype(np.float32)


def _sum_around(values: np.ndarray, weights: tuple[tuple[int, ...], ...]) -> np.ndarray:
    """The weighted sum of each value and its eight neighbours, with mirrored borders."""
    height, width = values.shape
    padded = np.pad(values, 1, mode="reflect")
    total = np.zeros_like(values)
    for y, row in enumerate(weights):
        for x, weight in enumerate(row):
            if weight:
                total += weight * padded[y : y + height, x : x + width]
    return total


_SMALL = (
    (0.62, 0.1, 0.7, 0.7, 0.5, 0),
    (0.65, 0.1, 0.8, 0.7, 0.5, 0),
    (0.65, 0.3, 1, 0.69, 0.5, 0),
    (0.65, 0.1, 0.7, 0.69, 0.6, 1),
    (0.65, 0.1, 0.5, 0.68, 0.6, 1),
)
_LARGE = (
    (0.65, 0.3, 4, 0.69, 0.6, 0),
    (0.65, 0.3, 3, 0.68, 0.6, 0),
    (0.65, 0.3, 2, 0.68, 0.5, 0),
    (0.65, 0.3, 1, 0.65, 1.5, 1),
    (0.67, 0.4, 1, 0.65, 1.5, 1),
)
"""Mean, standard deviation and sigma of the liquid, the threshold for a drop, the brightness of water or the sigma of
the edge of mud, and whether it is mud."""


def _spatter(name: str, form: str) -> Corruption:
    """Spatter with its form as the last parameter, so that generated sets record it."""
    small, large = (tuple((*row, form) for row in constants) for constants in (_SMALL, _LARGE))
    return Corruption(name=name, number=17, small=small, large=large, draw=_draw, apply=_apply)


SPATTER = _spatter("spatter", REFERENCE)
SPATTER_CORRECTED = _spatter("spatter_corrected", CORRECTED)
"""Spatter that leaves images unchanged where the original divides by zero."""
