"""Fields: a number at each place of a space. Waves that are finer than the image can show fade to their mean."""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import cosine as cosine_of, sine as sine_of
from mixset._common.kernels import kernel

from .._drawing.single import angle, sine
from .._procedural.noise import sample_masked
from .moves import CELL

FIELDS = (
    "sine",
    "stripes",
    "checks",
    "rings",
    "crossed",
    "star",
    "polygons",
    "noise",
    "ridges",
    "mosaic",
    "cells",
    "edges",
    "folded",
    "julia",
)
"""The kernel switches on the index in this tuple."""

_ZERO, _HALF, _ONE, _TWO, _FOUR, _EIGHT = (np.float32(value) for value in (0.0, 0.5, 1.0, 2.0, 4.0, 8.0))
_PER_TURN = np.float32(1 / 6.283185307179586)


@kernel(error_model="numpy")
def measure(
    code: int, space: np.ndarray, out: np.ndarray, n: np.ndarray, noise: np.ndarray, finest: np.float32
) -> None:
    """A row of a field.

    Args:
        code: index in FIELDS.
        space: (3, W) float32, see `moves`. out: (W,) float32.
        n: (8,) float32, the field's numbers, the first its frequency in periods per unit of the space.
        noise: (N, N) float32, a tiling field.
        finest: in units of the frame, the length that still shows; a period of less than two of it does not.
    """
    if code < 5:
        _waves(code, space[0], space[1], space[2], out, n, finest)
    elif code < 7:
        _rays(code, space[0], space[1], space[2], out, n, finest)
    elif code < 9:
        _grain(code, space[0], space[1], space[2], out, n, noise, finest)
    elif code < 12:
        _mosaic(code, space[0], space[1], space[2], out, n, finest)
    else:
        _orbits(code, space[0], space[1], space[2], out, n, finest)


@kernel(error_model="numpy")
def _fade(periods: np.float32) -> np.float32:
    """1 up to a quarter of a period in the finest length, 0 from half a period on."""
    return min(max(_TWO - _FOUR * periods, _ZERO), _ONE)


@kernel(error_model="numpy")
def _waves(
    code: int, u: np.ndarray, v: np.ndarray, s: np.ndarray, out: np.ndarray, n: np.ndarray, finest: np.float32
) -> None:
    """Sine, stripes, checks, rings, crossed."""
    a, b, phase, hard, fine = n[0] * n[1], n[0] * n[2], n[3], n[4], n[0] * finest
    if code == 0:
        for x in range(len(u)):
            out[x] = _fade(fine * s[x]) * sine(a * u[x] + b * v[x] + phase)
    elif code == 1:
        for x in range(len(u)):
            wave = hard * sine(a * u[x] + b * v[x] + phase)
            out[x] = _fade(fine * s[x]) * min(max(wave, -_ONE), _ONE)
    elif code == 2:
        for x in range(len(u)):
            wave = hard * sine(a * u[x] + b * v[x] + phase) * sine(a * v[x] - b * u[x] - phase)
            out[x] = _fade(fine * s[x]) * min(max(wave, -_ONE), _ONE)
    elif code == 3:
        for x in range(len(u)):
            wave = hard * sine(n[0] * np.sqrt(u[x] * u[x] + v[x] * v[x]) + phase)
            out[x] = _fade(fine * s[x]) * min(max(wave, -_ONE), _ONE)
    else:
        for x in range(len(u)):
            out[x] = _fade(fine * s[x]) * (sine(a * u[x] + b * v[x] + phase) + sine(a * v[x] - b * u[x] - phase))


@kernel(error_model="numpy")
def _rays(
    code: int, u: np.ndarray, v: np.ndarray, s: np.ndarray, out: np.ndarray, n: np.ndarray, finest: np.float32
) -> None:
    """Star, polygons."""
    f, count, phase, hard, fine = n[0], n[1], n[3], n[4], n[0] * finest
    if code == 5:
        around = count * finest * _PER_TURN
        for x in range(len(u)):
            r = np.sqrt(u[x] * u[x] + v[x] * v[x] + np.float32(1e-6))
            wave = hard * sine(count * angle(v[x], u[x]) + f * r + phase)
            out[x] = _fade(s[x] * max(fine, around / r)) * min(max(wave, -_ONE), _ONE)
        return
    out[:] = _ZERO
    for side in range(np.int64(count)):
        cos, sin = np.float32(cosine_of(side / np.float64(count))), np.float32(sine_of(side / np.float64(count)))
        for x in range(len(u)):
            out[x] = max(out[x], cos * u[x] + sin * v[x])
    for x in range(len(u)):
        out[x] = _fade(fine * s[x]) * min(max(hard * sine(f * out[x] + phase), -_ONE), _ONE)


