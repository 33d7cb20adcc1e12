"""Spatter as a perturbation: drops of water that run down the lens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._c.spatter import add_water
from .._shared.base import Fields, ImageArray, Stream
from .._shared.filters import gaussian
from .base import Frames

BRIGHT = 0.6


class Spatter(NamedTuple):
    """A frame of drops, which are the same in all frames but run down."""

    mean: float
    """The mean of the random liquid."""
    spread: float
    """The standard deviation of the random liquid."""
    sigma: float
    """The sigma of the Gaussian that smooths it, in pixels."""
    threshold: float
    """The smallest amount of liquid that forms a drop."""
    run: tuple[float, ...]
    """The weights of the convolution along columns that moves the liquid from one frame to the next."""
    form: str
    """The form of `add_water`, `REFERENCE` or `CORRECTED`."""


def draw_drops(stream: Stream, size: int, parameters: tuple[Spatter, ...]) -> Fields:
    """The liquid of the first frame."""
    return {"liquid": stream.normal(size, size)}


def spatter(image: ImageArray, size: int, parameters: tuple[Spatter, ...], fields: Fields) -> Frames:
    """The same liquid in each frame, further down."""
    mean, spread, sigma, threshold, *_ = parameters[0]
    liquid = gaussian(mean + spread * fields["liquid"], sigma)
    liquid = np.where(liquid < threshold, 0, liquid)
    frames = np.empty((len(parameters), size, size, 3), np.uint8)
    for frame, parameter in zip(frames, parameters, strict=True):
        frame[:] = add_water(image, liquid, BRIGHT, form=parameter.form)
        liquid = _run_down(liquid, parameter.run)
    return frames


def _run_down(liquid: np.ndarray, weights: tuple[float, ...]) -> np.ndarray:
    """Convolve each column like `numpy.convolve` with mode `same`, with terms added in its order."""
    above = (len(weights) - 1) // 2
    padded = np.pad(liquid, ((len(weights) - 1 - above, above), (0, 0)))
    # Weight k applies to the row k above the kernel's centre.
    rows = [padded[len(weights) - 1 - k :][: len(liquid)] for k in range(len(weights))]
    terms = [weight * row for weight, row in zip(weights, rows, strict=True)]
    return sum(reversed(terms), np.zeros_like(liquid))
