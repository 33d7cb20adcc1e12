"""Caustic refraction: the image seen through a rippled, glittering water surface."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import gaussian_filter

from mixset._common.kernels import kernel

from .._shared.base import Fields, ImageArray, Stream
from .._shared.sampling import bilinear, to_byte

_REFRACTION = 4.0
_FLAT = 1.0 - 1e-3
"""The cosine of the surface's slope above which light is not refracted."""


def draw_caustics(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The time, and the period of the pattern in pixels."""
    time, side = stream.uniform(2)
    return {"time": 0.5 + 1.5 * time, "side": (0.75 + 0.5 * side) * min(size)}


def caustic_refraction(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Refract and light the image by the slopes of smoothed caustics."""
    caustics = np.empty(image.shape[:2])
    _caustics(fields["time"], fields["side"], caustics)
    # The original also smooths across its three equal channels, which has no effect.
    caustics = gaussian_filter(caustics, sigma=1)
    lens, lighting = severity * (0.5 * min(caustics.shape)) / 10, severity * 2.0 / 10
    result = np.empty(image.shape, np.uint8)
    _refract(image.astype(np.float32, order="C") / 255, np.pad(caustics, 1), lens, lighting, result)
    return result


@kernel(error_model="numpy")
def _caustics(time: float, side: float, result: np.ndarray) -> None:
    """Compute the brightness of the caustics, 0 to 1, from five rounds of crossing waves: (H, W) float64."""
    for y in range(result.shape[0]):
        for x in range(result.shape[1]):
            down = (y / side % 1) * 6.28318530718 - 250
            right = (x / side % 1) * 6.28318530718 - 250
            i, j = down, right
            light = 1.0
            for n in range(5):
                t = time * (1.0 - (3.5 / (n + 1)))
                i, j = (
                    down + (math.cos(t - i) + math.sin(t + j)),
                    right + (math.sin(t - j) + math.cos(t + i)),
                )
                far_down, far_right = down / (math.sin(i + t) / 0.005), right / (math.cos(j + t) / 0.005)
                light += 1.0 / math.sqrt(far_down**2 + far_right**2)
            light = 1.17 - (light / 5.0) ** 1.4
            result[y, x] = min(max(abs(light) ** 8.0, 0.0), 1.0)


@kernel(error_model="numpy")
def _refract(image: np.ndarray, caustics: np.ndarray, lens: float, lighting: float, result: np.ndarray) -> None:
    """Render the image as seen through the water surface.

    Args:
        image: (H, W, 3) float32 in [0, 1].
        caustics: the surface, (H + 2, W + 2) float64, padded with zeros.
        lens: the strength of the refraction in pixels.
        lighting: the strength of the lighting.
        result: the array to fill, (H, W, 3) uint8.
    """
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            down = caustics[y + 2, x + 1] - caustics[y, x + 1]
            right = caustics[y + 1, x + 2] - caustics[y + 1, x]
            length = math.sqrt(down * down + right * right + 1.0)
            cosine = 1.0 / length
            from_y, from_x = 0.0, 0.0
            if cosine < _FLAT:
                # Light from straight above is refracted by Snell's law; `share` is its horizontal component along the
                # direction of steepest descent.
                out = math.asin(math.sin(math.acos(cosine)) / _REFRACTION)
                share = math.cos(out) - cosine / _REFRACTION
                from_y = np.rint(down / length * share * lens * 1000) / 1000
                from_x = np.rint(right / length * share * lens * 1000) / 1000
            light = (down - right) * lighting
            r, g, b = bilinear(image, y + from_y, x + from_x)
            for channel, value in enumerate((r, g, b)):
                result[y, x, channel] = to_byte(255 * min(max(value + light, 0.0), 1.0))
