"""Perlin noise (1985): random gradients on a grid, smoothly interpolated, over five octaves."""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .._shared.base import Fields, ImageArray, Stream, to_bytes

_TABLE = 256
_OFFSET = 16 * _TABLE


def draw_perlin_noise(stream: Stream, size: tuple[int, int], severity: float) -> Fields:
    """Unit gradients (256, 2) float64 and a permutation of 256.

    A gradient of (0, 0), one in 2**18, is kept, whereas it becomes NaN in the original. As there, each element is
    swapped with any other, so that not all permutations are equally likely.
    """
    gradients = (stream.integers(0, 2 * _TABLE, _TABLE, 2) - _TABLE) / _TABLE
    lengths = np.sqrt((gradients**2).sum(1, keepdims=True))
    table = list(range(_TABLE))
    others = stream.integers(0, _TABLE, _TABLE).tolist()
    for index, other in zip(reversed(range(_TABLE)), others, strict=True):
        table[index], table[other] = table[other], table[index]
    return {"gradients": gradients / np.where(lengths > 0, lengths, 1), "permutation": np.array(table)}


def perlin_noise(image: ImageArray, severity: float, fields: Fields) -> ImageArray:
    """Blend the image with grey turbulence, whose coarsest cells are a seventh of the shorter side."""
    share = 0.5 * severity / 10
    noise = np.empty(image.shape[:2])
    _turbulence(fields["gradients"], fields["permutation"], 1 / (32 * min(noise.shape) / 224), noise)
    grey = np.clip(0.5 * noise + 0.5, 0, 1)[..., None]
    return to_bytes((1 - share) * image.astype(np.float32) + 255 * share * grey)


@kernel(error_model="numpy")
def _lerp(share: float, a: float, b: float) -> float:
    return a + share * (b - a)


@kernel(error_model="numpy")
def _slope(gradients: np.ndarray, index: int, y: float, x: float) -> float:
    return y * gradients[index, 0] + x * gradients[index, 1]


@kernel(error_model="numpy")
def _noise(gradients: np.ndarray, permutation: np.ndarray, y: float, x: float) -> float:
    """Perlin noise at (y, x) ≥ 0, offset by 16 periods."""
    y, x = y + _OFFSET, x + _OFFSET
    y0, x0 = int(y) % _TABLE, int(x) % _TABLE
    y1, x1 = (y0 + 1) % _TABLE, (x0 + 1) % _TABLE
    down, right = y % 1.0, x % 1.0
    upper, lower = permutation[y0], permutation[y1]
    smooth_down, smooth_right = down**2 * (3.0 - 2.0 * down), right**2 * (3.0 - 2.0 * right)
    left = _lerp(
        smooth_down,
        _slope(gradients, permutation[(upper + x0) % _TABLE], down, right),
        _slope(gradients, permutation[(lower + x0) % _TABLE], down - 1.0, right),
    )
    beyond = _lerp(
        smooth_down,
        _slope(gradients, permutation[(upper + x1) % _TABLE], down, right - 1.0),
        _slope(gradients, permutation[(lower + x1) % _TABLE], down - 1.0, right - 1.0),
    )
    return 1.5 * _lerp(smooth_right, left, beyond)


@kernel(error_model="numpy")
def _turbulence(gradients: np.ndarray, permutation: np.ndarray, scale: float, result: np.ndarray) -> None:
    """Sum five octaves of absolute noise, at steps of `scale` cells."""
    for y in range(result.shape[0]):
        for x in range(result.shape[1]):
            total, frequency = 0.0, 1.0
            for _ in range(5):
                total += (
                    abs(_noise(gradients, permutation, frequency * (y * scale), frequency * (x * scale))) / frequency
                )
                frequency *= 2
            result[y, x] = total
