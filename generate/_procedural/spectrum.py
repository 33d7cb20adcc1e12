"""Spectra: a recipe and an index in, one finished image out."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixset._common.elementary import cosine, power, sine
from mixset._common.kernels import kernel

from .._drawing.filters import Filter
from .._drawing.redraws import Formula
from .._drawing.rng import Draws, next_word
from .._drawing.tone import finish
from .fourier import inverse

STEEPNESS = (0.5, 2.0)
"""The exponents of the magnitudes; photographs' lie near 1, above 2 blurs alone are left. The power falls with twice
the exponent."""

_TABLE = 16
_PHASES = 4096

FILTERS = {
    "colour": Filter(flat_tiles=0.3, contrast=28.0, colour_entropy=3.5, blurred=0.97),
    "grey": Filter(flat_tiles=0.3, contrast=28.0, colour_entropy=1.5, blurred=0.97),
}


def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of an image, unfiltered: the image (H, W, 3) uint8 and a summary of what was drawn."""
    draws = Draws(seed, attempt, f"spectrum {style}")
    a = draws.uniform(*STEEPNESS)
    # Half of the images are alike in all directions, or nearly so.
    b = draws.uniform(*STEEPNESS) if draws.chance(0.5) else a
    turn = draws.uniform()
    strengths = natural_strengths(draws) if style == "colour" else np.array([1.0, 0.0, 0.0])
    side = max(shape)
    torus = 1 << (side - 1).bit_length()
    fields = synthesise(torus, side // 2, a, b, turn, 3 if style == "colour" else 1, np.uint64(draws.word()))
    channels = mix(fields if torus == side else resample(fields, side), strengths, draws.uniform())
    image = np.empty((*shape, 3), np.uint8)
    finish(channels, draws.uniform(1.0, 1.2), draws.uniform(0.4, 0.52), image)
    return image, {"exponents": [round(a, 4), round(b, 4)], "turn": round(turn, 4)}


FORMULA = Formula(draw, FILTERS)


def natural_strengths(draws: Draws) -> np.ndarray:
    """(3,) float64: the parts of light, warmth and green in an image, light 1.

    Photographs' principal components of colour have standard deviations of about 1, 0.25 and 0.1 (Ruderman, Cronin
    and Chiao, 1998); images differ, so ours do, towards the colourful side.
    """
    warmth = draws.uniform(0.15, 0.55)
    return np.array([1.0, warmth, warmth * draws.uniform(0.3, 0.8)])


@kernel(error_model="numpy")
def _powers(side: int, exponent: float) -> np.ndarray:
    """fᵉ at f = 0, 1/16, 2/16 ... cycles a frame, as far as frequencies reach."""
    out = np.empty(int(0.7072 * side + 2.0) * _TABLE, np.float64)
    for i in range(len(out)):
        out[i] = power(i / _TABLE, exponent)
    return out


@kernel(error_model="numpy")
def _power_at(table: np.ndarray, exponent: float, frequency: float) -> float:
    """fᵉ from the table, within 0.1 %; below 2 cycles, where the table would bend too much, as it is."""
    if frequency < 2.0:
        return power(frequency, exponent)
    index = frequency * _TABLE
    i = int(index)
    return table[i] + (index - i) * (table[i + 1] - table[i])


@kernel(error_model="numpy")
def synthesise(side: int, reach: int, a: float, b: float, turn: float, count: int, seed: np.uint64) -> np.ndarray:
    """Independent real fields (count, side, side) float32, all of the magnitudes 1 / (|u|^a + |v|^b), variance 1.

    Two fields are the two halves of one complex transform. Phases are uniform; the mean and the frequencies that are
    their own negatives are nothing.

    Args:
        side: a power of two of at least 32.
        reach: frequencies are below this; at most half of the side.
        a, b: exponents along the two axes, u and v in cycles per frame.
        turn: of the axes in the frame, in turns.
        count: 1 to 4. seed: of the phases at the frame's corner; those of low frequencies are the same at every side.
    """
    along, across = _powers(side, a), _powers(side, b)
    east, north = np.empty(_PHASES, np.float32), np.empty(_PHASES, np.float32)
    for i in range(_PHASES):
        east[i], north[i] = np.float32(cosine(i / _PHASES)), np.float32(sine(i / _PHASES))
    c, s = cosine(turn), sine(turn)
    state = np.array([seed], np.uint64)
    base = next_word(state)
    planes = np.zeros((4, side, side), np.float32)
    total = 0.0
    # Pixels are their centres, half a pixel from the frame's corner.
    shift = _PHASES // (2 * side)
    for v in range(-reach + 1, reach):
        for u in range(0, reach):
            if u == 0 and v <= 0:
                continue
            size = 1.0 / (_power_at(along, a, abs(c * u + s * v)) + _power_at(across, b, abs(c * v - s * u)))
            total += 2.0 * size * size
            magnitude = np.float32(size)
            # Keyed by the frequency, not drawn in turn: what is added at a larger side moves nothing.
            state[0] = base + (np.uint64(v + 4096) * np.uint64(8192) + np.uint64(u)) * np.uint64(0x9E3779B97F4A7C15)
            word = next_word(state)
            for pair in range((count + 1) // 2):
                moved = np.uint64(shift * (u + v) + _PHASES)
                p, q = word + moved & np.uint64(_PHASES - 1), (word >> np.uint64(12)) + moved & np.uint64(_PHASES - 1)
                word = word >> np.uint64(24)
                # P + iQ of two Hermitian spectra P and Q; an absent second field is left out.
                x, y = magnitude * east[p], magnitude * north[p]
                z, w = magnitude * east[q], magnitude * north[q]
                if 2 * pair + 1 == count:
                    z, w = np.float32(0.0), np.float32(0.0)
                planes[2 * pair, v, u], planes[2 * pair + 1, v, u] = x - w, y + z
                planes[2 * pair, -v, -u], planes[2 * pair + 1, -v, -u] = x + w, z - y
    for pair in range((count + 1) // 2):
        inverse(planes[2 * pair], planes[2 * pair + 1])
    scale = np.float32(1.0 / np.sqrt(total))
    for n in range(count):
        for y in range(side):
            row = planes[n, y]
            for x in range(side):
                row[x] *= scale
    return planes[:count]


@kernel(error_model="numpy")
def resample(fields: np.ndarray, side: int) -> np.ndarray:
    """Periodic fields (n, S, S) as (n, side, side), cubic (Catmull and Rom) between the values."""
    size = fields.shape[1]
    places, weights = np.empty((side, 4), np.int64), np.empty((side, 4), np.float32)
    for x in range(side):
        place = (x + 0.5) * size / side - 0.5
        left = np.floor(place)
        t = place - left
        for k in range(4):
            places[x, k] = (int(left) + k - 1) % size
        weights[x, 0], weights[x, 3] = np.float32(0.5 * t * (t * (2.0 - t) - 1.0)), np.float32(0.5 * t * t * (t - 1.0))
        weights[x, 1] = np.float32(0.5 * (t * t * (3.0 * t - 5.0) + 2.0))
        weights[x, 2] = np.float32(0.5 * t * (t * (4.0 - 3.0 * t) + 1.0))
    out, row = np.empty((len(fields), side, side), np.float32), np.empty(size, np.float32)
    for n in range(len(fields)):
        for y in range(side):
            row[:] = np.float32(0.0)
            for k in range(4):
                weight, source = weights[y, k], fields[n, places[y, k]]
                for x in range(size):
                    row[x] += weight * source[x]
            for x in range(side):
                value = np.float32(0.0)
                for k in range(4):
                    value += weights[x, k] * row[places[x, k]]
                out[n, y, x] = value
    return out


@kernel(error_model="numpy")
def mix(fields: np.ndarray, strengths: np.ndarray, hue: float) -> np.ndarray:
    """Channels (3, S, S) float32 around 0.5 from independent fields (n, S, S).

    The first field is light. The other two, where there are any, go along two directions at right angles to grey and
    to each other, the first at `hue` turns: so the channels' covariance is known.
    """
    size = fields.shape[1]
    out = np.empty((3, size, size), np.float32)
    for k in range(3):
        light = np.float32(0.2 * strengths[0] * 0.5773502691896258)
        # cos(hue - k/3) over k is at right angles to (1, 1, 1), and so is its sine.
        first = np.float32(0.2 * strengths[1] * 0.816496580927726 * cosine(hue - k / 3.0))
        second = np.float32(0.2 * strengths[2] * 0.816496580927726 * sine(hue - k / 3.0))
        for y in range(size):
            row = out[k, y]
            for x in range(size):
                row[x] = np.float32(0.5) + light * fields[0, y, x]
            if len(fields) == 3:
                for x in range(size):
                    row[x] += first * fields[1, y, x] + second * fields[2, y, x]
    return out
