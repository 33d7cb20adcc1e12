"""Moves of space: from places in one space to places in the next, with the scale that is lost or won on the way.

A space is a row (3, W) float32: u, v, and the scale s, to how many of its units one unit of the frame is stretched.
Fields need s to let a wave that is finer than the image can show fade to its mean. Each move multiplies s by its own
stretching, the greater of the two where directions differ; differences of neighbours would take a fold for a slope.

An angle is cut where it leaps from 1/2 to -1/2 of a turn. No move hands it on: it is folded by a zigzag of whole
periods, so that whatever is drawn of it has no seam.
"""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .._drawing.single import angle, cosine, log2, sine, zigzag
from .._procedural.noise import sample_masked

MOVES = (
    "affine",
    "polar",
    "spiral",
    "kaleidoscope",
    "repeat",
    "mirror",
    "swirl",
    "waves",
    "warp",
    "inversion",
    "power",
    "fold",
    "hyperbolic",
    "feedback",
)
"""The kernel switches on the index in this tuple."""

CELL = 32.0
"""Pixels of the table of noise in a cell of its first octave."""

_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1.0), np.float32(2.0)
_TINY = np.float32(1e-4)
_PER_PI = np.float32(1 / 3.141592653589793)
_PER_LN2 = np.float32(1 / 0.6931471805599453)
_ROUNDS = 10


@kernel(error_model="numpy")
def move(code: int, old: np.ndarray, new: np.ndarray, n: np.ndarray, field: np.ndarray, noise: np.ndarray) -> None:
    """Move a row of a space.

    Args:
        code: index in MOVES.
        old, new: (3, W) float32.
        n: (8,) float32, the move's numbers; see `drawing` for their ranges.
        field: (W,) float32 in [0, 1], what `feedback` moves by.
        noise: (N, N) float32, a tiling field.
    """
    if code < 6:
        _move_plane(code, old, new, n)
    elif code < 9 or code == 13:
        _bend(code, old, new, n, field, noise)
    else:
        _invert(code, old, new, n)


@kernel(error_model="numpy")
def _move_plane(code: int, old: np.ndarray, new: np.ndarray, n: np.ndarray) -> None:
    """Affine, polar, spiral, kaleidoscope, repeat, mirror."""
    u, v, s = old[0], old[1], old[2]
    p, q, t = new[0], new[1], new[2]
    a, b, c, d, e = n[0], n[1], n[2], n[3], n[4]
    if code == 0:
        for x in range(len(u)):
            p[x], q[x], t[x] = a * u[x] - b * v[x] + c, b * u[x] + a * v[x] + d, e * s[x]
    elif code == 1:
        steep = a * c * _PER_PI
        for x in range(len(u)):
            r = np.sqrt(u[x] * u[x] + v[x] * v[x] + _TINY)
            p[x], q[x] = c * zigzag(a * angle(v[x], u[x]) + d), b * r
            t[x] = s[x] * max(b, steep / r)
    elif code == 2:
        steep = max(
            _TWO * d * np.sqrt(a * a * np.float32(0.25) * _PER_PI * _PER_PI + b * b * _PER_LN2 * _PER_LN2), c * _PER_LN2
        )
        for x in range(len(u)):
            square = u[x] * u[x] + v[x] * v[x] + _TINY
            octaves = _HALF * log2(square)
            p[x], q[x] = d * zigzag(a * angle(v[x], u[x]) + b * octaves + e), c * octaves
            t[x] = s[x] * steep / np.sqrt(square)
    elif code == 3:
        width = _HALF / a
        for x in range(len(u)):
            r = np.sqrt(u[x] * u[x] + v[x] * v[x])
            turn = width * zigzag(a * angle(v[x], u[x]) + b)
            p[x], q[x], t[x] = r * cosine(turn) + c, r * sine(turn) + d, s[x]
    elif code == 4:
        for x in range(len(u)):
            row = np.floor(a * v[x] + c)
            across = a * u[x] + b * row + d
            p[x] = _TWO * (across - np.floor(across)) - _ONE
            q[x] = _TWO * (a * v[x] + c - row) - _ONE
            t[x] = _TWO * a * s[x]
    else:
        quarter = np.float32(0.25) * a
        for x in range(len(u)):
            p[x], q[x] = _TWO * zigzag(quarter * u[x] + c) - _ONE, _TWO * zigzag(quarter * v[x] + d) - _ONE
            t[x] = a * s[x]


