"""Escape times of complex formulas, whole rows of pixels at once.

All pixels of a row that are still bounded take a step together, in loops without a branch; every few steps those that
have escaped are written out and the rest moved together. One after another, pixels would wait for each step's chain
of multiplications.
"""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import angle, log2
from mixset._common.kernels import kernel

from .._drawing.rng import next_uniform

POWER, SHIP, CONJUGATE, CELTIC, RATIONAL, NEWTON = range(6)
"""What z becomes: z^p + c; (|x| + i|y|)^p + c; conj(z)^p + c; z^p with |Re| in place of Re, + c; z^p + c / z^p; a step
of Newton's method for z^(p+1) = 1, + c."""

BOUND = 65536.0
"""2¹⁶, the |z|² from which on an orbit has escaped; of Newton's method the size is 1 / |step|²."""

ROWS = 11

GROUP = 8
"""Steps between two looks at which orbits have escaped."""

PROBE = 18
"""Side in pixels of the small images by which windows are chosen."""


@kernel(error_model="numpy")
def _raise(power: int, x: np.ndarray, y: np.ndarray) -> None:
    """x + iy to a power of 2 to 5, in place; one loop for each, so that each is vectorised."""
    if power == 2:
        for j in range(len(x)):
            x[j], y[j] = x[j] * x[j] - y[j] * y[j], 2.0 * x[j] * y[j]
    elif power == 3:
        for j in range(len(x)):
            a, b = x[j] * x[j] - y[j] * y[j], 2.0 * x[j] * y[j]
            x[j], y[j] = a * x[j] - b * y[j], a * y[j] + b * x[j]
    elif power == 4:
        for j in range(len(x)):
            a, b = x[j] * x[j] - y[j] * y[j], 2.0 * x[j] * y[j]
            x[j], y[j] = a * a - b * b, 2.0 * a * b
    else:
        for j in range(len(x)):
            a, b = x[j] * x[j] - y[j] * y[j], 2.0 * x[j] * y[j]
            p, q = a * a - b * b, 2.0 * a * b
            x[j], y[j] = p * x[j] - q * y[j], p * y[j] + q * x[j]


@kernel(error_model="numpy")
def _add(x: np.ndarray, c: np.ndarray) -> None:
    for j in range(len(x)):
        x[j] += c[j]


@kernel(error_model="numpy")
def _invert(x: np.ndarray, y: np.ndarray) -> None:
    """x + iy to its inverse, in place; 0 to 0."""
    for j in range(len(x)):
        scale = 1.0 / (x[j] * x[j] + y[j] * y[j] + 1e-30)
        x[j], y[j] = scale * x[j], -scale * y[j]


@kernel(error_model="numpy")
def _move(formula: int, power: int, orbits: np.ndarray, count: int) -> None:
    """z to the formula's next z. No loop has more than four arrays: with more, LLVM gives up proving them apart."""
    # Rows of the whole, then cut: rows of a cut array are not known to lie close, and no loop would be vectorised.
    x, y, cx, cy = orbits[0, :count], orbits[1, :count], orbits[2, :count], orbits[3, :count]
    u, v, fresh = orbits[4, :count], orbits[5, :count], orbits[6, :count]
    if formula == NEWTON:
        # z - (z - z^-p) / (p + 1) + c; its size is that of the step.
        for j in range(len(x)):
            u[j], v[j] = x[j], y[j]
        _raise(power, u, v)
        _invert(u, v)
        share = 1.0 / (power + 1.0)
        for j in range(len(x)):
            u[j], x[j] = cx[j] - share * (x[j] - u[j]), x[j] + (cx[j] - share * (x[j] - u[j]))
        for j in range(len(y)):
            v[j], y[j] = cy[j] - share * (y[j] - v[j]), y[j] + (cy[j] - share * (y[j] - v[j]))
        for j in range(len(fresh)):
            fresh[j] = 1.0 / (u[j] * u[j] + v[j] * v[j] + 1e-30)
        return
    if formula == SHIP:
        for j in range(len(x)):
            x[j], y[j] = abs(x[j]), abs(y[j])
    elif formula == CONJUGATE:
        for j in range(len(y)):
            y[j] = -y[j]
    _raise(power, x, y)
    if formula == CELTIC:
        for j in range(len(x)):
            x[j] = abs(x[j])
    if formula == RATIONAL:
        for j in range(len(x)):
            u[j], v[j] = x[j], y[j]
        _invert(u, v)
        for j in range(len(x)):
            x[j] += cx[j] * u[j] - cy[j] * v[j]
        for j in range(len(y)):
            y[j] += cx[j] * v[j] + cy[j] * u[j]
    else:
        _add(x, cx)
        _add(y, cy)
    for j in range(len(fresh)):
        fresh[j] = x[j] * x[j] + y[j] * y[j]


