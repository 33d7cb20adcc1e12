"""Sine patterns over the image: a single frequency, concentric waves, and plasma."""

from __future__ import annotations

import math

import numpy as np

from .._shared.base import Fields, ImageArray, Stream, to_bytes


def draw_single_frequency(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The frequencies along x and y in radians per pixel, of which one bounds the other, and a phase."""
    first, second, phase = 2 * stream.uniform(3) - 1
    frequencies = np.array([math.pi * first, abs(math.pi * first) * second])[stream.permutation(2)]
    return {"frequencies": frequencies, "phase": math.pi * (phase + 1)}


def single_frequency_greyscale(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Add a plane wave to all channels."""
    y, x = _indices(image)
    across, down = fields["frequencies"]
    wave = np.sin(x * across + y * down + fields["phase"])
    return to_bytes(image + 196 * severity / 10 * wave[..., None])


def draw_concentric_waves(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The centre (x, y), the frequency and amplitude of each ring's wave around it, and the rings' width, in pixels."""
    x, y, frequency, amplitude, width = stream.uniform(5)
    tenth = min(size) / 10
    return {
        "centre": np.array([x * size[1], y * size[0]]),
        "frequency": 10 * frequency,
        "amplitude": tenth * amplitude,
        "width": tenth * width,
    }


def cocentric_sine_waves(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Add concentric rings to all channels, each a ramp, with radii that vary with the angle."""
    y, x = _indices(image)
    x, y = x - fields["centre"][0], y - fields["centre"][1]
    # arctan2 of (x, y), not (y, x): the angle is from the downward axis, as in the original.
    radius = np.sqrt(x**2 + y**2) + np.sin(np.arctan2(x, y) * fields["frequency"]) * fields["amplitude"]
    ramp = (radius % fields["width"]) / fields["width"] - 1 / 2
    return to_bytes(image + 128 * severity / 10 * ramp[..., None])


def draw_plasma(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """The time in radians, the number of rounds (4 to 6), a sharpness, and the scale of the pattern in pixels."""
    time, sharpness, scale = stream.uniform(3)
    return {
        "time": 6 * math.pi * time,
        "rounds": int(stream.integers(4, 7)),
        "sharpness": 0.5 + 0.5 * sharpness,
        "scale": (0.075 + 0.125 * scale) * min(size),
    }


def plasma_noise(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Blend the image with colours of three sines, at positions that are displaced by rounds of sines."""
    time, share = fields["time"], 64 * severity / 10
    y, x = _indices(image)
    x, y = x / fields["scale"], y / fields["scale"]
    growth, slowing, damping = 1.0, 1.0, 1.0
    for _ in range(fields["rounds"]):
        right = np.cos(y * growth + time / slowing) / damping
        down = np.sin(x * growth + time / slowing) / damping
        x, y = x + (right - 0.3 * down), y + (down + 0.3 * right)
        growth, slowing, damping = growth * 1.93, slowing * 1.15, damping * (2.25 - fields["sharpness"])
    colour = np.stack([np.sin(x - time), np.sin((x + y + math.sin(time)) * 0.5), np.sin(y + time)], axis=-1)
    return to_bytes((1 - share / 255) * image + share * colour)


def _indices(image: ImageArray) -> tuple[np.ndarray, np.ndarray]:
    """Rows (H, 1) and columns (1, W) of all pixels, float64."""
    y, x = np.ogrid[: float(image.shape[0]), : float(image.shape[1])]
    return y, x
