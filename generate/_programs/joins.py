"""Joins: two or three fields make one."""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .._drawing.single import sine, zigzag

JOINS = (
    "sum",
    "product",
    "least",
    "most",
    "difference",
    "mix",
    "wave",
    "creases",
    "step",
    "quantised",
    "flip",
)
"""The kernel switches on the index in this tuple."""

_ZERO, _ONE, _TWO = np.float32(0.0), np.float32(1.0), np.float32(2.0)


@kernel(error_model="numpy")
def join(code: int, first: np.ndarray, second: np.ndarray, third: np.ndarray, out: np.ndarray, n: np.ndarray) -> None:
    """A row of a joined field.

    Args:
        code: index in JOINS.
        first, second, third: (W,) float32 in [0, 1]. out: (W,) float32.
        n: (8,) float32: two weights, an edge in [0, 1] and its steepness, a number of steps.
    """
    a, b, edge, steep, steps = n[0], n[1], n[2], n[3], n[4]
    for x in range(len(out)):
        p, q = first[x], second[x]
        if code == 0:
            out[x] = a * p + b * q
        elif code == 1:
            out[x] = p * q
        elif code == 2:
            out[x] = min(p, q)
        elif code == 3:
            out[x] = max(p, q)
        elif code == 4:
            out[x] = abs(p - q)
        elif code == 5:
            out[x] = p + third[x] * (q - p)
        elif code == 6:
            out[x] = sine(a * p + b * q)
        elif code == 7:
            out[x] = zigzag(a * p + b * q)
        elif code == 8:
            out[x] = min(max(steep * (p - edge), _ZERO), _ONE) + np.float32(0.3) * q
        elif code == 9:
            out[x] = np.floor(steps * p) + q
        else:
            turned = min(max(steep * (q - edge), _ZERO), _ONE)
            out[x] = p + turned * (_ONE - _TWO * p)
