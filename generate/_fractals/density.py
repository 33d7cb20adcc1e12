"""From counts to densities: smoothing where points are few, levels on a logarithmic scale."""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import log2
from mixset._common.kernels import kernel

from .._drawing.rng import next_word

STEPS = 1024
"""Entries of a level table."""

_MASK = (1 << 40) - 1


@kernel(error_model="numpy")
def level_table(top: float) -> np.ndarray:
    """(STEPS,) float32: log2(1 + r) / log2(1 + top), at most 1, for r = t / (1 - t) and t in steps over [0, 1).

    Below a quarter of the mean r falls off as its square, so that single points in empty places stay dark.
    """
    table = np.empty(STEPS, np.float32)
    whole = log2(1.0 + top)
    for i in range(STEPS):
        t = (i + 0.5) / STEPS
        r = t / (1.0 - t)
        table[i] = np.float32(min(log2(1.0 + r * r / (r + 0.25)) / whole, 1.0))
    table[0] = np.float32(0.0)
    return table


@kernel(error_model="numpy")
def unpack(grid: np.ndarray, count: np.ndarray, tint: np.ndarray) -> int:
    """Split a grid (S + 2, S + 2) uint64 into counts and colour sums (S, S) float32; returns the pixels reached."""
    side = len(count)
    reached = 0
    for y in range(side):
        row, counts, tints = grid[y + 1, 1 : side + 1], count[y], tint[y]
        for x in range(side):
            word = row[x]
            points = np.int64(word >> np.uint64(40))
            reached += 1 if points > 0 else 0
            counts[x] = np.float32(points)
            tints[x] = np.float32(np.int64(word & np.uint64(_MASK))) * np.float32(1.0 / 65535.0)
    return reached


@kernel(error_model="numpy")
def _blur(source: np.ndarray, out: np.ndarray, step: int) -> None:
    """3 × 3 binomial blur with neighbours `step` apart (à trous); the border is repeated."""
    side = len(source)
    line = np.empty(side + 2 * step, np.float32)
    half, quarter = np.float32(0.5), np.float32(0.25)
    for y in range(side):
        above, here, below = source[max(y - step, 0)], source[y], source[min(y + step, side - 1)]
        middle = line[step : step + side]
        for x in range(side):
            middle[x] = half * here[x] + quarter * (above[x] + below[x])
        for x in range(step):
            line[x], line[side + step + x] = line[step], line[side + step - 1]
        left, right, target = line[:side], line[2 * step :], out[y]
        for x in range(side):
            target[x] = half * middle[x] + quarter * (left[x] + right[x])


@kernel(error_model="numpy")
def smooth(
    count: np.ndarray, tint: np.ndarray, scratch: np.ndarray, mean: float, table: np.ndarray, level: np.ndarray
) -> None:
    """Estimate density where points are few, then turn it into levels.

    A pixel of n points keeps its count to n / (n + 12) and takes the rest from blurs of radius 1 and 4, the wider the
    fewer points there are: grain goes, edges of dense parts stay.

    Args:
        count, tint: (S, S) float32 from `unpack`; `tint` becomes the mean colour coordinate in [0, 1].
        scratch: (4, S, S) float32. mean: the density of level table step 1/2. table: from `level_table`.
        level: (S, S) float32, out, in [0, 1].
    """
    near, near_tint, far, far_tint = scratch[0], scratch[1], scratch[2], scratch[3]
    _blur(count, near, 1)
    _blur(tint, near_tint, 1)
    _blur(near, far, 3)
    _blur(near_tint, far_tint, 3)
    side = len(count)
    few, some, one, tiny = np.float32(6.0), np.float32(12.0), np.float32(1.0), np.float32(1e-6)
    middle, steps = np.float32(mean), np.float32(STEPS - 1)
    indices = np.empty(side, np.int32)
    for y in range(side):
        n, t, n1, t1, n2, t2 = count[y], tint[y], near[y], near_tint[y], far[y], far_tint[y]
        out = level[y]
        for x in range(side):
            wide = few / (n1[x] + few)
            soft = some / (n[x] + some)
            blurred = n1[x] + wide * (n2[x] - n1[x])
            blurred_tint = t1[x] + wide * (t2[x] - t1[x])
            density = n[x] + soft * (blurred - n[x])
            t[x] = (t[x] + soft * (blurred_tint - t[x])) / (density + tiny)
            indices[x] = np.int32(steps * (density / (density + middle)))
        for x in range(side):
            out[x] = table[indices[x]]
        for x in range(side):
            t[x] = min(t[x], one)


@kernel(error_model="numpy")
def enlarge(plane: np.ndarray, out: np.ndarray) -> None:
    """Bilinear enlargement of a square plane to twice its side or one less; pixel areas, not corners, coincide."""
    side, large = len(plane), len(out)
    near, far = np.float32(0.75), np.float32(0.25)
    row = np.empty(side + 2, np.float32)
    middle, left, right = row[1 : side + 1], row[:side], row[2:]
    for y in range(large):
        here, other = plane[y // 2], plane[min(max(y // 2 + (1 if y % 2 else -1), 0), side - 1)]
        for x in range(side):
            middle[x] = near * here[x] + far * other[x]
        row[0], row[side + 1] = row[1], row[side]
        line = out[y]
        for x in range(large // 2):
            line[2 * x] = near * middle[x] + far * left[x]
            line[2 * x + 1] = near * middle[x] + far * right[x]
        line[large - 1] = near * middle[(large - 1) // 2] + far * (left if large % 2 else right)[(large - 1) // 2]


@kernel
def stamp(grid: np.ndarray, patches: bool, seed: np.uint64, image: np.ndarray) -> None:
    """Grey (127) on black where a grid's points are: the pixels themselves, or a random 3 × 3 patch around each.

    Args:
        grid: (S + 2, S + 2) uint64. image: (H, W, 3) uint8, out: the middle of the grid, S its longer side.
    """
    state = np.array([seed], np.uint64)
    height, width = image.shape[0], image.shape[1]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    image[:] = 0
    for y in range(side):
        for x in range(side):
            if grid[y + 1, x + 1] == 0:
                continue
            mask = next_word(state) if patches else np.uint64(1 << 4)
            for k in range(9):
                j, i = y - top + k // 3 - 1, x - left + k % 3 - 1
                if (mask >> np.uint64(k)) & np.uint64(1) and 0 <= j < height and 0 <= i < width:
                    image[j, i, :] = 127
