"""Snow: bright flakes, blurred along their fall, over a whitened image."""

from __future__ import annotations

import numpy as np

from .._shared.base import Corruption, Fields, ImageArray, Stream, to_bytes
from .motion import motion_blur
from .zoom import clipped_zoom

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def _draw(stream: Stream, size: tuple[int, int], parameters: tuple[float, ...]) -> Fields:
    return {"flakes": stream.normal(*size), "angle": float(stream.uniform()) * 90 - 135}


def _apply(image: ImageArray, parameters: tuple[float, ...], fields: Fields) -> ImageArray:
    mean, spread, factor, threshold, radius, sigma, share = parameters
    layer = clipped_zoom((mean + spread * fields["flakes"])[:, :, None], factor)[:, :, 0]
    flakes = to_bytes(np.where(layer < threshold, 0, layer) * 255.0)
    snow = (motion_blur(flakes, radius, sigma, fields["angle"]) / 255.0)[:, :, None]
    return to_bytes((whiten(image, share) + snow + np.rot90(snow, 2)) * 255.0)


def whiten(image: ImageArray, share: float) -> np.ndarray:
    """Blend an image with a pale version of it: (H, W, 3) float32 in [0, 1] and above.

    Args:
        image: (H, W, 3) uint8.
        share: the weight of the image; the pale version is the maximum of the image and 1.5 · grey + 0.5.
    """
    values = image.astype(np.float32) / np.float32(255)
    red, green, blue = (values[:, :, channel] * _LUMA[channel] for channel in range(3))
    pale = (red + green + blue)[:, :, None] * np.float32(1.5) + np.float32(0.5)
    return np.float32(share) * values + np.float32(1 - share) * np.maximum(values, pale)


SNOW = Corruption(
    name="snow",
    number=7,
    small=(
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ),
    large=(
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ),
    draw=_draw,
    apply=_apply,
)
"""Parameters: mean and standard deviation of the flakes, their enlargement, the threshold for snow, radius and sigma of
the motion blur, and the weight of the image that is not whitened."""
