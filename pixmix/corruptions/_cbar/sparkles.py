"""Stars of light with rays of random lengths: five over the image, or one through which the image is seen."""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from ..._common.threads import read_only
from .._shared.base import Fields, ImageArray, Stream
from .._shared.sampling import to_byte

_STARS = 5
_MOST_RAYS = 199


def draw_sparkles(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """Five centres (row, column), the number of rays of each, 50 to 199, and the rays' lengths in pixels, (5, 199).

    In each row of lengths, as many are used as the star has rays.
    """
    radius = 0.1 * severity / 10 * min(size)
    return {
        "centres": stream.uniform(_STARS, 2) * size,
        "rays": stream.integers(50, _MOST_RAYS + 1, _STARS),
        "lengths": np.maximum(1, radius + 25 / 100 * radius * stream.normal(_STARS, _MOST_RAYS)),
    }


def sparkles(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Add five white stars one after another; in between, values are rounded to float32 as in the original."""
    result = np.empty(image.shape, np.uint8)
    _add_stars(read_only(image), fields["centres"], fields["rays"], fields["lengths"], result)
    return result


def draw_inverse_sparkles(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """A centre (row, column) in the central half of the image, and the lengths of 50 to 199 rays in pixels."""
    radius = 0.25 * min(size)
    centre = (0.25 + 0.5 * stream.uniform(2)) * size
    rays = int(stream.integers(50, _MOST_RAYS + 1))
    return {"centre": centre, "lengths": radius + 25 / 100 * radius * stream.normal(rays)}


def inverse_sparkles(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """White except for a star in which the image is visible."""
    power = (100 - (100 - 65 * severity / 10)) / 50  # the original's rounding
    result = np.empty(image.shape, np.uint8)
    _show_through_star(read_only(image), fields["centre"], fields["lengths"], power, result)
    return result


@kernel(error_model="numpy")
def _light(y: int, x: int, centre: np.ndarray, lengths: np.ndarray, rays: int, power: float) -> float:
    """The brightness of a star at (y, x), 0 to 1, which depends on the ray's length over the distance."""
    down, right = y - centre[0], x - centre[1]
    distance = np.sqrt(down * down + right * right)
    turns = (np.arctan2(right, down) + math.pi) / (2 * math.pi) * rays
    ray = int(turns)
    offset = turns - ray
    length, next_length = lengths[ray % rays], lengths[(ray + 1) % rays]
    length += offset * (next_length - length)
    brightness = length**2 / (distance**2 + 1e-4)
    if power != 1.0:
        brightness = brightness**power
    return min(max((1 - (offset - 0.5) ** 2) * brightness, 0.0), 1.0)


@kernel(error_model="numpy")
def _add_stars(
    image: np.ndarray, centres: np.ndarray, rays: np.ndarray, lengths: np.ndarray, result: np.ndarray
) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            r, g, b = float(image[y, x, 0]), float(image[y, x, 1]), float(image[y, x, 2])
            for n in range(len(centres)):
                light = _light(y, x, centres[n], lengths[n], rays[n], 1.0)
                r, g, b = float(np.float32(r)), float(np.float32(g)), float(np.float32(b))
                r, g, b = r + light * (255 - r), g + light * (255 - g), b + light * (255 - b)
            result[y, x, 0], result[y, x, 1], result[y, x, 2] = to_byte(r), to_byte(g), to_byte(b)


@kernel(error_model="numpy")
def _show_through_star(
    image: np.ndarray, centre: np.ndarray, lengths: np.ndarray, power: float, result: np.ndarray
) -> None:
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            light = _light(y, x, centre, lengths, len(lengths), power)
            for channel in range(3):
                result[y, x, channel] = to_byte(255 + light * (float(image[y, x, channel]) - 255))
