"""log2, exp2, powers, sines and angles from + - × ÷ alone, so that images have the same bits on every machine.

libm differs between systems and NumPy's loops between CPU features; these polynomials (Taylor series, shortened by
range reduction) do not. Angles are in turns: 1.0 is a full circle. The error model is NumPy's because Python's check
for division by zero would keep loops from being vectorised.
"""

from __future__ import annotations

import numpy as np

from .kernels import kernel

_TURN = 6.283185307179586
# The series' coefficients: multiplied, because a division costs four times as much and strict IEEE keeps each one.
_ARTANH = tuple(2.0 / (0.6931471805599453 * (2 * k + 1)) for k in range(9))
_EXP = tuple(0.6931471805599453 / k for k in range(1, 13))
_S1, _S2, _S3, _S4, _S5, _S6 = -1 / 6, 1 / 120, -1 / 5040, 1 / 362880, -1 / 39916800, 1 / 6227020800
_A0, _A1, _A2, _A3, _A4, _A5, _A6 = (4 / 6.283185307179586 * (-1) ** k / (2 * k + 1) for k in range(7))


@kernel(error_model="numpy")
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
        total = total * square + _ARTANH[k]
    return octaves + t * total


@kernel(error_model="numpy")
def exp2(x: float) -> float:
    """2ˣ; relative error under 1e-13 where |x| < 64."""
    scale = 1.0
    while x > 0.5:
        x -= 1.0
        scale *= 2.0
    while x < -0.5:
        x += 1.0
        scale *= 0.5
    total = 1.0
    for k in range(11, -1, -1):
        total = 1.0 + total * (x * _EXP[k])
    return scale * total


@kernel(error_model="numpy")
def power(x: float, exponent: float) -> float:
    """x to a real exponent, for x >= 0; 0 gives 0."""
    return exp2(exponent * log2(x)) if x > 0.0 else 0.0


@kernel(error_model="numpy")
def sine(turns: float) -> float:
    """sin(2π · turns); absolute error under 1e-9 where |turns| < 2**20."""
    t = turns - np.floor(turns + 0.5)
    # Fold [-1/2, 1/2] to [-1/4, 1/4], where the series is short.
    t = 0.5 - t if t > 0.25 else t
    t = -0.5 - t if t < -0.25 else t
    a = t * _TURN
    s = a * a
    return a * (1.0 + s * (_S1 + s * (_S2 + s * (_S3 + s * (_S4 + s * (_S5 + s * _S6))))))


@kernel(error_model="numpy")
def cosine(turns: float) -> float:
    """cos(2π · turns), as `sine` a quarter turn on."""
    return sine(turns + 0.25)


@kernel(error_model="numpy")
def angle(y: float, x: float) -> float:
    """The angle of (x, y) in turns, in [-1/2, 1/2]; absolute error under 1e-7. (0, 0) gives 0."""
    ax, ay = abs(x), abs(y)
    # No early return for (0, 0): selects keep the loops that call this free of branches.
    t = min(ax, ay) / (max(ax, ay) + 1e-300)
    # arctan t = 2 arctan(t / (1 + √(1 + t²))), twice, brings t under 0.2.
    t = t / (1.0 + np.sqrt(1.0 + t * t))
    t = t / (1.0 + np.sqrt(1.0 + t * t))
    s = t * t
    a = t * (_A0 + s * (_A1 + s * (_A2 + s * (_A3 + s * (_A4 + s * (_A5 + s * _A6))))))
    a = 0.25 - a if ay > ax else a
    a = 0.5 - a if x < 0.0 else a
    return -a if y < 0.0 else a