@kernel(error_model="numpy")
def _grain(
    code: int,
    u: np.ndarray,
    v: np.ndarray,
    s: np.ndarray,
    out: np.ndarray,
    n: np.ndarray,
    noise: np.ndarray,
    finest: np.float32,
) -> None:
    """Noise, ridges; the third octave of the table is four times as fine as the first."""
    scale, fine = np.float32(CELL) * n[0], _TWO * n[0] * finest
    for x in range(len(u)):
        value = sample_masked(noise, scale * u[x] + n[1], scale * v[x] + n[2])
        value = np.float32(0.3) - abs(value) if code == 8 else value
        out[x] = _fade(fine * s[x]) * value


@kernel(error_model="numpy")
def _mosaic(
    code: int, u: np.ndarray, v: np.ndarray, s: np.ndarray, out: np.ndarray, n: np.ndarray, finest: np.float32
) -> None:
    """Mosaic (each cell a value of its own), cells (distance to the nearest point), edges (to the second less it)."""
    f, fine, salt = n[0], _HALF * n[0] * finest, np.int32(n[3])
    byte, per_byte = np.int32(255), np.float32(0.8 / 255)
    for x in range(len(u)):
        across, down = f * u[x] + n[1], f * v[x] + n[2]
        i, j = np.floor(across), np.floor(down)
        du, dv = across - i, down - j
        first, second, value = np.float32(9.0), np.float32(9.0), _ZERO
        for k in range(9):
            ki, kj = np.int32(k % 3 - 1), np.int32(k // 3 - 1)
            word = (np.int32(i) + ki) * np.int32(73856093) ^ (np.int32(j) + kj) * np.int32(19349663) ^ salt
            word = np.int32((word ^ (word >> np.int32(13))) * np.int32(1274126177))
            word = np.int32((word ^ (word >> np.int32(15))) * np.int32(60493))
            pu = np.float32(ki) + np.float32(0.1) + per_byte * np.float32(word >> np.int32(8) & byte) - du
            pv = np.float32(kj) + np.float32(0.1) + per_byte * np.float32(word >> np.int32(16) & byte) - dv
            square = pu * pu + pv * pv
            nearer = square < first
            second = first if nearer else min(second, square)
            value = np.float32(word & byte) if nearer else value
            first = square if nearer else first
        near = np.sqrt(first)
        if code == 9:
            found = value * np.float32(2 / 255) - _ONE
        elif code == 10:
            found = near - _HALF
        else:
            found = min(_FOUR * (np.sqrt(second) - near), _ONE) - _HALF
        out[x] = _fade(fine * s[x]) * found


@kernel(error_model="numpy")
def _orbits(
    code: int, u: np.ndarray, v: np.ndarray, s: np.ndarray, out: np.ndarray, n: np.ndarray, finest: np.float32
) -> None:
    """Folded (mean movement of |z| / |z|² - c) and julia (least distance of z² + c from a point), while they show."""
    f, rounds, cu, cv, tu, tv = n[0], np.int64(n[1]), n[2], n[3], n[4], n[5]
    fine = f * finest
    p, q, d = np.empty_like(u), np.empty_like(u), np.empty_like(u)
    for x in range(len(u)):
        p[x], q[x], d[x] = f * u[x], f * v[x], _EIGHT * fine * s[x]
        out[x] = _ZERO if code == 12 else _TWO
    for _ in range(rounds):
        if code == 12:
            for x in range(len(u)):
                before = p[x] * p[x] + q[x] * q[x] + np.float32(0.01)
                scale = _ONE / before
                p[x], q[x], d[x] = scale * abs(p[x]) - cu, scale * abs(q[x]) - cv, scale * d[x]
                change = p[x] * p[x] + q[x] * q[x] - before
                change *= change
                out[x] += min(max(_TWO - d[x], _ZERO), _ONE) * (change / (change + np.float32(0.3)) - _HALF)
        else:
            for x in range(len(u)):
                across = p[x] * p[x] - q[x] * q[x] + cu
                down = _TWO * p[x] * q[x] + cv
                d[x] *= _TWO * np.sqrt(p[x] * p[x] + q[x] * q[x])
                # What has escaped stays far off, and finite.
                p[x], q[x] = min(max(across, -_FOUR), _FOUR), min(max(down, -_FOUR), _FOUR)
                du, dv = p[x] - tu, q[x] - tv
                hidden = min(max(d[x] - _ONE, _ZERO), _TWO)
                out[x] = min(out[x], np.sqrt(du * du + dv * dv) + hidden)