@kernel(error_model="numpy")
def _step(formula: int, power: int, trap: np.ndarray, orbits: np.ndarray, count: int) -> None:
    """One step of the first `count` of `orbits` (ROWS, n).

    Rows: x, y, cx, cy, three of room; steps, size, the size before and the least distance from the trap, kept up while
    an orbit is bounded. What has escaped moves on, to infinity or NaN, unheeded.
    """
    _move(formula, power, orbits, count)
    x, y, fresh = orbits[0, :count], orbits[1, :count], orbits[6, :count]
    steps, size, before, near = orbits[7, :count], orbits[8, :count], orbits[9, :count], orbits[10, :count]
    a, b, c, d = trap[0], trap[1], trap[2], trap[3]
    for j in range(len(near)):
        distance = abs(a * (x[j] * x[j] + y[j] * y[j]) + b * x[j] + c * y[j] + d)
        distance = distance if size[j] < BOUND else 1e30
        near[j] = distance if distance < near[j] else near[j]
    for j in range(len(steps)):
        alive = size[j] < BOUND
        steps[j] += 1.0 if alive else 0.0
        before[j] = size[j] if alive else before[j]
        size[j] = fresh[j] if alive else size[j]


@kernel(error_model="numpy")
def escape(
    side: int,
    formula: int,
    power: int,
    view: np.ndarray,
    constant: np.ndarray,
    limit: int,
    trap: np.ndarray,
) -> np.ndarray:
    """Iterate a formula from, or with, every pixel of a view.

    Args:
        power: 2 to 5.
        view: (4,) float64: x and y of the middle, cosine and sine of its turn times half its width.
        constant: (3,) float64: c; if the third is not 0, c is the pixel instead and orbits start from the first two.
        limit: the most steps, a multiple of GROUP.
        trap: (4,) float64, a, b, c, d of |a |z|² + b x + c y + d|: a circle, point or line that orbits come near to.
    Returns:
        (4, side, side) float32: steps; the part of the last one, in [0, 1], by which it went too far, -1 for bounded
        orbits; the least distance from the trap; NEWTON's root as an angle in turns, within 0.002, else 0.
    """
    out = np.empty((4, side, side), np.float32)
    orbits, indices = np.empty((ROWS, side), np.float64), np.empty(side, np.int64)
    for row in range(side):
        v = (2.0 * row + 1.0) / side - 1.0
        for j in range(side):
            u = (2.0 * j + 1.0) / side - 1.0
            x, y = view[0] + view[2] * u - view[3] * v, view[1] + view[3] * u + view[2] * v
            moved = constant[2] != 0.0
            orbits[0, j], orbits[1, j] = (constant[0] if moved else x), (constant[1] if moved else y)
            orbits[2, j], orbits[3, j] = (x if moved else constant[0]), (y if moved else constant[1])
            orbits[7, j], orbits[8, j], orbits[9, j], orbits[10, j] = 0.0, 0.0, 0.0, 1e30
            indices[j] = j
        count, done = side, 0
        while count > 0:
            for _ in range(GROUP):
                _step(formula, power, trap, orbits, count)
            done += GROUP
            bounded = 0
            for j in range(count):
                bounded += 1 if orbits[8, j] < BOUND else 0
            # Moving a few together costs more than taking a few others along.
            if 4 * bounded <= 3 * count or done >= limit:
                count = _settle(orbits, indices, count, done >= limit, formula == NEWTON, out[:, row])
    return out


