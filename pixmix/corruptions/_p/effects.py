"""Perturbations of weather and lens: motion blur, snow, brightness, Gaussian blur, spatter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._c.colors import BRIGHTNESS
from .._c.motion import motion_blur
from .._c.snow import whiten
from .._c.zoom import clipped_zoom
from .._shared.base import Fields, ImageArray, Stream, to_bytes
from .._shared.filters import gaussian
from .base import Frames


class Motion(NamedTuple):
    """A blur along a line."""

    radius: float
    sigma: float
    angle: float
    """In degrees."""


class Snow(NamedTuple):
    """A frame of snow, whose flakes fall in another direction in each."""

    enlargement: float
    """Of the flakes."""
    fall: Motion


class Blur(NamedTuple):
    """A Gaussian blur."""

    sigma: float
    truncate: float
    """Where its kernel ends, in sigmas."""


FLAKES_MEAN, FLAKES_SPREAD, LEAST_SNOW, NOT_PALED = 0.05, 0.3, 0.5, 0.85


def blur_along(image: ImageArray, size: int, parameters: tuple[Motion, ...], fields: Fields) -> Frames:
    """A frame for each direction."""
    return np.stack([motion_blur(image, *motion) for motion in parameters])


def draw_flakes(stream: Stream, size: int, parameters: tuple[Snow, ...]) -> Fields:
    """One layer for all frames."""
    return {"flakes": stream.normal(size, size)}


def snow(image: ImageArray, size: int, parameters: tuple[Snow, ...], fields: Fields) -> Frames:
    """The same flakes over the paled image, falling in another direction in each frame."""
    paled = whiten(image, NOT_PALED)
    layer = FLAKES_MEAN + FLAKES_SPREAD * fields["flakes"]
    layer = clipped_zoom(layer[:, :, None], parameters[0].enlargement)[:, :, 0]
    flakes = to_bytes(np.where(layer < LEAST_SNOW, 0, layer) * 255.0)
    frames = np.empty((len(parameters), size, size, 3), np.uint8)
    for frame, parameter in zip(frames, parameters, strict=True):
        falling = motion_blur(flakes, *parameter.fall)[:, :, None] / 255.0
        frame[:] = to_bytes((paled + falling + np.rot90(falling, 2)) * 255.0)
    return frames


def brightness(image: ImageArray, size: int, parameters: tuple[float, ...], fields: Fields) -> Frames:
    """A frame for each amount added to the value of hue, saturation and value."""
    return np.stack([BRIGHTNESS.apply(image, amount, {}) for amount in parameters])


def blur_around(image: ImageArray, size: int, parameters: tuple[Blur, ...], fields: Fields) -> Frames:
    """A frame for each Gaussian."""
    values = image / 255.0
    return np.stack([to_bytes(gaussian(values, blur.sigma, truncate=blur.truncate) * 255.0) for blur in parameters])
