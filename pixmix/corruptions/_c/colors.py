"""Brightness and saturation, in scikit-image's HSV colours, bit for bit."""

from __future__ import annotations

import math

import numpy as np

from mixset._common.kernels import kernel

from .._shared.base import Corruption, Fields, ImageArray, draws_nothing, to_bytes


@kernel
def to_hsv(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """Convert a colour in [0, 1] to hue, saturation and value, each in [0, 1]."""
    value = max(red, green, blue)
    spread = value - min(red, green, blue)
    if spread == 0.0:
        return 0.0, 0.0, value
    if blue == value:
        hue = 4.0 + (red - green) / spread
    elif green == value:
        hue = 2.0 + (blue - red) / spread
    else:
        hue = (green - blue) / spread
    return (hue / 6.0) % 1.0, spread / value, value


@kernel
def to_rgb(hue: float, saturation: float, value: float) -> tuple[float, float, float]:
    """Convert hue, saturation and value to red, green and blue, all in [0, 1]."""
    sector = math.floor(hue * 6)
    part = hue * 6 - sector
    low = value * (1 - saturation)
    falling = value * (1 - part * saturation)
    rising = value * (1 - (1 - part) * saturation)
    sector %= 6
    if sector == 0:
        return value, rising, low
    if sector == 1:
        return falling, value, low
    if sector == 2:
        return low, value, rising
    if sector == 3:
        return low, falling, value
    if sector == 4:
        return rising, low, value
    return value, low, falling


@kernel
def _alter(values: np.ndarray, saturation: bool, factor: float, amount: float) -> None:
    """Scale, shift and clip to [0, 1] the saturation (or else the value) of (N, 3) colours, in place."""
    for i in range(values.shape[0]):
        h, s, v = to_hsv(values[i, 0], values[i, 1], values[i, 2])
        if saturation:
            s = min(max(s * factor + amount, 0.0), 1.0)
        else:
            v = min(max(v * factor + amount, 0.0), 1.0)
        values[i, 0], values[i, 1], values[i, 2] = to_rgb(h, s, v)


def _brighten(image: ImageArray, amount: float, fields: Fields) -> ImageArray:
    values = image / 255.0
    _alter(values.reshape(-1, 3), False, 1.0, float(amount))
    return to_bytes(values * 255.0)


def _saturate(image: ImageArray, parameters: tuple[float, float], fields: Fields) -> ImageArray:
    values = image / 255.0
    _alter(values.reshape(-1, 3), True, float(parameters[0]), float(parameters[1]))
    return to_bytes(values * 255.0)


BRIGHTNESS = Corruption(
    name="brightness",
    number=10,
    small=(0.05, 0.1, 0.15, 0.2, 0.3),
    large=(0.1, 0.2, 0.3, 0.4, 0.5),
    draw=draws_nothing,
    apply=_brighten,
)
"""Parameter: added to the value in [0, 1]."""

SATURATE = Corruption(
    name="saturate",
    number=16,
    small=((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2)),
    large=((0.3, 0), (0.1, 0), (2, 0), (5, 0.1), (20, 0.2)),
    draw=draws_nothing,
    apply=_saturate,
)
"""Parameters: factor and offset of the saturation."""
