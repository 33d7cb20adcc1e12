"""Gratings laid over one another: the fine ones fade where they cannot be seen, and the beat between them stays.

The product of two sines is half of the cosine of their difference less that of their sum. The difference is the beat,
broad whatever the gratings are; the sum is finer than either. Where the sum is finer than the image can show it fades
to its mean, which is what an average over the pixel leaves of the product. A sum of gratings would leave nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .._drawing.single import angle, cosine, log2, sine

KINDS = ("lines", "rings", "spokes", "spiral", "zones", "hyperbolas", "wavy")
"""The kernel switches on the index in this tuple."""

NUMBERS = 10
"""Numbers of a grating: cosine and sine of its turn, centre, frequency (periods per frame), squeeze, count, phase, and
of waves the height in periods and the frequency."""

_ZERO, _HALF, _ONE, _TWO, _FOUR = (np.float32(value) for value in (0.0, 0.5, 1.0, 2.0, 4.0))
_PER_TURN = np.float32(1 / 6.283185307179586)
_PER_LN2 = np.float32(1 / 0.6931471805599453)


class Gratings(NamedTuple):
    """Groups of three gratings each: one, and two companions that differ from it by a beat.

    kinds: (g,) int64, indices in KINDS. numbers: (g, 3, NUMBERS) float32. hard: (g,) float32, steepness of profiles.
    carrier: (g,) float32 in [0, 1], how much the sum shows beside the beat. second: (g,) float32, the second
    companion's share. bend: (6,) float32, two sines that bend the frame: height, frequency, phase of each.
    """

    kinds: np.ndarray
    numbers: np.ndarray
    hard: np.ndarray
    carrier: np.ndarray
    second: np.ndarray
    bend: np.ndarray


@kernel(error_model="numpy")
def _phases(kind: int, n: np.ndarray, u: np.ndarray, v: np.ndarray, out: np.ndarray, fine: np.ndarray) -> None:
    """A row of a grating's phases in turns, and of its frequencies in periods per frame."""
    cos, sin, cu, cv, f, q, count, phase = n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7]
    for x in range(len(u)):
        du, dv = u[x] - cu, v[x] - cv
        a, b = cos * du + sin * dv, cos * dv - sin * du
        square = a * a + b * b + np.float32(1e-6)
        if kind == 0:
            out[x], fine[x] = f * a + phase, f
        elif kind == 1:
            out[x], fine[x] = f * np.sqrt(a * a + q * b * b) + phase, f * max(q, _ONE)
        elif kind == 2:
            out[x], fine[x] = count * angle(b, a) + phase, count * _PER_TURN / np.sqrt(square)
        elif kind == 3:
            out[x] = count * angle(b, a) + _HALF * f * log2(square) + phase
            fine[x] = np.sqrt((count * count * _PER_TURN * _PER_TURN + f * f * _PER_LN2 * _PER_LN2) / square)
        elif kind == 4:
            out[x], fine[x] = f * (a * a + q * b * b) + phase, _TWO * f * max(q, _ONE) * np.sqrt(square)
        elif kind == 5:
            out[x], fine[x] = f * (a * a - b * b) + phase, _TWO * f * np.sqrt(square)
        else:
            out[x], fine[x] = f * a + n[8] * sine(n[9] * b + phase), f + np.float32(6.3) * n[8] * n[9]


@kernel(error_model="numpy")
def _fade(periods: np.float32) -> np.float32:
    """1 up to a quarter of a period in a pixel, 0 from half a period on."""
    return min(max(_TWO - _FOUR * periods, _ZERO), _ONE)


@kernel(error_model="numpy")
def _group(g: int, all_: Gratings, rows: np.ndarray, pixel: np.float32, pattern: np.ndarray, beat: np.ndarray) -> None:
    """A row of a group's pattern and of its beat alone, both in [0, 1]."""
    u, v, first, fine, other, unused = rows[0], rows[1], rows[2], rows[3], rows[4], rows[5]
    kind, hard, carrier, second = all_.kinds[g], all_.hard[g], all_.carrier[g], all_.second[g]
    _phases(kind, all_.numbers[g, 0], u, v, first, fine)
    beat[:], pattern[:] = _ZERO, _ZERO
    for k in range(1, 3):
        _phases(kind, all_.numbers[g, k], u, v, other, unused)
        share = second if k == 2 else _ONE - second
        for x in range(len(u)):
            slow = cosine(first[x] - other[x])
            quick = cosine(first[x] + other[x])
            beat[x] += share * slow
            pattern[x] += share * (slow - carrier * _fade(_TWO * fine[x] * pixel) * quick)
    for x in range(len(u)):
        pattern[x] = _HALF + _HALF * min(max(hard * pattern[x], -_ONE), _ONE)
        beat[x] = _HALF + _HALF * beat[x]


@kernel(error_model="numpy")
def lay(gratings: Gratings, join: int, shares: np.ndarray, out: np.ndarray) -> None:
    """Lay groups of gratings over one another.

    Args:
        join: of the groups' patterns: 0 |difference|, 1 product, 2 the last group's beat chooses between two.
        shares: (2, g) float32, of each group's beat in the two hues.
        out: (4, S, S) float32 in [0, 1]: hue, light, another hue, mask; see `painting`.
    """
    side, groups = out.shape[1], len(gratings.kinds)
    pixel = np.float32(1.0 / side)
    rows = np.empty((6, side), np.float32)
    pattern, beat = np.empty(side, np.float32), np.empty(side, np.float32)
    bend = gratings.bend
    for y in range(side):
        down = np.float32((y + 0.5) / side - 0.5)
        for x in range(side):
            across = np.float32((x + 0.5) / side - 0.5)
            rows[0, x] = across + bend[0] * sine(bend[1] * down + bend[2])
            rows[1, x] = down + bend[3] * sine(bend[4] * across + bend[5])
        hue, light, other, mask = out[0, y], out[1, y], out[2, y], out[3, y]
        hue[:], other[:] = _ZERO, _ZERO
        for g in range(groups):
            _group(g, gratings, rows, pixel, pattern, beat)
            for x in range(side):
                hue[x] += shares[0, g] * beat[x]
                other[x] += shares[1, g] * beat[x]
                if g == 0:
                    light[x] = pattern[x]
                elif join == 0:
                    light[x] = abs(light[x] - pattern[x])
                elif join == 1:
                    light[x] = _ONE - (_ONE - light[x] * pattern[x]) * (_ONE - np.float32(0.3) * light[x])
                else:
                    light[x] += min(max(_FOUR * beat[x] - np.float32(1.5), _ZERO), _ONE) * (pattern[x] - light[x])
                mask[x] = beat[x]
        for x in range(side):
            hue[x] += np.float32(0.25) * light[x]
            hue[x], other[x] = min(hue[x], _ONE), min(other[x], _ONE)
