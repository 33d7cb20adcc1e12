"""From counts to colours: smoothing, log density, layers over a ground, levels."""

from __future__ import annotations

import numpy as np
from numba import njit

from .elementary import log2, power

STEPS = 1024
LOOK = 9
"""Numbers in a layer's look: opacity, colour span, colour by density, phase, floor, relief, mode, shadow, unused."""

_MASK = (1 << 40) - 1


@njit(cache=True, nogil=True, error_model="numpy")
def level_table(top: float) -> np.ndarray:
    """(STEPS,) float32: log2(1 + r) / log2(1 + top), at most 1, for r = t / (1 - t) and t in steps over [0, 1)."""
    table = np.empty(STEPS, np.float32)
    whole = log2(1.0 + top)
    for i in range(STEPS):
        t = (i + 0.5) / STEPS
        table[i] = np.float32(min(log2(1.0 + t / (1.0 - t)) / whole, 1.0))
    table[0] = np.float32(0.0)
    return table


@njit(cache=True, nogil=True, error_model="numpy")
def unpack(grid: np.ndarray, count: np.ndarray, tint: np.ndarray) -> int:
    """Split a grid (S + 2, S + 2) uint64 into counts and colour sums (S, S) float32; returns the pixels reached."""
    side = len(count)
    reached = 0
    for y in range(side):
        row, counts, tints = grid[y + 1, 1 : side + 1], count[y], tint[y]
        for x in range(side):
            word = row[x]
            points = np.int64(word >> np.uint64(40))
            reached += points > 0
            counts[x] = np.float32(points)
            tints[x] = np.float32(np.int64(word & np.uint64(_MASK))) * np.float32(1.0 / 65535.0)
    return reached


@njit(cache=True, nogil=True, error_model="numpy")
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


@njit(cache=True, nogil=True, error_model="numpy")
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
    places = np.empty(side, np.int32)
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
            places[x] = np.int32(steps * (density / (density + middle)))
        for x in range(side):
            out[x] = table[places[x]]
        for x in range(side):
            t[x] = min(t[x], one)


