"""Density kernels for affine systems: depth-first expansion of composed maps, painted with a shuffled base sample.

The invariant measure is the sum over words w of p_w · f_w(measure). Words are expanded depth first until their mass is
at most BUDGET points; such a word is painted by sending that many consecutive points of a base sample through its
composed map. The inner loop has no branch, no draw and no gather, and its increments lie close together: that is
where its speed over a chaos game comes from. Words whose image misses the frame are dropped, so zooming in is free.

A pixel's word holds its count in the upper 24 bits and the sum of its points' colours (0..65535) in the lower 40: one
integer addition a point, exact and in any order.
"""

from __future__ import annotations

import numpy as np

from mixset._common.kernels import kernel

from .._drawing.rng import next_uniform, next_word

BASE = 4096
BASE_WORD = 4.0
BUDGET = 1024.0
STACK = 2048


@kernel(error_model="numpy")
def base_sample(maps: np.ndarray, weights: np.ndarray, colours: np.ndarray, seed: np.uint64, count: int) -> tuple:
    """`count` points of a system's measure in random order, and their box.

    At most BASE_WORD points a word, sent from a running orbit, so the points lie more evenly than a chaos game's.

    Args:
        maps: (n, 6) float64. weights: (n,) float64 of sum 1. colours: (n,) float64 in [0, 1).
    Returns:
        x, y (count,) float32; colours (count,) uint32 in 0..65535; box (4,) float64: x and y of the centre, half sides.
    """
    state = np.array([seed], np.uint64)
    x, y = np.empty(count, np.float32), np.empty(count, np.float32)
    c = np.empty(count, np.uint32)
    # After 64 steps at most 0.97**64 = 0.14 of the start is left, and the words contract that further.
    zx, zy, zc = 0.0, 0.0, 0.5
    for _ in range(64):
        i = _pick(weights, next_uniform(state))
        zx, zy = maps[i, 0] * zx + maps[i, 1] * zy + maps[i, 4], maps[i, 2] * zx + maps[i, 3] * zy + maps[i, 5]
        zc = 0.5 * (zc + colours[i])
    stack = np.empty((STACK, 9), np.float64)
    stack[0] = np.array([1.0, 0.0, 0.0, 1.0, 0.0, 0.0, np.float64(count), 0.0, 1.0])
    height, done, carry = 1, 0, next_uniform(state)
    while height > 0:
        height -= 1
        mass = stack[height, 6]
        if mass > BASE_WORD and height + len(maps) < STACK:
            height = _expand(stack, height, maps, weights, colours)
            continue
        points = int(mass + carry)
        carry += mass - points
        m0, m1, m2, m3 = stack[height, 0], stack[height, 1], stack[height, 2], stack[height, 3]
        m4, m5, tint, left = stack[height, 4], stack[height, 5], stack[height, 7], stack[height, 8]
        for _ in range(points):
            i = _pick(weights, next_uniform(state))
            zx, zy = maps[i, 0] * zx + maps[i, 1] * zy + maps[i, 4], maps[i, 2] * zx + maps[i, 3] * zy + maps[i, 5]
            zc = 0.5 * (zc + colours[i])
            if done < count:
                x[done], y[done] = np.float32(m0 * zx + m1 * zy + m4), np.float32(m2 * zx + m3 * zy + m5)
                c[done] = np.uint32((tint + left * zc) * 65535.0)
                done += 1
    # Rounding can leave the last place open.
    for rest in range(done, count):
        x[rest], y[rest], c[rest] = np.float32(zx), np.float32(zy), np.uint32(zc * 65535.0)
    for last in range(count - 1, 0, -1):
        other = int((next_word(state) >> np.uint64(32)) * np.uint64(last + 1) >> np.uint64(32))
        x[last], x[other] = x[other], x[last]
        y[last], y[other] = y[other], y[last]
        c[last], c[other] = c[other], c[last]
    x0, x1, y0, y1 = np.float64(x.min()), np.float64(x.max()), np.float64(y.min()), np.float64(y.max())
    return x, y, c, np.array([0.5 * (x0 + x1), 0.5 * (y0 + y1), 0.5 * (x1 - x0), 0.5 * (y1 - y0)])


@kernel(error_model="numpy")
def _pick(weights: np.ndarray, u: float) -> int:
    for i in range(len(weights) - 1):
        u -= weights[i]
        if u < 0.0:
            return i
    return len(weights) - 1


