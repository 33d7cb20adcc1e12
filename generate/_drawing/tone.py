"""From levels to colours: layers over a ground, then the levels of the whole image."""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import log2, power
from mixset._common.kernels import kernel

STEPS = 1024
"""Steps of luma and of the tone curve."""

LOOK = 8
"""Numbers in a look: opacity, colour span, colour by density, phase, floor, relief, glow (1) or cover (0), shadow."""


@kernel(error_model="numpy")
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
    # uint8 positions are cyclic by themselves and need no check for negative indices.
    indices, colours = np.empty(side, np.uint8), np.empty(side, np.uint32)
    keep, add = np.empty(side, np.float32), np.empty(side, np.float32)
    shift = max(side // 64, 1)
    # Slopes are those between positions 1/256 of the frame apart, or as near to it as pixels allow.
    reach = max(side // 256, 1)
    steepness = np.float32(side / (256.0 * reach))
    for y in range(side):
        bright, phase, line = looks[0, 0], looks[0, 3], field[y]
        for x in range(side):
            indices[x] = np.uint8(np.int32((line[x] + phase) * turn))
            add[x], keep[x] = bright, np.float32(0.0)
        canvas[:, y] = np.float32(0.0)
        _lay(packed[0], indices, colours, keep, add, False, canvas[0, y], canvas[1, y], canvas[2, y])
        for n in range(len(levels)):
            look, level = looks[n + 1], levels[n, y]
            _light(levels[n, max(y - reach, 0)], level, tints[n, y], look, reach, steepness, indices, add)
            _shadow(levels[n, max(y - shift, 0)], shift, look[0], look[7], keep)
            opacity, glow = look[0], look[6] > np.float32(0.5)
            for x in range(side):
                alpha = min(opacity * level[x], one)
                add[x] *= alpha
                keep[x] *= one if glow else one - alpha
            _lay(packed[n + 1], indices, colours, keep, add, glow, canvas[0, y], canvas[1, y], canvas[2, y])


@kernel(error_model="numpy")
def covered(levels: np.ndarray, looks: np.ndarray) -> float:
    """The share of the ground that layers (n, S, S) hide or outshine, over every fourth row."""
    side, one, total = levels.shape[1], np.float32(1.0), 0.0
    left = np.empty(side, np.float32)
    for y in range(0, side, 4):
        left[:] = one
        for n in range(len(levels)):
            opacity, row = looks[n + 1, 0], levels[n, y]
            for x in range(side):
                left[x] *= one - min(opacity * row[x], one)
        for x in range(side):
            total += one - left[x]
    return total / (side * ((side + 3) // 4))


@kernel(error_model="numpy")
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


@kernel(error_model="numpy")
def _lay(
    palette: np.ndarray,
    indices: np.ndarray,
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
    for x in range(len(indices)):
        colours[x] = palette[indices[x]]
    for x in range(len(indices)):
        word, scale = colours[x], step * add[x]
        r, g, b = keep[x] * red[x], keep[x] * green[x], keep[x] * blue[x]
        red[x] = r + scale * np.float32(np.int32(word & ten)) * (np.float32(1.0) - dim * r)
        green[x] = g + scale * np.float32(np.int32((word >> np.uint32(10)) & ten)) * (np.float32(1.0) - dim * g)
        blue[x] = b + scale * np.float32(np.int32(word >> np.uint32(20))) * (np.float32(1.0) - dim * b)


@kernel(error_model="numpy")
def _light(
    above: np.ndarray,
    level: np.ndarray,
    tint: np.ndarray,
    look: np.ndarray,
    reach: int,
    steepness: np.float32,
    indices: np.ndarray,
    lights: np.ndarray,
) -> None:
    """A row's positions in the palette and its lights; the relief is lit from the upper left, `reach` pixels away."""
    span, cycles, phase, floor, relief = look[1], look[2], look[3], look[4], steepness * look[5]
    zero, one, most, turn = np.float32(0.0), np.float32(1.0), np.float32(1.5), np.float32(256.0)
    rise = one - floor
    for x in range(len(level)):
        indices[x] = np.uint8(np.int32((phase + span * tint[x] + cycles * level[x]) * turn))
    left, here, over, out = level[:-reach], level[reach:], above[reach:], lights[reach:]
    for x in range(len(here)):
        out[x] = min(max(floor + rise * here[x] + relief * (here[x] + here[x] - left[x] - over[x]), zero), most)
    for x in range(reach):
        lights[x] = floor + rise * level[x]


@kernel(error_model="numpy")
def _shadow(above: np.ndarray, shift: int, opacity: np.float32, shadow: np.float32, keep: np.ndarray) -> None:
    """What a layer's shadow leaves of the light under it: its own levels, shifted down and to the right."""
    one = np.float32(1.0)
    keep[:] = one
    if shadow > np.float32(0.0):
        dark = keep[shift:]
        for x in range(len(dark)):
            dark[x] = one - shadow * min(opacity * above[x], one)


@kernel(error_model="numpy")
def finish(canvas: np.ndarray, saturation: float, middle: float, image: np.ndarray) -> None:
    """Auto-levels: stretch the 1 % and 99 % of the luma to the ends and pull the median towards `middle`.

    Args:
        canvas: (3, f · S, f · S) float32, S the longer side of the image, f 1 or 2; f × f pixels become one.
        saturation: what the distance from grey is multiplied by.
        middle: where the median luma should lie, in (0, 1); gamma stays within 0.6 to 1.5.
        image: (H, W, 3) uint8, out: the middle of the canvas, and the levels are those of what is kept.
    """
    height, width = image.shape[0], image.shape[1]
    side = max(height, width)
    factor = canvas.shape[1] // side
    first_row, first = factor * ((side - height) // 2), factor * ((side - width) // 2)
    last_row, last = first_row + factor * height, first + factor * width
    low, half, high = _luma_quantiles(canvas, first_row, last_row, first, last)
    reach = max(high - low, 0.05)
    gamma = log2(middle) / log2(min(max((half - low) / reach, 0.05), 0.95))
    gamma = min(max(gamma, 0.6), 1.5)
    table = np.empty(STEPS, np.uint8)
    for i in range(STEPS):
        table[i] = np.uint8(255.0 * power(i / (STEPS - 1.0), gamma) + 0.5)
    shift, scale = np.float32(low), np.float32((STEPS - 1) / reach)
    more, top, zero = np.float32(saturation), np.float32(STEPS - 1), np.float32(0.0)
    rows, luma = np.empty((3, width), np.float32), np.empty(width, np.float32)
    indices = np.empty(width, np.int32)
    for y in range(height):
        for k in range(3):
            row = rows[k]
            if factor == 1:
                row[:] = canvas[k, first_row + y, first:last]
            else:
                upper, lower = canvas[k, first_row + 2 * y, first:last], canvas[k, first_row + 2 * y + 1, first:last]
                for x in range(width):
                    both = upper[2 * x] + upper[2 * x + 1] + lower[2 * x] + lower[2 * x + 1]
                    row[x] = np.float32(0.25) * both
        red, green, blue = rows[0], rows[1], rows[2]
        for x in range(width):
            luma[x] = np.float32(0.299) * red[x] + np.float32(0.587) * green[x] + np.float32(0.114) * blue[x]
        for k in range(3):
            row = rows[k]
            for x in range(width):
                value = (luma[x] + more * (row[x] - luma[x]) - shift) * scale
                indices[x] = np.int32(min(max(value, zero), top))
            for x in range(width):
                image[y, x, k] = table[indices[x]]


@kernel(error_model="numpy")
def _luma_quantiles(
    canvas: np.ndarray, first_row: int, last_row: int, first: int, last: int
) -> tuple[float, float, float]:
    """The 1 %, 50 % and 99 % of the luma of a part, over every third pixel of every second row."""
    counts = np.zeros(STEPS + 1, np.int64)
    zero, top, scale = np.float32(0.0), np.float32(1.6), np.float32(STEPS / 1.6)
    for y in range(first_row, last_row, 2):
        red, green, blue = canvas[0, y], canvas[1, y], canvas[2, y]
        for x in range(first + y % 3, last, 3):
            luma = np.float32(0.299) * red[x] + np.float32(0.587) * green[x] + np.float32(0.114) * blue[x]
            counts[np.int64(min(max(luma, zero), top) * scale)] += 1
    total = counts.sum()
    return _quantile(counts, total * 0.01), _quantile(counts, total * 0.5), _quantile(counts, total * 0.99)


@kernel
def _quantile(counts: np.ndarray, rank: float) -> float:
    """The value, in [0, 1.6], below which `rank` of the counted values lie."""
    seen = 0
    for i in range(len(counts)):
        seen += counts[i]
        if seen > rank:
            return 1.6 * (i + 0.5) / STEPS
    return 1.6


def spread(field: np.ndarray) -> tuple[float, float]:
    """The 2 % and 98 % of a square field's values, over 64 × 64 points that are the same at every size."""
    # Sorted and picked, not np.quantile: how that one interpolates is not part of its contract.
    points = (2 * np.arange(64) + 1) * len(field) // 128
    ordered = np.sort(field[points][:, points].ravel())
    return float(ordered[ordered.size // 50]), float(ordered[-ordered.size // 50])
