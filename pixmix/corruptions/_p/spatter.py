"""Drops of water that run down the lens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._c.spatter import add_water
from .._shared.base import Fields, ImageArray, Stream
from .._shared.filters import gaussian
from .base import Frames

BRIGHT = 0.6


class Spatter(NamedTuple):
    """Drops, the same in each frame but for their way down."""

    mean: float
    spread: float
    """The standard deviation of what is drawn."""
    sigma: float
    """Of the Gaussian by which that is smoothed, in pixels."""
    least: float
    """That is a drop."""
    run: tuple[float, ...]
    """How the liquid is carried on from frame to frame: the weights of a convolution down the columns."""
    form: str
    """That of `add_water`."""


def draw_drops(stream: Stream, size: int, parameters: tuple[Spatter, ...]) -> Fields:
    """The liquid of the first frame."""
    return {"liquid": stream.normal(size, size)}


def spatter(image: ImageArray, size: int, parameters: tuple[Spatter, ...], fields: Fields) -> Frames:
    """The same liquid in each frame, further down."""
    mean, spread, sigma, least, *_ = parameters[0]
    liquid = gaussian(mean + spread * fields["liquid"], sigma)
    liquid = np.where(liquid < least, 0, liquid)
    frames = np.empty((len(parameters), size, size, 3), np.uint8)
    for frame, parameter in zip(frames, parameters, strict=True):
        frame[:] = add_water(image, liquid, BRIGHT, form=parameter.form)
        liquid = _run_down(liquid, parameter.run)
    return frames


def _run_down(liquid: np.ndarray, weights: tuple[float, ...]) -> np.ndarray:
    """NumPy's `convolve` of each column in its mode `same`, terms added in its order, from above."""
    above = (len(weights) - 1) // 2
    padded = np.pad(liquid, ((len(weights) - 1 - above, above), (0, 0)))
    # Weight k takes from k rows above where the kernel's middle lies.
    rows = [padded[len(weights) - 1 - k :][: len(liquid)] for k in range(len(weights))]
    terms = [weight * row for weight, row in zip(weights, rows, strict=True)]
    return sum(reversed(terms), np.zeros_like(liquid))
