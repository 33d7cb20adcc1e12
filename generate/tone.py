"""From counts to colours: smoothing, log density, layers over a ground, levels."""

from __future__ import annotations

import numpy as np
from numba import njit

from .elementary import log2, power
from .rng import next_word

STEPS = 1024
LOOK = 8
"""Numbers in a look: opacity, colour span, colour by density, phase, floor, relief, glow (1) or cover (0), shadow."""

_MASK = (1 << 40) - 1


@njit(cache=True, nogil=True, error_model="numpy")
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
            reached += 1 if points > 0 else 0
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


@njit(cache=True, nogil=True, error_model="numpy")
def composite(
    field: np.ndarray,
    levels: np.ndarray,
    tints: np.ndarray,
    palettes: np.ndarray,
    looks: np.ndarray,
    canvas: np.ndarray,
) -> None:
    """Lay the layers over the ground, deepest first, row by row so that a row's colours stay in the nearest cache.

    Args:
        field: (S, S) float32, the ground in palette turns.
        levels, tints: (n, S, S) float32 of the layers.
        palettes: (n + 1, 3, 256) float32; the first is the ground's.
        looks: (n + 1, LOOK) float32; of the ground's only the opacity (its brightness) and the phase count.
        canvas: (3, S, S) float32, out.
    """
    side = len(field)
    turn, one = np.float32(256.0), np.float32(1.0)
    packed = _pack(palettes)
    # uint8 places are cyclic by themselves and need no check for negative indices.
    places, colours = np.empty(side, np.uint8), np.empty(side, np.uint32)
    keep, add = np.empty(side, np.float32), np.empty(side, np.float32)
    shift = max(side // 64, 1)
    for y in range(side):
        bright, phase, line = looks[0, 0], looks[0, 3], field[y]
        for x in range(side):
            places[x] = np.uint8(np.int32((line[x] + phase) * turn))
            add[x], keep[x] = bright, np.float32(0.0)
        canvas[:, y] = np.float32(0.0)
        _lay(packed[0], places, colours, keep, add, False, canvas[0, y], canvas[1, y], canvas[2, y])
        for n in range(len(levels)):
            look, level = looks[n + 1], levels[n, y]
            _light(levels[n, max(y - 1, 0)], level, tints[n, y], look, places, add)
            _shadow(levels[n, max(y - shift, 0)], shift, look[0], look[7], keep)
            opacity, glow = look[0], look[6] > np.float32(0.5)
            for x in range(side):
                alpha = min(opacity * level[x], one)
                add[x] *= alpha
                keep[x] *= one if glow else one - alpha
            _lay(packed[n + 1], places, colours, keep, add, glow, canvas[0, y], canvas[1, y], canvas[2, y])


@njit(cache=True, nogil=True, error_model="numpy")
def _pack(palettes: np.ndarray) -> np.ndarray:
    """Palettes (n, 3, 256) float32 as (n, 256) uint32 of 10 bits a channel: one look-up a pixel instead of three."""
    out = np.empty((palettes.shape[0], palettes.shape[2]), np.uint32)
    for n in range(out.shape[0]):
        for i in range(out.shape[1]):
            word = np.uint32(0)
            for k in range(3):
                step = np.uint32(palettes[n, k, i] * np.float32(1023.0) + np.float32(0.5))
                word = np.uint32(word | np.uint32(step << np.uint32(10 * k)))
            out[n, i] = word
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _lay(
    palette: np.ndarray,
    places: np.ndarray,
    colours: np.ndarray,
    keep: np.ndarray,
    add: np.ndarray,
    glow: bool,
    red: np.ndarray,
    green: np.ndarray,
    blue: np.ndarray,
) -> None:
    """Lay a row of palette colours, each times `add`, over what `keep` leaves of the row so far.

    With `glow` they are screened: they add up, ever less where it is bright.
    """
    ten, step, dim = np.uint32(1023), np.float32(1.0 / 1023.0), np.float32(0.7 if glow else 0.0)
    for x in range(len(places)):
        colours[x] = palette[places[x]]
    for x in range(len(places)):
        word, scale = colours[x], step * add[x]
        r, g, b = keep[x] * red[x], keep[x] * green[x], keep[x] * blue[x]
        red[x] = r + scale * np.float32(np.int32(word & ten)) * (np.float32(1.0) - dim * r)
        green[x] = g + scale * np.float32(np.int32((word >> np.uint32(10)) & ten)) * (np.float32(1.0) - dim * g)
        blue[x] = b + scale * np.float32(np.int32(word >> np.uint32(20))) * (np.float32(1.0) - dim * b)


@njit(cache=True, nogil=True, error_model="numpy")
def _light(
    above: np.ndarray, level: np.ndarray, tint: np.ndarray, look: np.ndarray, places: np.ndarray, lights: np.ndarray
) -> None:
    """A row's places in the palette and its lights; the relief is lit from the upper left."""
    span, cycles, phase, floor, relief = look[1], look[2], look[3], look[4], look[5]
    zero, one, most, turn = np.float32(0.0), np.float32(1.0), np.float32(1.5), np.float32(256.0)
    rise = one - floor
    for x in range(len(level)):
        places[x] = np.uint8(np.int32((phase + span * tint[x] + cycles * level[x]) * turn))
    left, here, over, out = level[:-1], level[1:], above[1:], lights[1:]
    for x in range(len(here)):
        out[x] = min(max(floor + rise * here[x] + relief * (here[x] + here[x] - left[x] - over[x]), zero), most)
    lights[0] = floor + rise * level[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _shadow(above: np.ndarray, shift: int, opacity: np.float32, shadow: np.float32, keep: np.ndarray) -> None:
    """What a layer's shadow leaves of the light under it: its own levels, shifted down and to the right."""
    one = np.float32(1.0)
    keep[:] = one
    if shadow > np.float32(0.0):
        dark = keep[shift:]
        for x in range(len(dark)):
            dark[x] = one - shadow * min(opacity * above[x], one)


@njit(cache=True, nogil=True, error_model="numpy")
def finish(canvas: np.ndarray, saturation: float, middle: float, picture: np.ndarray) -> None:
    """Auto-levels: stretch the 1 % and 99 % of the luma to the ends and pull the median towards `middle`.

    Args:
        canvas: (3, f · S, f · S) float32, f 1 or 2; f × f pixels become one.
        saturation: what the distance from grey is multiplied by.
        middle: where the median luma should lie, in (0, 1); gamma stays within 0.6 to 1.5.
        picture: (S, S, 3) uint8, out.
    """
    side = len(picture)
    factor = canvas.shape[1] // side
    low, half, high = _luma_quantiles(canvas)
    reach = max(high - low, 0.05)
    gamma = log2(middle) / log2(min(max((half - low) / reach, 0.05), 0.95))
    gamma = min(max(gamma, 0.6), 1.5)
    table = np.empty(STEPS, np.uint8)
    for i in range(STEPS):
        table[i] = np.uint8(255.0 * power(i / (STEPS - 1.0), gamma) + 0.5)
    shift, scale = np.float32(low), np.float32((STEPS - 1) / reach)
    more, top, zero = np.float32(saturation), np.float32(STEPS - 1), np.float32(0.0)
    rows, luma = np.empty((3, side), np.float32), np.empty(side, np.float32)
    places = np.empty(side, np.int32)
    for y in range(side):
        for k in range(3):
            row = rows[k]
            if factor == 1:
                row[:] = canvas[k, y]
            else:
                first, second = canvas[k, 2 * y], canvas[k, 2 * y + 1]
                for x in range(side):
                    both = first[2 * x] + first[2 * x + 1] + second[2 * x] + second[2 * x + 1]
                    row[x] = np.float32(0.25) * both
        red, green, blue = rows[0], rows[1], rows[2]
        for x in range(side):
            luma[x] = np.float32(0.299) * red[x] + np.float32(0.587) * green[x] + np.float32(0.114) * blue[x]
        for k in range(3):
            row = rows[k]
            for x in range(side):
                value = (luma[x] + more * (row[x] - luma[x]) - shift) * scale
                places[x] = np.int32(min(max(value, zero), top))
            for x in range(side):
                picture[y, x, k] = table[places[x]]


@njit(cache=True, nogil=True)
def stamp(grid: np.ndarray, patches: bool, seed: np.uint64, picture: np.ndarray) -> None:
    """Grey (127) on black where a grid's points are: the pixels themselves, or a random 3 × 3 patch around each.

    Args:
        grid: (S + 2, S + 2) uint64. picture: (S, S, 3) uint8, out.
    """
    state = np.array([seed], np.uint64)
    side = len(picture)
    picture[:] = 0
    for y in range(side):
        for x in range(side):
            if grid[y + 1, x + 1] == 0:
                continue
            mask = next_word(state) if patches else np.uint64(1 << 4)
            for k in range(9):
                j, i = y + k // 3 - 1, x + k % 3 - 1
                if (mask >> np.uint64(k)) & np.uint64(1) and 0 <= j < side and 0 <= i < side:
                    picture[j, i, :] = 127


@njit(cache=True, nogil=True, error_model="numpy")
def _luma_quantiles(canvas: np.ndarray) -> tuple[float, float, float]:
    """The 1 %, 50 % and 99 % of the luma, over every third pixel of every second row."""
    counts = np.zeros(STEPS + 1, np.int64)
    zero, top, scale = np.float32(0.0), np.float32(1.6), np.float32(STEPS / 1.6)
    side = canvas.shape[1]
    for y in range(0, side, 2):
        red, green, blue = canvas[0, y], canvas[1, y], canvas[2, y]
        for x in range(y % 3, side, 3):
            luma = np.float32(0.299) * red[x] + np.float32(0.587) * green[x] + np.float32(0.114) * blue[x]
            counts[np.int64(min(max(luma, zero), top) * scale)] += 1
    total = counts.sum()
    return _quantile(counts, total * 0.01), _quantile(counts, total * 0.5), _quantile(counts, total * 0.99)


@njit(cache=True, nogil=True)
def _quantile(counts: np.ndarray, rank: float) -> float:
    """The value, in [0, 1.6], below which `rank` of the counted values lie."""
    seen = 0
    for i in range(len(counts)):
        seen += counts[i]
        if seen > rank:
            return 1.6 * (i + 0.5) / STEPS
    return 1.6
