"""Sines, angles and logarithms in single precision, for kernels that work through a row of an image at a time.

As in `elementary` they are made of + - × ÷ √ alone, so that images have the same bits on every machine. Loops that call
them are free of branches and are vectorised: eight pixels at a time where `elementary` has four, by shorter series.
"""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

_HALF, _QUARTER, _ONE = np.float32(0.5), np.float32(0.25), np.float32(1.0)
_TURN = np.float32(6.283185307179586)
_S1, _S2, _S3, _S4 = (np.float32(value) for value in (-1 / 6, 1 / 120, -1 / 5040, 1 / 362880))
_A0, _A1, _A2, _A3 = (np.float32(2 / 6.283185307179586 * (-1) ** k / (2 * k + 1)) for k in range(4))
_TINY = np.float32(1e-30)
_L0, _L1, _L2, _L3 = (np.float32(2.0 / (0.6931471805599453 * (2 * k + 1))) for k in range(4))


@kernel(error_model="numpy")
def sine(turns: np.float32) -> np.float32:
    """sin(2π · turns); absolute error under 1e-5 where |turns| < 16."""
    t = turns - np.floor(turns + _HALF)
    # Fold [-1/2, 1/2] to [-1/4, 1/4], where the series is short.
    t = max(min(t, _HALF - t), -_HALF - t)
    a = t * _TURN
    s = a * a
    return a * (_ONE + s * (_S1 + s * (_S2 + s * (_S3 + s * _S4))))


@kernel(error_model="numpy")
def cosine(turns: np.float32) -> np.float32:
    """cos(2π · turns), as `sine` a quarter turn on."""
    return sine(turns + _QUARTER)


@kernel(error_model="numpy")
def angle(y: np.float32, x: np.float32) -> np.float32:
    """The angle of (x, y) in turns, in [-1/2, 1/2]; absolute error under 2e-5. (0, 0) gives 0."""
    ax, ay = abs(x), abs(y)
    t = min(ax, ay) / (max(ax, ay) + _TINY)
    # arctan t = 2 arctan(t / (1 + √(1 + t²))) brings t under 0.42.
    t = t / (_ONE + np.sqrt(_ONE + t * t))
    s = t * t
    a = t * (_A0 + s * (_A1 + s * (_A2 + s * _A3)))
    a = _QUARTER - a if ay > ax else a
    a = _HALF - a if x < np.float32(0.0) else a
    return -a if y < np.float32(0.0) else a


@kernel(error_model="numpy")
def log2(x: np.float32) -> np.float32:
    """log₂ of a normal x > 0; absolute error under 1e-5."""
    bits = np.float32(x).view(np.int32)
    # The exponent that leaves a mantissa in [0.707, 1.414).
    octaves = (bits - np.int32(0x3F3504F3)) >> np.int32(23)
    mantissa = np.int32(bits - (octaves << np.int32(23))).view(np.float32)
    t = (mantissa - _ONE) / (mantissa + _ONE)
    s = t * t
    return np.float32(octaves) + t * (_L0 + s * (_L1 + s * (_L2 + s * _L3)))


@kernel(error_model="numpy")
def zigzag(x: np.float32) -> np.float32:
    """A triangle wave of period 1 in [0, 1], 0 at whole numbers: what folds an angle or a plane without a seam."""
    t = x - np.floor(x)
    return _ONE - abs(t + t - _ONE)
