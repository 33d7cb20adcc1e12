"""Gaussian blur, defocus blur and glass blur."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from mixset._common.kernels import kernel

from .._shared.base import Corruption, Fields, ImageArray, Stream, draws_nothing, to_bytes
from .._shared.filters import gaussian, symmetric


def _blur(image: ImageArray, sigma: float, fields: Fields) -> ImageArray:
    return to_bytes(gaussian(image / 255.0, sigma) * 255.0)


def _defocus(image: ImageArray, parameters: tuple[float, float], fields: Fields) -> ImageArray:
    return to_bytes(symmetric(image / 255.0, disk(*parameters)) * 255.0)


@cache
def disk(radius: float, sigma: float) -> np.ndarray:
    """The lower right quadrant of a disk with a soft edge, for `filters.symmetric`: float32 values as float64.

    As in the original, a disk as wide as its grid does not sum to 1, since it is smoothed with mirrored borders.

    Args:
        radius: the disk's radius in pixels; its grid extends to the larger of 8 and the radius.
        sigma: the sigma of the Gaussian that smooths it, over 3 × 3 pixels, or 5 × 5 for a radius above 8.
    """
    reach, margin = (8, 1) if radius <= 8 else (math.floor(radius), 2)
    distance = np.arange(-reach, reach + 1)
    inside = (distance[:, None] ** 2 + distance**2 <= radius**2).astype(np.float32)
    inside /= inside.sum()
    weights = np.exp(-(np.arange(-margin, margin + 1) ** 2) / (2.0 * sigma * sigma))
    weights = (weights / weights.sum()).astype(np.float32)
    for _ in range(2):  # along rows, then, after transposing, along columns
        padded = np.pad(inside, ((0, 0), (margin, margin)), mode="reflect")
        middle = weights[margin] * inside
        for k in range(1, margin + 1):
            left, right = padded[:, margin - k : -margin - k], padded[:, margin + k : padded.shape[1] - margin + k]
            middle = middle + weights[margin + k] * (left + right)
        inside = middle.T
    quarter = inside[reach:, reach:]
    used = np.flatnonzero(quarter.any(axis=0))[-1] + 1
    return np.ascontiguousarray(quarter[:used, :used], np.float64)


def _draw_glass(stream: Stream, size: tuple[int, int], parameters: tuple[float, int, int]) -> Fields:
    """The offset to the source of each pixel, (rounds, H − 2·reach, W − 2·reach, 2) in the order of processing."""
    _, reach, rounds = parameters
    height, width = max(size[0] - 2 * reach, 0), max(size[1] - 2 * reach, 0)
    return {"steps": stream.integers(-reach, reach, rounds, height, width, 2)}


def _look_through_glass(image: ImageArray, parameters: tuple[float, int, int], fields: Fields) -> ImageArray:
    sigma, reach, _ = parameters
    values = to_bytes(gaussian(image / 255.0, sigma) * 255.0)
    _shuffle(values, fields["steps"], reach)
    return to_bytes(gaussian(values / 255.0, sigma) * 255.0)


@kernel
def _shuffle(values: np.ndarray, steps: np.ndarray, reach: int) -> None:
    """Replace each pixel, from the lower right to the upper left, by one nearby.

    The original intends to swap the two, but assigns views of one array, so the other pixel keeps its value. Pixels to
    the right and below have been replaced before.
    """
    height, width = values.shape[:2]
    for rounds in range(steps.shape[0]):
        for i in range(steps.shape[1]):
            for j in range(steps.shape[2]):
                y, x = height - reach - i, width - reach - j
                dx, dy = steps[rounds, i, j]
                for channel in range(3):
                    values[y, x, channel] = values[y + dy, x + dx, channel]


DEFOCUS_BLUR = Corruption(
    name="defocus_blur",
    number=3,
    small=((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)),
    large=((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
    draw=draws_nothing,
    apply=_defocus,
)
"""Parameters: the disk's radius and the sigma that smooths its edge, in pixels."""

GLASS_BLUR = Corruption(
    name="glass_blur",
    number=4,
    small=((0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)),
    large=((0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
    draw=_draw_glass,
    apply=_look_through_glass,
)
"""Parameters: the sigma of the blur before and after, the maximum offset in pixels, and the number of rounds."""

GAUSSIAN_BLUR = Corruption(
    name="gaussian_blur",
    number=15,
    small=(0.4, 0.6, 0.7, 0.8, 1),
    large=(1, 2, 3, 4, 6),
    draw=draws_nothing,
    apply=_blur,
)
"""Parameter: the sigma in pixels."""