@njit(cache=True, nogil=True, error_model="numpy")
def composite(
    field: np.ndarray, levels: np.ndarray, tints: np.ndarray, palettes: np.ndarray, looks: np.ndarray, canvas: np.ndarray
) -> None:
    """Lay the layers over the ground, deepest first.

    Args:
        field: (S, S) float32, the ground in palette turns.
        levels, tints: (n, S, S) float32 of the layers.
        palettes: (n + 1, 256, 3) float32; the first is the ground's.
        looks: (n + 1, LOOK) float32; the ground's holds its phase and its brightness.
        canvas: (S, S, 3) float32, out.
    """
    side = len(field)
    red, green, blue = np.empty(side, np.float32), np.empty(side, np.float32), np.empty(side, np.float32)
    zero, one, turn = np.float32(0.0), np.float32(1.0), np.float32(256.0)
    places, alphas, lights = np.empty(side, np.int32), np.empty(side, np.float32), np.empty(side, np.float32)
    for y in range(side):
        phase, bright = looks[0, 3], looks[0, 0]
        for x in range(side):
            places[x] = np.int32((field[y, x] + phase) * turn) & np.int32(255)
        for x in range(side):
            colour = palettes[0, places[x]]
            red[x], green[x], blue[x] = bright * colour[0], bright * colour[1], bright * colour[2]
        for n in range(len(levels)):
            opacity, span, cycles, phase, floor = looks[n + 1, 0], looks[n + 1, 1], looks[n + 1, 2], looks[n + 1, 3], looks[n + 1, 4]
            relief, mode, shadow = looks[n + 1, 5], looks[n + 1, 6], looks[n + 1, 7]
            level, tint = levels[n, y], tints[n, y]
            lit = levels[n, max(y - 1, 0)]
            for x in range(side):
                left = level[max(x - 1, 0)]
                places[x] = np.int32((phase + span * tint[x] + cycles * level[x]) * turn) & np.int32(255)
                alphas[x] = min(opacity * level[x], one)
                light = floor + (one - floor) * level[x] + relief * (level[x] + level[x] - left - lit[x])
                lights[x] = min(max(light, zero), np.float32(1.5))
            if shadow > zero:
                # The layer's own levels, shifted down and right, darken what lies under it.
                shift = max(side // 64, 1)
                under = levels[n, max(y - shift, 0)]
                for x in range(shift, side):
                    dark = one - shadow * min(opacity * under[x - shift], one)
                    red[x], green[x], blue[x] = dark * red[x], dark * green[x], dark * blue[x]
            palette = palettes[n + 1]
            if mode < np.float32(0.5):
                for x in range(side):
                    colour, a, light = palette[places[x]], alphas[x], lights[x]
                    red[x] += a * (light * colour[0] - red[x])
                    green[x] += a * (light * colour[1] - green[x])
                    blue[x] += a * (light * colour[2] - blue[x])
            else:
                for x in range(side):
                    # Screen: glows add up without ever leaving [0, 1] on their own.
                    colour, a = palette[places[x]], alphas[x] * lights[x]
                    red[x] += a * colour[0] * (one - np.float32(0.7) * red[x])
                    green[x] += a * colour[1] * (one - np.float32(0.7) * green[x])
                    blue[x] += a * colour[2] * (one - np.float32(0.7) * blue[x])
        row = canvas[y]
        for x in range(side):
            row[x, 0], row[x, 1], row[x, 2] = red[x], green[x], blue[x]


@njit(cache=True, nogil=True, error_model="numpy")
def finish(canvas: np.ndarray, saturation: float, middle: float, picture: np.ndarray) -> None:
    """Auto-levels: stretch the 1 % and 99 % of the luma to the ends and pull the median towards `middle`.

    Args:
        canvas: (f · S, f · S, 3) float32; f × f pixels become one.
        saturation: what the distance from grey is multiplied by.
        middle: where the median luma should lie, in (0, 1); gamma stays within 0.6 to 1.5.
        picture: (S, S, 3) uint8, out.
    """
    side = len(picture)
    factor = len(canvas) // side
    counts = np.zeros(STEPS + 1, np.int64)
    for y in range(0, len(canvas), 2):
        for x in range(y & 2, len(canvas), 3):
            luma = np.float32(0.299) * canvas[y, x, 0] + np.float32(0.587) * canvas[y, x, 1] + np.float32(0.114) * canvas[y, x, 2]
            counts[int(min(max(luma, np.float32(0.0)), np.float32(1.6)) * np.float32(STEPS / 1.6))] += 1
    total = counts.sum()
    low, half, high = _quantile(counts, total * 0.01), _quantile(counts, total * 0.5), _quantile(counts, total * 0.99)
    reach = max(high - low, 0.05)
    gamma = log2(middle) / log2(min(max((half - low) / reach, 0.05), 0.95))
    gamma = min(max(gamma, 0.6), 1.5)
    table = np.empty(STEPS, np.uint8)
    for i in range(STEPS):
        table[i] = np.uint8(255.0 * power(i / (STEPS - 1.0), gamma) + 0.5)
    shift, scale = np.float32(low), np.float32((STEPS - 1) / reach)
    more, top, zero = np.float32(saturation), np.float32(STEPS - 1), np.float32(0.0)
    share = np.float32(1.0 / (factor * factor))
    for y in range(side):
        for x in range(side):
            r, g, b = zero, zero, zero
            for j in range(factor):
                for i in range(factor):
                    colour = canvas[y * factor + j, x * factor + i]
                    r, g, b = r + colour[0], g + colour[1], b + colour[2]
            r, g, b = share * r, share * g, share * b
            luma = np.float32(0.299) * r + np.float32(0.587) * g + np.float32(0.114) * b
            out = picture[y, x]
            out[0] = table[int(min(max((luma + more * (r - luma) - shift) * scale, zero), top))]
            out[1] = table[int(min(max((luma + more * (g - luma) - shift) * scale, zero), top))]
            out[2] = table[int(min(max((luma + more * (b - luma) - shift) * scale, zero), top))]


@njit(cache=True, nogil=True)
def _quantile(counts: np.ndarray, rank: float) -> float:
    """The value, in [0, 1.6], below which `rank` of the counted values lie."""
    seen = 0
    for i in range(len(counts)):
        seen += counts[i]
        if seen > rank:
            return 1.6 * (i + 0.5) / STEPS
    return 1.6
