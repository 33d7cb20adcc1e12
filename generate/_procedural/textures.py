"""What leaves are filled with: one colour each, or two colours blended by a texture of their own."""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import cosine, log2, sine
from mixset._common.kernels import kernel

from .._drawing.palettes import COLOURS, oklab_ramp
from .._drawing.rng import next_uniform
from .noise import sample

KINDS = 9
"""Textures: plain, stripes, checks, dots, rings, two noises, marble and grain."""

_FIELDS = 13
_FINEST = 1 / 48
"""The shortest period of a texture, in frames."""


@kernel(error_model="numpy")
def natural_colours(hues: np.ndarray, muted: float, seed: np.uint64) -> np.ndarray:
    """256 colours (3, 256) float32 sRGB in [0, 1] spread as those of a scene: many lights, few hues, most of them dull.

    Args:
        hues: (k,) float64, in turns; a colour's is mostly near one of them, the first ones more often.
        muted: the mean chroma in OKLab; the distribution's tail is exponential, capped at 0.22.
    """
    state = np.array([seed], np.uint64)
    keys = np.empty((COLOURS, 3), np.float64)
    for i in range(COLOURS):
        first, second = next_uniform(state), next_uniform(state)
        light = 0.12 + 0.84 * (0.65 * first + 0.35 * second)
        chroma = min(-0.6931471805599453 * log2(1.0 - next_uniform(state)) * muted, 0.22)
        # Neither the darkest nor the lightest colours can be vivid.
        chroma *= min(min(2.5 * light, 5.0 * (1.05 - light)), 1.0)
        index = next_uniform(state)
        hue = hues[int(index * index * len(hues))] + 0.12 * (next_uniform(state) + next_uniform(state) - 1.0)
        # One colour in eight is of any hue: what people put into a scene.
        hue = next_uniform(state) if index > 0.875 else hue
        keys[i, 0], keys[i, 1], keys[i, 2] = light, chroma * cosine(hue), chroma * sine(hue)
    # As many keys as colours: each key itself, nothing between them.
    return oklab_ramp(keys)


@kernel(error_model="numpy")
def fill_flat(owner: np.ndarray, words: np.ndarray, colours: np.ndarray, canvas: np.ndarray) -> None:
    """Fill every leaf with one of `colours` (3, 256); canvas: (3, S, S) float32, out."""
    side = len(owner)
    for y in range(side):
        for x in range(side):
            index = words[owner[y, x]] & np.uint64(255)
            for k in range(3):
                canvas[k, y, x] = colours[k, index]


@kernel(error_model="numpy")
def _describe(leaves: np.ndarray, words: np.ndarray) -> np.ndarray:
    """(n, _FIELDS) float32: a texture for each leaf, drawn from its word.

    Kind, east and north of the texture's axis over its period, its phases along and across, sharpness, two places in
    the colours, contrast, gradient east and south, light, bend of stripes and rings.
    """
    out = np.empty((len(leaves), _FIELDS), np.float32)
    state = np.empty(1, np.uint64)
    for n in range(len(leaves)):
        state[0] = words[n]
        u = next_uniform(state)
        kind = int(u * KINDS)
        # As many periods across the leaf as the texture needs to be seen.
        period = max(2.0 * leaves[n, 2] / (1.5 + 9.0 * next_uniform(state) * next_uniform(state)), _FINEST)
        turn = next_uniform(state)
        row = out[n]
        row[0] = np.float32(kind)
        row[1], row[2] = np.float32(cosine(turn) / period), np.float32(sine(turn) / period)
        row[3], row[4] = np.float32(next_uniform(state)), np.float32(next_uniform(state))
        row[5] = np.float32(0.7 + 5.0 * next_uniform(state) * next_uniform(state))
        row[6] = np.float32(np.floor(256.0 * next_uniform(state)))
        row[7] = np.float32(np.floor(256.0 * next_uniform(state)))
        row[8] = np.float32(0.35 + 0.65 * next_uniform(state))
        slope, turn = (0.1 + 0.5 * next_uniform(state)) / leaves[n, 2], next_uniform(state)
        row[9], row[10] = np.float32(slope * cosine(turn)), np.float32(slope * sine(turn))
        row[11] = np.float32(0.75 + 0.45 * next_uniform(state))
        row[12] = np.float32(0.5 * next_uniform(state))
    return out


@kernel(error_model="numpy")
def _blend(kind: int, a: np.float32, b: np.float32, row: np.ndarray, noise: np.ndarray) -> np.float32:
    """How much of the second colour, in [0, 1], at (a, b): places along and across the texture's axis, in periods."""
    zero, half, one = np.float32(0.0), np.float32(0.5), np.float32(1.0)
    if kind == 0:
        return zero
    cells = np.float32(len(noise) / 8)
    grain = zero
    if kind != 2 and kind != 3:
        grain = sample(noise, (a + row[3]) * cells, (b + row[4]) * cells)
    if kind == 1:
        wave = np.float32(sine(np.float64(a + row[3] + row[12] * grain)))
    elif kind == 2:
        wave = np.float32(2.0 * sine(np.float64(half * a + row[3])) * sine(np.float64(half * b + row[4])))
    elif kind == 3:
        u, v = a - np.floor(a) - half, b - np.floor(b) - half
        wave = np.float32(8.0) * (u * u + v * v) - one
    elif kind == 4:
        u, v = a + row[3] - half, b + row[4] - half
        wave = np.float32(sine(np.float64(np.sqrt(u * u + v * v) + row[12] * grain)))
    elif kind == 5:
        wave = np.float32(2.5) * grain
    elif kind == 6:
        wave = one - np.float32(5.0) * abs(grain)
    elif kind == 7:
        wave = np.float32(sine(np.float64(half * a + np.float32(2.2) * grain)))
    else:
        wave = np.float32(1.6) * sample(noise, np.float32(5.1) * cells * a, np.float32(5.1) * cells * b) + half * grain
    return min(max(half + half * row[5] * wave, zero), one)


@kernel(error_model="numpy")
def fill_textured(
    owner: np.ndarray,
    leaves: np.ndarray,
    words: np.ndarray,
    colours: np.ndarray,
    noise: np.ndarray,
    canvas: np.ndarray,
) -> None:
    """Fill every leaf with a texture between two of `colours` (3, 256), under a light that falls off across it.

    Args:
        owner, leaves, words: from `leaves.cover`.
        noise: (N, N) float32, a tiling field.
        canvas: (3, S, S) float32, out.
    """
    side = len(owner)
    described = _describe(leaves, words)
    pixel = np.float32(1.0 / side)
    for y in range(side):
        for x in range(side):
            n = owner[y, x]
            row = described[n]
            dx = pixel * np.float32(x) - np.float32(leaves[n, 0])
            dy = pixel * np.float32(y) - np.float32(leaves[n, 1])
            a, b = row[1] * dx + row[2] * dy, row[1] * dy - row[2] * dx
            t = row[8] * _blend(int(row[0]), a, b, row, noise)
            light = max(row[11] + row[9] * dx + row[10] * dy, np.float32(0.1))
            first, second = np.uint8(row[6]), np.uint8(row[7])
            for k in range(3):
                base = colours[k, first]
                canvas[k, y, x] = light * (base + t * (colours[k, second] - base))
