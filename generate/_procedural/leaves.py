"""Dead leaves painted front to back: a pixel belongs to the first leaf that covers it, and no pixel is written twice.

A stationary process: centres lie in the frame widened by the leaf's radius, so that borders are hit as often as the
middle. What is done is skipped 32 pixels at a time, which makes the long end, where almost all leaves fall on others,
cost little.
"""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import cosine, exp2, log2, sine
from mixset._common.kernels import kernel

from .._drawing.rng import next_uniform, next_word

RECTANGLE, ELLIPSE, POLYGON, FLOWER, CRESCENT = range(5)
"""Kinds of shapes, each with two parameters; see `inside`."""

LEAF = 8
"""Numbers of a leaf: centre x and y, radius (in frames), cosine and sine of its turn, kind, its two parameters."""

_RUN = 32


@kernel(error_model="numpy")
def radius(state: np.ndarray, small: float, large: float) -> float:
    """A radius r with density ∝ r⁻³ (1 + 2r)²: the power law times the area its centre may lie in, exactly.

    The three powers of the expanded product are a mixture of laws whose distribution functions can be inverted.
    """
    octaves = log2(large / small)
    cubes = 0.5 * (1.0 / (small * small) - 1.0 / (large * large))
    squares = 4.0 * (1.0 / small - 1.0 / large)
    plain = 4.0 * 0.6931471805599453 * octaves
    part, u = next_uniform(state) * (cubes + squares + plain), next_uniform(state)
    if part < cubes:
        return 1.0 / np.sqrt(1.0 / (small * small) - u * 2.0 * cubes)
    if part < cubes + squares:
        return 1.0 / (1.0 / small - u * 0.25 * squares)
    return small * exp2(u * octaves)


@kernel(error_model="numpy")
def _shape(state: np.ndarray, leaf: np.ndarray) -> None:
    """Draw one of all shapes into a leaf's last three numbers."""
    word = next_word(state)
    p, q = next_uniform(state), next_uniform(state)
    pick = word & np.uint64(15)
    if pick < 3:
        slim = 0.35 + 0.65 * p
        # Corners lie on the circle of radius 1.
        leaf[5], leaf[6] = RECTANGLE, 1.0 / np.sqrt(1.0 + slim * slim)
        leaf[7] = slim * leaf[6]
    elif pick < 6:
        leaf[5], leaf[6], leaf[7] = ELLIPSE, 1.0, (1.0 if q < 0.5 else 0.4 + 0.6 * p)
    elif pick < 10:
        leaf[5], leaf[6], leaf[7] = POLYGON, np.floor(3.0 + 5.0 * p * p), 0.0
    elif pick < 12:
        leaf[5], leaf[6] = POLYGON, np.floor(5.0 + 4.0 * p)
        leaf[7] = 2.0 if leaf[6] >= 7.0 and q < 0.5 else 1.0
    elif pick < 14:
        leaf[5], leaf[6], leaf[7] = FLOWER, np.floor(2.0 + 5.0 * p), 0.1 + 0.3 * q
    else:
        leaf[5], leaf[6], leaf[7] = CRESCENT, (0.0 if p < 0.4 else p), 0.45 + 0.35 * q


@kernel(error_model="numpy")
def _normals() -> np.ndarray:
    """(9, 3, 9, 2): for n sides and allowance k, the n normals divided by the distance of the sides."""
    out = np.zeros((9, 3, 9, 2), np.float64)
    for n in range(3, 9):
        for k in range(3):
            distance = cosine((k + 1.0) / (2.0 * n))
            for side in range(n):
                if distance > 0.01:
                    out[n, k, side, 0], out[n, k, side, 1] = cosine(side / n) / distance, sine(side / n) / distance
    return out