@kernel(error_model="numpy")
def _settle(orbits: np.ndarray, indices: np.ndarray, count: int, end: bool, roots: bool, out: np.ndarray) -> int:
    """Write what has escaped, at the end everything, to a row (4, S); move the rest together; returns how many."""
    kept = 0
    for j in range(count):
        if orbits[8, j] < BOUND and not end:
            for k in range(4):
                orbits[k, kept] = orbits[k, j]
            for k in range(7, ROWS):
                orbits[k, kept] = orbits[k, j]
            indices[kept] = indices[j]
            kept += 1
            continue
        x = indices[j]
        out[0, x], out[1, x], out[2, x] = np.float32(orbits[7, j]), np.float32(-1.0), np.float32(orbits[10, j])
        if orbits[8, j] >= BOUND:
            # Where log |z|² crosses the bound, drawn straight between the last two: no step shows in the colours.
            last, before = log2(orbits[8, j]), log2(max(orbits[9, j], 1.0))
            out[1, x] = np.float32((last - 16.0) / (last - before))
        out[3, x] = np.float32(angle(orbits[1, j], orbits[0, j]) if roots else 0.0)
    return kept


@kernel(error_model="numpy")
def smooth(found: np.ndarray, limit: int, out: np.ndarray) -> None:
    """log2 of 2 + escape times with their fractions, (S, S) float32; bounded orbits by how near the trap they came.

    found: from `escape`.
    """
    side = len(out)
    # Between whole times the logarithm is drawn straight.
    table = np.empty(limit + 2, np.float64)
    for i in range(len(table)):
        table[i] = log2(i + 2.0)
    for y in range(side):
        for x in range(side):
            if found[1, y, x] >= np.float32(0.0):
                time = max(np.float64(found[0, y, x]) - np.float64(found[1, y, x]), 0.0)
                i = int(time)
                out[y, x] = np.float32(table[i] + (time - i) * (table[i + 1] - table[i]))
            else:
                near = np.float64(found[2, y, x])
                out[y, x] = np.float32(table[limit] + 0.35 * log2(near + 1e-3))


@kernel(error_model="numpy")
def liveliness(found: np.ndarray) -> np.ndarray:
    """(PROBE, PROBE) float64: how much a probe's times differ from their neighbours', 0 at the border and inside."""
    out = np.zeros((PROBE, PROBE), np.float64)
    times = np.empty((PROBE, PROBE), np.float64)
    for y in range(PROBE):
        for x in range(PROBE):
            times[y, x] = log2(found[0, y, x] + 1.0)
    for y in range(1, PROBE - 1):
        for x in range(1, PROBE - 1):
            for k in range(9):
                out[y, x] += min(abs(times[y + k // 3 - 1, x + k % 3 - 1] - times[y, x]), 1.0)
    return out


@kernel(error_model="numpy")
def descend(
    formula: int, power: int, view: np.ndarray, constant: np.ndarray, limit: int, depth: int, state: np.ndarray
) -> tuple[np.ndarray, float]:
    """Zoom into a view `depth` times, each time to a point where escape times vary.

    Args:
        state: (1,) uint64, SplitMix64's; moved on.
    Returns:
        The last view, and how lively it is: the share of cells that vary, less twice that of bounded ones.
    """
    view = view.copy()
    trap = np.zeros(4)
    for level in range(depth + 1):
        found = escape(PROBE, formula, power, view, constant, limit, trap)
        lively = liveliness(found)
        if level == depth:
            break
        whole, index = 0.0, 0
        for y in range(PROBE):
            for x in range(PROBE):
                whole += lively[y, x] ** 2
        left = next_uniform(state) * whole
        for index in range(PROBE * PROBE):
            left -= lively[index // PROBE, index % PROBE] ** 2
            if left < 0.0:
                break
        u = (2.0 * (index % PROBE) + 1.0) / PROBE - 1.0
        v = (2.0 * (index // PROBE) + 1.0) / PROBE - 1.0
        view[0], view[1] = view[0] + view[2] * u - view[3] * v, view[1] + view[3] * u + view[2] * v
        factor = 0.2 + 0.3 * next_uniform(state)
        view[2], view[3] = factor * view[2], factor * view[3]
    share = 0.0
    for y in range(PROBE):
        for x in range(PROBE):
            share += (1.0 if lively[y, x] > 0.4 else 0.0) - (2.0 if found[1, y, x] < 0.0 else 0.0)
    return view, share / (PROBE * PROBE)
