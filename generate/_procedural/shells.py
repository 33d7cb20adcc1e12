"""Shells: the orbits of VisualAtom (Takashima et al., CVPR 2023) as regions of the whole frame, by their inverse.

There an orbit is a line, each moved outwards from the one before by two waves around the circle, on black. Here a place
is asked which orbit it lies on: its distance from the centre over the waves' value at its angle. So the frame is full,
and one evaluation a pixel shows orbits that lines would need a hundred vertices for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from mixset._common.kernels import kernel

from .._drawing.single import angle, cosine, sine, zigzag
from .noise import sample_masked

_ZERO, _HALF, _ONE, _TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)
_GOLDEN = np.float32(0.618034)

_FINEST = 1 / 128
"""The length that still shows, in frames: so no image has fine noise that a smaller one lacks."""

NUMBERS = 16
"""Numbers of an atom: centre, cosine and sine of its turn, squeeze, orbits per frame, c, the waves' heights and counts,
twist, noise's height and its place in the table, palette turns per orbit, share of the hue that leaps at each orbit."""


class Atoms(NamedTuple):
    """numbers: (2, NUMBERS) float32, of two atoms. edge: steepness of the dark lines between orbits. parity: whether
    the second atom is seen on every other orbit of its own, or on the outer part of each."""

    numbers: np.ndarray
    edge: float
    parity: bool


@kernel(error_model="numpy")
def _orbit(n: np.ndarray, v: np.float32, u: np.ndarray, out: np.ndarray, fine: np.ndarray, noise: np.ndarray) -> None:
    """On which orbit the places of a row lie, with fractions, and how many orbits there are per frame."""
    cu, cv, cos, sin, squeeze, dense, c = n[0], n[1], n[2], n[3], n[4], n[5], n[6]
    first, second, many, more, twist, bumps = n[7], n[8], n[9], n[10], n[11], n[12]
    dv = v - cv
    for x in range(len(u)):
        du = u[x] - cu
        a, b = cos * du + sin * dv, squeeze * (cos * dv - sin * du)
        r = dense * np.sqrt(a * a + b * b + np.float32(1e-6))
        turn = angle(b, a) + twist * r
        width = c + first * sine(many * turn) + second * sine(more * turn)
        # Waves make orbits finer around the circle than outwards.
        slope = first * many * cosine(many * turn) + second * more * cosine(more * turn)
        out[x], fine[x] = r / width, dense / width * np.sqrt(_ONE + slope * slope / (width * width))
    # A loop of its own: what is gathered from a table keeps the loop above from being vectorised.
    for x in range(len(u)):
        out[x] += bumps * sample_masked(noise, np.float32(96.0) * u[x] + n[13], np.float32(96.0) * v + n[13])


@kernel(error_model="numpy")
def lay_shells(atoms: Atoms, noise: np.ndarray, out: np.ndarray) -> None:
    """The fields of two atoms: out (4, S, S) float32 in [0, 1]: hue, light, another hue, mask; see `painting`."""
    side = out.shape[1]
    pixel, edge = np.float32(max(1.0 / side, _FINEST)), np.float32(atoms.edge)
    u, orbit, fine = np.empty(side, np.float32), np.empty(side, np.float32), np.empty(side, np.float32)
    for x in range(side):
        u[x] = np.float32((x + 0.5) / side - 0.5)
    for y in range(side):
        v = np.float32((y + 0.5) / side - 0.5)
        for k in range(2):
            n = atoms.numbers[k]
            _orbit(n, v, u, orbit, fine, noise)
            hues, shares = out[2 * k, y], out[2 * k + 1, y]
            for x in range(side):
                whole = np.floor(orbit[x])
                leap = _GOLDEN * whole
                leap -= np.floor(leap)
                hue = n[15] * leap + (_ONE - n[15]) * zigzag(n[14] * orbit[x])
                # Orbits too fine to show are the mean of their colours.
                fine[x] = min(max(_TWO - np.float32(4.0) * fine[x] * pixel, _ZERO), _ONE)
                hues[x] = _HALF + fine[x] * (hue - _HALF)
                orbit[x] = orbit[x] if k == 1 and atoms.parity else orbit[x] - whole
            if k == 0:
                for x in range(side):
                    line = min(edge * min(orbit[x], _ONE - orbit[x]), _ONE)
                    shares[x] = _HALF + fine[x] * (line * (np.float32(0.35) + np.float32(0.65) * orbit[x]) - _HALF)
            elif atoms.parity:
                for x in range(side):
                    shares[x] = _HALF - fine[x] * _HALF * cosine(_HALF * orbit[x])
            else:
                for x in range(side):
                    shares[x] = _HALF + fine[x] * (orbit[x] - _HALF)
