"""Perturbations without movement of the image: motion blur, snow, brightness and Gaussian blur."""

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
    """The radius in pixels; see `motion_blur`."""
    sigma: float
    """The sigma of the weights along the line, in pixels."""
    angle: float
    """The direction of the line in degrees."""


class Snow(NamedTuple):
    """A frame of snow, whose flakes fall in a different direction in each."""

    enlargement: float
    """The factor by which flakes are enlarged."""
    fall: Motion
    """The motion blur of the falling flakes."""


class Blur(NamedTuple):
    """A Gaussian blur."""

    sigma: float
    """The standard deviation in pixels."""
    truncate: float
    """The radius of the kernel in sigmas."""


FLAKES_MEAN, FLAKES_SPREAD, SNOW_THRESHOLD, IMAGE_WEIGHT = 0.05, 0.3, 0.5, 0.85


def blur_along(image: ImageArray, size: int, parameters: tuple[Motion, ...], fields: Fields) -> Frames:
    """A frame for each direction of motion blur."""
    return np.stack([motion_blur(image, *motion) for motion in parameters])


def draw_flakes(stream: Stream, size: int, parameters: tuple[Snow, ...]) -> Fields:
    """The layer of flakes, shared by all frames."""
    return {"flakes": stream.normal(size, size)}


def snow(image: ImageArray, size: int, parameters: tuple[Snow, ...], fields: Fields) -> Frames:
    """The same flakes over the whitened image, falling in a different direction in each frame."""
    whitened = whiten(image, IMAGE_WEIGHT)
    layer = FLAKES_MEAN + FLAKES_SPREAD * fields["flakes"]
    layer = clipped_zoom(layer[:, :, None], parameters[0].enlargement)[:, :, 0]
    flakes = to_bytes(np.where(layer < SNOW_THRESHOLD, 0, layer) * 255.0)
    frames = np.empty((len(parameters), size, size, 3), np.uint8)
    for frame, parameter in zip(frames, parameters, strict=True):
        falling = motion_blur(flakes, *parameter.fall)[:, :, None] / 255.0
        frame[:] = to_bytes((whitened + falling + np.rot90(falling, 2)) * 255.0)
    return frames


def brightness(image: ImageArray, size: int, parameters: tuple[float, ...], fields: Fields) -> Frames:
    """A frame for each amount that is added to the value in HSV."""
    return np.stack([BRIGHTNESS.apply(image, amount, {}) for amount in parameters])


def blur_around(image: ImageArray, size: int, parameters: tuple[Blur, ...], fields: Fields) -> Frames:
    """A frame for each Gaussian blur."""
    values = image / 255.0
    return np.stack([to_bytes(gaussian(values, blur.sigma, truncate=blur.truncate) * 255.0) for blur in parameters])