@kernel(error_model="numpy")
def _expand(stack: np.ndarray, height: int, maps: np.ndarray, weights: np.ndarray, colours: np.ndarray) -> int:
    """Replace the word at `height` by its children and return the new height.

    Rows: the composed map (6), mass, the colour of the word so far, and the weight the base point's colour has left.
    """
    m0, m1, m2, m3 = stack[height, 0], stack[height, 1], stack[height, 2], stack[height, 3]
    m4, m5, mass, tint, left = stack[height, 4], stack[height, 5], stack[height, 6], stack[height, 7], stack[height, 8]
    for i in range(len(maps)):
        a, b, c, d, e, f = maps[i, 0], maps[i, 1], maps[i, 2], maps[i, 3], maps[i, 4], maps[i, 5]
        row = stack[height]
        row[0], row[1] = m0 * a + m1 * c, m0 * b + m1 * d
        row[2], row[3] = m2 * a + m3 * c, m2 * b + m3 * d
        row[4], row[5] = m0 * e + m1 * f + m4, m2 * e + m3 * f + m5
        row[6] = mass * weights[i]
        row[7] = tint + 0.5 * left * colours[i]
        row[8] = 0.5 * left
        height += 1
    return height


@kernel(error_model="numpy")
def paint(
    grid: np.ndarray,
    maps: np.ndarray,
    weights: np.ndarray,
    colours: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    c: np.ndarray,
    box: np.ndarray,
    roots: np.ndarray,
    seed: np.uint64,
) -> int:
    """Add the measures of placed copies of a system to a grid of pixels; returns the number of points painted.

    Args:
        grid: (S + 2, S + 2) uint64, added to; its outer ring catches what falls outside the frame.
        maps, weights, colours: the system. x, y, c, box: its base sample.
        roots: (r, 7) float64, for each copy the map from system to pixel coordinates (6) and its mass in points.
        seed: of the offsets into the base sample.
    """
    state = np.array([seed], np.uint64)
    side = grid.shape[1]
    flat = grid.ravel()
    frame = np.float64(side - 2)
    top = np.float32(side - 1)
    indices = np.empty(int(BUDGET) + 1, np.int32)
    stack = np.empty((STACK, 9), np.float64)
    painted, carry = 0, next_uniform(state)
    for root in range(len(roots)):
        stack[0, :7] = roots[root]
        stack[0, 7], stack[0, 8] = 0.0, 1.0
        height = 1
        while height > 0:
            height -= 1
            row = stack[height]
            # The word's image of the box: where none of it is in the frame, none of its points are.
            u = row[0] * box[0] + row[1] * box[1] + row[4]
            v = row[2] * box[0] + row[3] * box[1] + row[5]
            du = abs(row[0]) * box[2] + abs(row[1]) * box[3] + 1e-3
            dv = abs(row[2]) * box[2] + abs(row[3]) * box[3] + 1e-3
            if u + du < 0.0 or u - du >= frame or v + dv < 0.0 or v - dv >= frame:
                continue
            mass = row[6]
            if mass > BUDGET and height + len(maps) < STACK:
                height = _expand(stack, height, maps, weights, colours)
                continue
            points = int(mass + carry)
            carry += mass - points
            painted += points
            a, b, e = np.float32(row[0]), np.float32(row[1]), np.float32(row[4] + 1.0)
            g, h, f = np.float32(row[2]), np.float32(row[3]), np.float32(row[5] + 1.0)
            tint, left = np.float32(row[7] * 65535.0), np.float32(row[8])
            while points > 0:
                k = min(points, int(BUDGET))
                points -= k
                start = int((next_word(state) >> np.uint64(32)) * np.uint64(len(x) - k + 1) >> np.uint64(32))
                # Slices, not x[start + j]: the check for negative indices would keep the loop from being vectorised.
                xs, ys, cs = x[start : start + k], y[start : start + k], c[start : start + k]
                for j in range(k):
                    px = a * xs[j] + b * ys[j] + e
                    py = g * xs[j] + h * ys[j] + f
                    # Clamped while still floats: what an out-of-range float becomes as an int differs between CPUs.
                    px = min(max(px, np.float32(0.0)), top)
                    py = min(max(py, np.float32(0.0)), top)
                    indices[j] = np.int32(py) * np.int32(side) + np.int32(px)
                for j in range(k):
                    flat[indices[j]] += np.uint64(1 << 40) + np.uint64(np.uint32(tint + left * np.float32(cs[j])))
    return painted
