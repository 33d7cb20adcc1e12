"""Optical faults: circular motion blur and transverse chromatic aberration."""

from __future__ import annotations

import math

import numpy as np
from scipy.ndimage import spline_filter1d, zoom
from scipy.special import cosdg, sindg

from mixset._common.kernels import kernel

from .._shared.base import Fields, ImageArray, Stream

_TURNS = 2 * np.arange(21) / 20 - 1
"""The angles over which the blur is taken, as fractions of the largest, from −1 to 1."""

_WEIGHTS = np.exp(-2 * _TURNS**2)


def circular_motion_blur(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """The weighted mean of 21 rotations with cubic interpolation and black borders.

    Each rotation equals that of `scipy.ndimage.rotate`. The mean is computed in float32, as in the original.
    """
    angles = _TURNS * (severity * 15 / 10)
    values = image.astype(np.float32) / 255
    for axis in (0, 1):
        values = spline_filter1d(values, 3, axis, output=np.float64, mode="mirror")
    knots = np.pad(values, ((1, 2), (1, 2), (0, 0)), mode="reflect")
    mean = np.empty(image.shape, np.float32)
    _rotate(knots, cosdg(angles), sindg(angles), _WEIGHTS.astype(np.float32), mean)
    mean /= np.float32(sum(_WEIGHTS))
    return np.clip(mean * 255, 0, 255).astype(np.uint8)


def draw_chromatic_aberration(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The magnifications of red, green and blue, one of which is 1."""
    scale = severity * 0.5 / 10
    return {"scales": np.array([1.0, 1.0 + scale / 2, 1.0 + scale])[stream.permutation(3)]}


def transverse_chromatic_abberation(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Magnify each channel about the centre.

    As in the original, splines are not prefiltered, so that all channels are blurred, also that of magnification 1.
    """
    result = np.empty(image.shape, np.uint8)
    for channel in range(3):
        large = zoom(image[..., channel], fields["scales"][channel], prefilter=False)
        top, left = ((large.shape[axis] - image.shape[axis]) // 2 for axis in (0, 1))
        result[..., channel] = large[top : top + image.shape[0], left : left + image.shape[1]]
    return result


@kernel(error_model="numpy")
def _spline_weights(offset: float) -> tuple[float, float, float, float]:
    """The weights of the four knots around a position at `offset` from the second one."""
    y, z = offset, 1.0 - offset
    first = z * z * z / 6.0
    second = (y * y * (y - 2.0) * 3.0 + 4.0) / 6.0
    third = (z * z * (z - 2.0) * 3.0 + 4.0) / 6.0
    return first, second, third, 1.0 - first - second - third


@kernel(error_model="numpy")
def _rotate(knots: np.ndarray, cosines: np.ndarray, sines: np.ndarray, weights: np.ndarray, result: np.ndarray) -> None:
    """The weighted sum of rotations about the centre.

    Args:
        knots: the knots of the cubic splines, (H + 3, W + 3, 3) float64, padded by mirroring: 1 before and 2 after.
        cosines: the cosine of each angle.
        sines: the sine of each angle.
        weights: the weight of each angle, float32.
        result: the array to fill, (H, W, 3) float32.
    """
    height, width = result.shape[:2]
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    for y in range(height):
        for x in range(width):
            red, green, blue = np.float32(0), np.float32(0), np.float32(0)
            for n in range(len(weights)):
                cosine, sine = cosines[n], sines[n]
                row = y * cosine + x * sine + (middle_y - (cosine * middle_y + sine * middle_x))
                column = y * -sine + x * cosine + (middle_x - (cosine * middle_x - sine * middle_y))
                if row < 0 or row > height - 1 or column < 0 or column > width - 1:
                    continue
                top, left = math.floor(row), math.floor(column)
                down, across = _spline_weights(row - top), _spline_weights(column - left)
                r, g, b = 0.0, 0.0, 0.0
                for i in range(4):
                    for j in range(4):
                        weight = down[i] * across[j]
                        r += knots[top + i, left + j, 0] * weight
                        g += knots[top + i, left + j, 1] * weight
                        b += knots[top + i, left + j, 2] * weight
                red += np.float32(r) * weights[n]
                green += np.float32(g) * weights[n]
                blue += np.float32(b) * weights[n]
            result[y, x, 0], result[y, x, 1], result[y, x, 2] = red, green, blue
