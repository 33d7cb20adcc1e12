"""Gaussian, shot, impulse and speckle noise, drawn independently for each channel of each pixel."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.special import pdtr

from mixset._common.kernels import kernel

from .._shared.base import Corruption, Fields, ImageArray, Stream, to_bytes

_SURE = 1 - 2.0**-33
"""No number of a stream exceeds this, so counts beyond this cumulative probability never occur."""


def _draw_normal(stream: Stream, size: tuple[int, int], parameters: float) -> Fields:
    return {"noise": stream.normal(*size, 3)}


def _draw_uniform(stream: Stream, size: tuple[int, int], parameters: float) -> Fields:
    return {"chance": stream.uniform(*size, 3)}


def _draw_impulses(stream: Stream, size: tuple[int, int], parameters: float) -> Fields:
    return {"hit": stream.uniform(*size, 3), "salt": stream.uniform(*size, 3)}


def _add_normal(image: ImageArray, sigma: float, fields: Fields) -> ImageArray:
    return to_bytes((image / 255.0 + sigma * fields["noise"]) * 255.0)


def _add_speckles(image: ImageArray, sigma: float, fields: Fields) -> ImageArray:
    values = image / 255.0
    values += values * (sigma * fields["noise"])
    return to_bytes(values * 255.0)


def _count_photons(image: ImageArray, photons: float, fields: Fields) -> ImageArray:
    counts = np.empty(image.shape, np.int32)
    _count(np.ascontiguousarray(image).reshape(-1), fields["chance"].reshape(-1), _poisson(photons), counts.reshape(-1))
    return to_bytes(counts / float(photons) * 255.0)


def _hit(image: ImageArray, amount: float, fields: Fields) -> ImageArray:
    impulses = np.where(fields["salt"] <= 0.5, np.uint8(255), np.uint8(0))
    return np.where(fields["hit"] <= amount, impulses, image)


@cache
def _poisson(photons: float) -> np.ndarray:
    """The cumulative Poisson distribution of each byte's photon count, if white has a mean of `photons`: (256, K)."""
    longest = 32
    while pdtr(longest - 1, photons) < _SURE:
        longest *= 2
    return pdtr(np.arange(longest)[None, :], np.arange(256)[:, None] / 255.0 * photons)


@kernel
def _count(values: np.ndarray, chances: np.ndarray, table: np.ndarray, counts: np.ndarray) -> None:
    """Find by bisection the smallest count whose cumulative probability reaches the uniform number."""
    for i in range(values.size):
        row = table[values[i]]
        low, high = 0, row.size - 1
        while low < high:
            middle = (low + high) // 2
            if row[middle] >= chances[i]:
                high = middle
            else:
                low = middle + 1
        counts[i] = low


GAUSSIAN_NOISE = Corruption(
    name="gaussian_noise",
    number=0,
    small=(0.04, 0.06, 0.08, 0.09, 0.10),
    large=(0.08, 0.12, 0.18, 0.26, 0.38),
    draw=_draw_normal,
    apply=_add_normal,
)
"""Parameter: the standard deviation, for values in [0, 1]."""

SHOT_NOISE = Corruption(
    name="shot_noise",
    number=1,
    small=(500, 250, 100, 75, 50),
    large=(60, 25, 12, 5, 3),
    draw=_draw_uniform,
    apply=_count_photons,
)
"""Parameter: the mean number of photons for white."""

IMPULSE_NOISE = Corruption(
    name="impulse_noise",
    number=2,
    small=(0.01, 0.02, 0.03, 0.05, 0.07),
    large=(0.03, 0.06, 0.09, 0.17, 0.27),
    draw=_draw_impulses,
    apply=_hit,
)
"""Parameter: the fraction of values that become 0 or 255."""

SPECKLE_NOISE = Corruption(
    name="speckle_noise",
    number=18,
    small=(0.06, 0.1, 0.12, 0.16, 0.2),
    large=(0.15, 0.2, 0.35, 0.45, 0.6),
    draw=_draw_normal,
    apply=_add_speckles,
)
"""Parameter: the standard deviation relative to the value."""
