"""Motion blur, reimplementing ImageMagick's bit for bit."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from mixset._common.kernels import kernel

from .._shared.base import Corruption, Fields, ImageArray, Stream


def motion_blur(image: np.ndarray, radius: float, sigma: float, angle: float) -> np.ndarray:
    """ImageMagick's `-motion-blur {radius}x{sigma}+{angle}` of the version with which ImageNet-C was made.

    Its 16-bit values are rounded to 8 bits; Debian's 6.9.11 truncates them.

    Args:
        image: (H, W) or (H, W, C) uint8.
        radius: determines the length of the line of pixels that are averaged, 2·⌈radius⌉ + 1.
        sigma: the sigma of the weights along the line, in pixels.
        angle: the direction of the line in degrees, with x to the right and y down.
    """
    return ((motion_blur_16(image, radius, sigma, angle).astype(np.uint32) + 128) // 257).astype(np.uint8)


def motion_blur_16(image: np.ndarray, radius: float, sigma: float, angle: float) -> np.ndarray:
    """`motion_blur` before rounding, uint16: the weighted mean of the pixels on a line that starts at each pixel.

    Borders are replicated; see ImageMagick's MagickCore/effect.c.
    """
    weights = line_weights(radius, sigma)
    turn = math.radians(angle)
    steps = [(math.ceil(i * math.cos(turn) - 0.5), math.ceil(i * math.sin(turn) - 0.5)) for i in range(len(weights))]
    height, width = image.shape[:2]
    result = np.empty(image.shape, np.uint16)
    _blur(np.reshape(image * 257.0, (height, width, -1)), weights, np.array(steps), result.reshape(height, -1))
    return result


@lru_cache(64)
def line_weights(radius: float, sigma: float) -> np.ndarray:
    """Half a Gaussian, from its centre, that sums to 1: (2·⌈radius⌉ + 1,) float64."""
    values = [math.exp(-i * i / (2.0 * sigma * sigma)) for i in range(2 * math.ceil(radius) + 1)]
    return np.array(values) / sum(values)


@kernel
def _blur(values: np.ndarray, weights: np.ndarray, steps: np.ndarray, result: np.ndarray) -> None:
    height, width, channels = values.shape
    sums = np.empty(width * channels)
    for y in range(height):
        sums[:] = 0.0
        for i in range(weights.size):
            row = values[min(max(y + steps[i, 1], 0), height - 1)].reshape(-1)
            _add_shifted(row, steps[i, 0], channels, weights[i], sums)
        for x in range(sums.size):
            result[y, x] = np.uint16(min(sums[x] + 0.5, 65535.0))


@kernel
def _add_shifted(row: np.ndarray, shift: int, channels: int, weight: float, sums: np.ndarray) -> None:
    """Add the pixels `shift` to the right, times `weight`; borders are replicated."""
    width = sums.size // channels
    first, last = min(max(-shift, 0), width), max(min(width - shift, width), 0)
    for x in range(first):
        for channel in range(channels):
            sums[x * channels + channel] += weight * row[channel]
    for x in range(last, width):
        for channel in range(channels):
            sums[x * channels + channel] += weight * row[(width - 1) * channels + channel]
    if first < last:  # a loop without conditions, so that it is vectorised
        source, target = row[(first + shift) * channels : (last + shift) * channels], sums[first * channels :]
        for i in range(source.size):
            target[i] += weight * source[i]


def _draw_angle(stream: Stream, size: tuple[int, int], parameters: tuple[float, float]) -> Fields:
    return {"angle": float(stream.uniform()) * 90 - 45}


def _apply(image: ImageArray, parameters: tuple[float, float], fields: Fields) -> ImageArray:
    return motion_blur(image, *parameters, fields["angle"])


MOTION_BLUR = Corruption(
    name="motion_blur",
    number=5,
    small=((6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)),
    large=((10, 3), (15, 5), (15, 8), (15, 12), (20, 15)),
    draw=_draw_angle,
    apply=_apply,
)
"""Parameters: the radius and sigma in pixels."""
