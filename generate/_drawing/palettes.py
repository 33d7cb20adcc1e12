"""Colour: palettes of 256 colours, interpolated in OKLab or made of cosines, in harmony within an image."""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import cosine, power, sine
from mixset._common.kernels import kernel

from .rng import Draws

COLOURS = 256

_SCHEMES = {
    "free": 0.30,
    "complementary": 0.20,
    "triad": 0.18,
    "analogous": 0.16,
    "split": 0.16,
}
_HUES = {
    "complementary": (0.0, 0.5),
    "triad": (0.0, 1 / 3, 2 / 3),
    "analogous": (0.0, 0.08, -0.1, 0.16),
    "split": (0.0, 0.42, 0.58),
}


class Harmony:
    """The hues of one image: a base hue and the others that its scheme puts beside it, in turns."""

    def __init__(self, draws: Draws) -> None:
        self.scheme = draws.weighted(_SCHEMES)
        self.base = draws.uniform()

    def hue(self, draws: Draws) -> float:
        """A hue of the scheme, off by at most 0.04 of a turn."""
        if self.scheme == "free":
            return draws.uniform()
        return self.base + draws.choice(_HUES[self.scheme]) + draws.uniform(-0.04, 0.04)


def sample_palette(draws: Draws, harmony: Harmony, *, light: tuple[float, float] = (0.12, 0.95)) -> np.ndarray:
    """A cyclic palette (3, 256) float32 in [0, 1]; `light` bounds the OKLab lightness of its key colours."""
    kind = draws.weighted({"contrast": 0.34, "ramp": 0.22, "rainbow": 0.12, "metal": 0.20, "cosine": 0.10})
    low, high = light
    if kind == "cosine":
        return _cosine_palette(draws, low, high)
    if kind == "rainbow":
        start, turn = draws.uniform(), draws.sign() * draws.uniform(0.6, 1.0)
        count = 6
        middle = low + (high - low) * draws.uniform(0.5, 0.8)
        keys = [
            (middle + draws.uniform(-0.12, 0.12), draws.uniform(0.1, 0.18), start + turn * i / count)
            for i in range(count)
        ]
    elif kind == "ramp":
        hue, drift = harmony.hue(draws), draws.sign() * draws.uniform(0.06, 0.4)
        stops = (0.0, 0.3, 0.62, 1.0, 0.5)
        keys = [(low + (high - low) * s, 0.05 + 0.15 * (1.0 - abs(2.0 * s - 1.1)), hue + drift * s) for s in stops]
    elif kind == "metal":
        hue = harmony.hue(draws)
        other = harmony.hue(draws)
        keys = [
            (low + 0.05, 0.07, hue),
            (high, 0.04, other),
            (0.5 * (low + high), draws.uniform(0.12, 0.19), hue),
            (high - 0.05, 0.12, other),
            (low + 0.1, 0.1, hue + 0.06),
        ]
    else:
        count = draws.whole(4, 7)
        keys = []
        for index in range(count):
            third = (index + draws.uniform(-0.3, 0.3)) % 2.0 / 2.0
            keys.append(
                (low + (high - low) * min(max(third * 1.4, 0.0), 1.0), draws.uniform(0.06, 0.2), harmony.hue(draws))
            )
    lab = np.array([(level, chroma * cosine(hue), chroma * sine(hue)) for level, chroma, hue in keys])
    return oklab_ramp(lab)


def _cosine_palette(draws: Draws, low: float, high: float) -> np.ndarray:
    """Each channel a cosine of the position (after Quilez): bright, regular, unlike what OKLab keys give."""
    middle = 0.5 * (low + high)
    waves = np.array(
        [(middle, draws.uniform(0.22, 0.42), float(draws.whole(1, 2)), draws.uniform()) for _ in range(3)], np.float64
    )
    return _cosines(waves)


@kernel(error_model="numpy")
def _cosines(waves: np.ndarray) -> np.ndarray:
    out = np.empty((3, COLOURS), np.float32)
    for i in range(COLOURS):
        for k in range(3):
            value = waves[k, 0] + waves[k, 1] * cosine(waves[k, 2] * i / COLOURS + waves[k, 3])
            out[k, i] = np.float32(min(max(value, 0.0), 1.0))
    return out


@kernel(error_model="numpy")
def oklab_ramp(keys: np.ndarray) -> np.ndarray:
    """A cyclic palette (3, 256) float32 sRGB in [0, 1] through OKLab keys (k, 3), eased between them."""
    count = len(keys)
    out = np.empty((3, COLOURS), np.float32)
    for i in range(COLOURS):
        index = i * count / COLOURS
        first = int(index)
        t = index - first
        t = t * t * (3.0 - 2.0 * t)
        second = (first + 1) % count
        light = keys[first, 0] + t * (keys[second, 0] - keys[first, 0])
        a = keys[first, 1] + t * (keys[second, 1] - keys[first, 1])
        b = keys[first, 2] + t * (keys[second, 2] - keys[first, 2])
        _srgb(light, a, b, out[:, i])
    return out


@kernel(error_model="numpy")
def _srgb(light: float, a: float, b: float, out: np.ndarray) -> None:
    """OKLab (Ottosson 2020) to sRGB; what lies outside the gamut is clipped channel by channel."""
    p = light + 0.3963377774 * a + 0.2158037573 * b
    q = light - 0.1055613458 * a - 0.0638541728 * b
    r = light - 0.0894841775 * a - 1.2914855480 * b
    p, q, r = p * p * p, q * q * q, r * r * r
    out[0] = _gamma(4.0767416621 * p - 3.3077115913 * q + 0.2309699292 * r)
    out[1] = _gamma(-1.2684380046 * p + 2.6097574011 * q - 0.3413193965 * r)
    out[2] = _gamma(-0.0041960863 * p - 0.7034186147 * q + 1.7076147010 * r)


@kernel(error_model="numpy")
def _gamma(linear: float) -> np.float32:
    linear = min(max(linear, 0.0), 1.0)
    if linear <= 0.0031308:
        return np.float32(12.92 * linear)
    return np.float32(1.055 * power(linear, 1.0 / 2.4) - 0.055)