@kernel(error_model="numpy")
def inside(leaf: np.ndarray, normals: np.ndarray, u: float, v: float) -> bool:
    """Whether a leaf covers (u, v), in its own upright frame with its radius as the unit.

    Rectangles have half sides p and q, ellipses half axes p and q. A polygon of p sides is where at most q of them
    are overstepped: q = 0 is convex, 1 and 2 are the stars {p/2} and {p/3}. Flowers have p petals of depth q; a
    crescent is the disc without one of radius q that is p off the centre.
    """
    kind, p, q = leaf[5], leaf[6], leaf[7]
    if kind == RECTANGLE:
        return abs(u) <= p and abs(v) <= q
    square = u * u + v * v
    if square > 1.0:
        return False
    if kind == ELLIPSE:
        return u * u * (q * q) + v * v * (p * p) <= p * p * (q * q)
    if kind == POLYGON:
        n, left = int(p), int(q)
        edges = normals[n, left]
        for side in range(n):
            if edges[side, 0] * u + edges[side, 1] * v > 1.0:
                left -= 1
                if left < 0:
                    return False
        return True
    if kind == FLOWER:
        # cos(p · angle) · ρᵖ is the real part of (u + iv)ᵖ.
        a, b, whole = u, v, np.sqrt(square)
        length = whole
        for _ in range(int(p) - 1):
            a, b, length = a * u - b * v, a * v + b * u, length * whole
        return whole * length <= (1.0 - q) * length + q * a
    return (u - p) * (u - p) + v * v >= q * q


@kernel(error_model="numpy")
def cover(
    owner: np.ndarray, turned: bool, mixed: bool, small: float, large: float, seed: np.uint64
) -> tuple[np.ndarray, np.ndarray]:
    """Cover an image with leaves until no pixel is left.

    Args:
        owner: (S, S) int32, out: the place of the leaf seen at each pixel.
        turned: leaves are turned at random; else they are upright squares of half side `radius`.
        mixed: all shapes; else squares.
        small, large: the least and the largest radius, in frames.
        seed: of the leaves; their sequence is the same at every S.
    Returns:
        The leaves that are seen, front to back: (n, LEAF) float64, and a word (n,) uint64 for each one's colours.
    """
    state = np.array([seed], np.uint64)
    side = len(owner)
    normals = _normals()
    leaves, words = np.empty((256, LEAF), np.float64), np.empty(256, np.uint64)
    runs = (side + _RUN - 1) // _RUN
    open_in = np.empty((side, runs), np.int32)
    for y in range(side):
        for x in range(side):
            owner[y, x] = -1
        for run in range(runs):
            open_in[y, run] = min(_RUN, side - run * _RUN)
    left, seen = side * side, 0
    while left > 0:
        if seen == len(leaves):
            leaves, words = np.concatenate((leaves, leaves)), np.concatenate((words, words))
        leaf = leaves[seen]
        r = radius(state, small, large)
        leaf[0], leaf[1] = (1.0 + 2.0 * r) * next_uniform(state) - r, (1.0 + 2.0 * r) * next_uniform(state) - r
        leaf[2], leaf[3], leaf[4] = r, 1.0, 0.0
        leaf[5], leaf[6], leaf[7] = RECTANGLE, 1.0, 1.0
        if turned:
            turn = next_uniform(state)
            leaf[3], leaf[4] = cosine(turn), sine(turn)
            leaf[6], leaf[7] = 0.7071067811865476, 0.7071067811865476
        if mixed:
            _shape(state, leaf)
        words[seen] = next_word(state)
        found = _claim(owner, open_in, leaf, normals, np.int32(seen))
        left -= found
        seen += 1 if found > 0 else 0
    return leaves[:seen].copy(), words[:seen].copy()


@kernel(error_model="numpy")
def _claim(owner: np.ndarray, open_in: np.ndarray, leaf: np.ndarray, normals: np.ndarray, number: np.int32) -> int:
    """Give a leaf the open pixels whose centres it covers; returns how many."""
    side = len(owner)
    pixel, inverse = 1.0 / side, 1.0 / leaf[2]
    c, s = leaf[3] * inverse, leaf[4] * inverse
    x0, x1 = max(int(np.floor((leaf[0] - leaf[2]) * side)), 0), min(int((leaf[0] + leaf[2]) * side) + 1, side)
    y0, y1 = max(int(np.floor((leaf[1] - leaf[2]) * side)), 0), min(int((leaf[1] + leaf[2]) * side) + 1, side)
    found = 0
    for y in range(y0, y1):
        dy = (y + 0.5) * pixel - leaf[1]
        line = owner[y]
        for run in range(x0 // _RUN, (x1 + _RUN - 1) // _RUN):
            if open_in[y, run] == 0:
                continue
            here = 0
            for x in range(max(x0, run * _RUN), min(x1, (run + 1) * _RUN)):
                if line[x] < 0:
                    dx = (x + 0.5) * pixel - leaf[0]
                    if inside(leaf, normals, c * dx + s * dy, c * dy - s * dx):
                        line[x] = number
                        here += 1
            open_in[y, run] -= here
            found += here
    return found