@kernel(error_model="numpy")
def _bend(code: int, old: np.ndarray, new: np.ndarray, n: np.ndarray, field: np.ndarray, noise: np.ndarray) -> None:
    """Swirl, waves, warp, feedback."""
    u, v, s = old[0], old[1], old[2]
    p, q, t = new[0], new[1], new[2]
    a, b, c, d, e, f, steep = n[0], n[1], n[2], n[3], n[4], n[5], n[7]
    if code == 6:
        for x in range(len(u)):
            du, dv = u[x] - c, v[x] - d
            near = _ONE / (_ONE + b * (du * du + dv * dv))
            turn = a * near * near
            cos, sin = cosine(turn), sine(turn)
            p[x], q[x] = cos * du - sin * dv, sin * du + cos * dv
            t[x] = s[x] * (_ONE + np.float32(25.0) * abs(turn) * (_ONE - near))
    elif code == 7:
        for x in range(len(u)):
            p[x], q[x], t[x] = u[x] + a * sine(b * v[x] + c), v[x] + d * sine(e * u[x] + f), steep * s[x]
    elif code == 8:
        scale = np.float32(CELL) * b
        for x in range(len(u)):
            i, j = scale * u[x] + c, scale * v[x] + d
            p[x], q[x] = u[x] + a * sample_masked(noise, i, j), v[x] + a * sample_masked(noise, j + e, i + f)
            t[x] = steep * s[x]
    else:
        for x in range(len(u)):
            push = _TWO * field[x] - _ONE
            p[x], q[x], t[x] = u[x] + a * push, v[x] + b * push, steep * s[x]


@kernel(error_model="numpy")
def _invert(code: int, old: np.ndarray, new: np.ndarray, n: np.ndarray) -> None:
    """Inversion, power, fold, hyperbolic."""
    u, v, s = old[0], old[1], old[2]
    p, q, t = new[0], new[1], new[2]
    a, b, c, d, e = n[0], n[1], n[2], n[3], n[4]
    if code == 9:
        for x in range(len(u)):
            du, dv = u[x] - c, v[x] - d
            scale = a / (du * du + dv * dv + np.float32(0.02))
            p[x], q[x], t[x] = scale * du, scale * dv, scale * s[x]
    elif code == 10:
        _raise(np.int64(n[0]), old, new)
    elif code == 11:
        p[:], q[:], t[:] = u, v, s
        for _ in range(np.int64(e)):
            for x in range(len(u)):
                across, down = abs(p[x]) - a, abs(q[x]) - b
                p[x], q[x] = c * across - d * down, d * across + c * down
            a, b = np.float32(0.8) * a, np.float32(0.8) * b
    else:
        for x in range(len(u)):
            # The frame's corners lie at 0.78 of the disc's radius.
            shrink = np.float32(0.95) / np.sqrt(_ONE + u[x] * u[x] + v[x] * v[x])
            p[x], q[x], t[x] = shrink * u[x], shrink * v[x], shrink * s[x]
        for _ in range(_ROUNDS):
            _tile(p, q, t, n)
        for x in range(len(u)):
            p[x], q[x], t[x] = e * p[x], e * q[x], e * t[x]


@kernel(error_model="numpy")
def _raise(kind: int, old: np.ndarray, new: np.ndarray) -> None:
    """Complex powers 2, 3, -2, 1/2 and -1/2; the roots fold the plane at the real axis, where they would be cut."""
    u, v, s = old[0], old[1], old[2]
    p, q, t = new[0], new[1], new[2]
    three = np.float32(3.0)
    for x in range(len(u)):
        x2, y2 = u[x] * u[x], v[x] * v[x]
        square = x2 + y2 + np.float32(0.003)
        r = np.sqrt(square)
        if kind == 0:
            p[x], q[x], t[x] = x2 - y2, _TWO * u[x] * v[x], _TWO * r * s[x]
        elif kind == 1:
            p[x], q[x] = u[x] * (x2 - three * y2), v[x] * (three * x2 - y2)
            t[x] = three * square * s[x]
        elif kind == 2:
            scale = np.float32(0.25) / (square * square)
            p[x], q[x], t[x] = scale * (x2 - y2), -_TWO * scale * u[x] * v[x], _HALF * s[x] / (square * r)
        else:
            across = np.sqrt(max(_HALF * (r + u[x]), np.float32(0.0)))
            down = np.sqrt(max(_HALF * (r - u[x]), np.float32(0.0)))
            root = np.sqrt(r)
            if kind == 3:
                p[x], q[x], t[x] = across, down, _HALF * s[x] / root
            else:
                p[x], q[x], t[x] = across / r, -down / r, _HALF * s[x] / (r * root)


@kernel(error_model="numpy")
def _tile(p: np.ndarray, q: np.ndarray, t: np.ndarray, n: np.ndarray) -> None:
    """Once into the angle 1/n by mirrors, then out of the circle that bounds the tile.

    n: cosine and sine of half a turn over n, the centre of the circle on the first axis, its radius squared.
    """
    cos, sin, middle, bound = n[0], n[1], n[2], n[3]
    for x in range(len(p)):
        u, v = p[x], abs(q[x])
        for _ in range(3):
            # What the mirror's line has on its other side is reflected.
            over = max(cos * v - sin * u, np.float32(0.0))
            u, v = u + _TWO * sin * over, abs(v - _TWO * cos * over)
        du = u - middle
        square = du * du + v * v
        scale = max(bound / (square + np.float32(1e-6)), _ONE)
        p[x], q[x], t[x] = middle + scale * du, scale * v, scale * t[x]
