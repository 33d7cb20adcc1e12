"""log2, exp2, powers, sines and angles from + - × ÷ alone, so that pictures have the same bits on every machine.

libm differs between systems and NumPy's loops between CPU features; these polynomials (Taylor series, shortened by
range reduction) do not. Angles are in turns: 1.0 is a full circle.
"""

from __future__ import annotations

import numpy as np
from numba import njit

_LN2 = 0.6931471805599453
_TURN = 6.283185307179586


@njit(cache=True, nogil=True)
def log2(x: float) -> float:
    """log₂ of x > 0; absolute error under 1e-12 where |log₂ x| < 64. Costs a step per octave away from [0.7, 1.4]."""
    octaves = 0.0
    while x > 1.4142135623730951:
        x *= 0.5
        octaves += 1.0
    while x < 0.7071067811865476:
        x *= 2.0
        octaves -= 1.0
    # log x = 2 artanh((x - 1) / (x + 1)), and |t| <= 0.172 here.
    t = (x - 1.0) / (x + 1.0)
    square = t * t
    total = 0.0
    for k in range(8, -1, -1):
        total = total * square + 1.0 / (2.0 * k + 1.0)
    return octaves + 2.0 * t * total / _LN2


@njit(cache=True, nogil=True)
def exp2(x: float) -> float:
    """2ˣ; relative error under 1e-13 where |x| < 64."""
    scale = 1.0
    while x > 0.5:
        x -= 1.0
        scale *= 2.0
    while x < -0.5:
        x += 1.0
        scale *= 0.5
    t = x * _LN2
    total = 1.0
    for k in range(12, 0, -1):
        total = 1.0 + total * t / k
    return scale * total


@njit(cache=True, nogil=True)
def power(x: float, exponent: float) -> float:
    """x to a real exponent, for x >= 0; 0 gives 0."""
    return exp2(exponent * log2(x)) if x > 0.0 else 0.0


@njit(cache=True, nogil=True)
def sine(turns: float) -> float:
    """sin(2π · turns); absolute error under 1e-9 where |turns| < 2**20."""
    t = turns - np.floor(turns + 0.5)
    # Fold [-1/2, 1/2] to [-1/4, 1/4], where the series is short.
    if t > 0.25:
        t = 0.5 - t
    elif t < -0.25:
        t = -0.5 - t
    a = t * _TURN
    s = a * a
    inner = 1.0 - s / 110.0 * (1.0 - s / 156.0)
    return a * (1.0 - s / 6.0 * (1.0 - s / 20.0 * (1.0 - s / 42.0 * (1.0 - s / 72.0 * inner))))


@njit(cache=True, nogil=True)
def cosine(turns: float) -> float:
    """cos(2π · turns), as `sine` a quarter turn on."""
    return sine(turns + 0.25)


@njit(cache=True, nogil=True)
def angle(y: float, x: float) -> float:
    """The angle of (x, y) in turns, in [-1/2, 1/2]; absolute error under 1e-7. (0, 0) gives 0."""
    ax, ay = abs(x), abs(y)
    if ax + ay == 0.0:
        return 0.0
    t = min(ax, ay) / max(ax, ay)
    # arctan t = 2 arctan(t / (1 + √(1 + t²))), twice, brings t under 0.2.
    t = t / (1.0 + np.sqrt(1.0 + t * t))
    t = t / (1.0 + np.sqrt(1.0 + t * t))
    s = t * t
    a = 4.0 * t * (1.0 - s * (1.0 / 3.0 - s * (0.2 - s * (1.0 / 7.0 - s * (1.0 / 9.0 - s / 11.0))))) / _TURN
    if ay > ax:
        a = 0.25 - a
    if x < 0.0:
        a = 0.5 - a
    return -a if y < 0.0 else a
