"""Plasma: a recipe and an index in, one finished image out."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixset._common.elementary import cosine, sine
from mixset._common.kernels import kernel

from .._drawing.filters import Filter
from .._drawing.palettes import Harmony, sample_palette
from .._drawing.redraws import Formula
from .._drawing.rng import Draws
from .._drawing.tone import finish, spread
from .._fractals.canvas import Canvas, canvas_of, drawn_side
from .noise import BILLOWS, PLAIN, RIDGES, octaves, warped

OCTAVES, SOFT = 8, 4
"""Octaves of what is seen, and of what bends or tints it."""

FILTERS = {
    "layered": Filter(flat_tiles=0.2, contrast=30.0, colour_entropy=4.0),
    "clouds": Filter(flat_tiles=0.3, contrast=28.0, colour_entropy=3.5),
    "marble": Filter(flat_tiles=0.25, contrast=28.0, colour_entropy=3.5),
    "ridges": Filter(flat_tiles=0.25, contrast=28.0, colour_entropy=3.5),
    "rough": Filter(flat_tiles=0.25, contrast=28.0, colour_entropy=3.5),
}


def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of an image, unfiltered: the image (H, W, 3) uint8 and a summary of what was drawn."""
    draws = Draws(seed, attempt, f"plasma {style}")
    canvas = canvas_of(drawn_side(shape))
    harmony = Harmony(draws)
    above = draws.whole(1, 2) if style == "layered" else 0
    kinds = [draws.choice(tuple(_FIELDS)) if style == "layered" else style for _ in range(above + 1)]
    _lay_ground(draws, canvas, harmony, _FIELDS[kinds[0]](draws, canvas.side))
    for layer, kind in enumerate(kinds[1:], 1):
        _lay_patches(draws, canvas, harmony, layer, _FIELDS[kind](draws, canvas.side))
    canvas.composite(above + 1)
    image = np.empty((*shape, 3), np.uint8)
    finish(canvas.colours, draws.uniform(1.0, 1.3), draws.uniform(0.36, 0.5), image)
    return image, {"fields": kinds}


FORMULA = Formula(draw, FILTERS)


def _noise(
    draws: Draws, side: int, kind: int, fall: tuple[float, float], cells: tuple[int, int], count: int = OCTAVES
) -> np.ndarray:
    return octaves(side, draws.whole(*cells), count, draws.uniform(*fall), kind, np.uint64(draws.word()))


def _warp(draws: Draws, field: np.ndarray, bend: tuple[float, float], times: int) -> np.ndarray:
    """A field warped `times` times by soft noise (Quilez's domain warping, on a torus)."""
    for _ in range(times):
        east, south = (_noise(draws, len(field), PLAIN, (0.35, 0.5), (2, 3), SOFT) for _ in range(2))
        field = warped(field, east, south, draws.uniform(*bend))
    return field


def _clouds(draws: Draws, side: int) -> np.ndarray:
    field = _noise(draws, side, BILLOWS if draws.chance(0.4) else PLAIN, (0.38, 0.55), (2, 4))
    return _warp(draws, field, (0.05, 0.35), draws.whole(0, 1))


def _marble(draws: Draws, side: int) -> np.ndarray:
    """Straight bands or none, through noise, then warped: veins, agate, silk."""
    field = _noise(draws, side, PLAIN, (0.35, 0.52), (2, 4))
    across, down = draws.whole(-3, 3), draws.whole(-3, 3)
    _add_waves(field, across, down, draws.uniform(0.1, 0.5))
    return _warp(draws, field, (0.15, 0.5), draws.whole(1, 2))


def _ridges(draws: Draws, side: int) -> np.ndarray:
    field = _noise(draws, side, RIDGES, (0.38, 0.55), (2, 4))
    return _warp(draws, field, (0.05, 0.3), draws.whole(0, 1))


def _rough(draws: Draws, side: int) -> np.ndarray:
    return _noise(draws, side, PLAIN, (0.58, 0.72), (2, 4))


_FIELDS = {"clouds": _clouds, "marble": _marble, "ridges": _ridges, "rough": _rough}


def _tints(draws: Draws, side: int) -> np.ndarray:
    """A soft field of its own for the hues: a palette along one field alone would be a map of heights."""
    return _warp(draws, _noise(draws, side, PLAIN, (0.3, 0.5), (2, 3), SOFT), (0.1, 0.5), draws.whole(0, 1))


def _lay_ground(draws: Draws, canvas: Canvas, harmony: Harmony, field: np.ndarray) -> None:
    """The field as heights that cover the frame: light by the height and its slope, hue by another field."""
    low, high = spread(field)
    tints = _tints(draws, canvas.side)
    first, last = spread(tints)
    # Levels begin where the opacity below makes them cover.
    _rescale(field, low, 0.75 / max(high - low, 1e-3), 0.25, canvas.levels[0])
    _rescale(tints, first, 1.0 / max(last - first, 1e-3), 0.0, canvas.tints[0])
    # Nothing is seen below, but what is left there of another image must be a number.
    canvas.field[:], canvas.looks[0] = 0.0, 0.0
    canvas.palettes[:2] = sample_palette(draws, harmony, light=(draws.uniform(0.1, 0.3), draws.uniform(0.75, 0.97)))
    canvas.looks[1] = [
        4.0,
        draws.uniform(0.3, 1.2),
        draws.uniform(0.2, 1.4),
        draws.uniform(),
        draws.uniform(0.0, 0.8),
        draws.uniform(0.0, 2.5),
        0.0,
        0.0,
    ]


def _lay_patches(draws: Draws, canvas: Canvas, harmony: Harmony, layer: int, field: np.ndarray) -> None:
    """What of a field lies above a drawn height, lit as a relief, tinted by the field itself, with a shadow."""
    low, high = spread(field)
    scale = 1.0 / max(high - low, 1e-3)
    edge = low + draws.uniform(0.4, 0.7) * (high - low)
    _rescale(field, edge, scale / draws.uniform(0.04, 0.5), 0.0, canvas.levels[layer])
    _rescale(field, low, scale, 0.0, canvas.tints[layer])
    canvas.palettes[layer + 1] = sample_palette(draws, harmony, light=(draws.uniform(0.1, 0.4), 0.97))
    canvas.looks[layer + 1] = [
        draws.uniform(0.8, 2.0),
        draws.uniform(0.3, 1.5),
        draws.uniform(0.0, 0.4),
        draws.uniform(),
        draws.uniform(0.4, 0.8),
        draws.uniform(0.0, 2.0),
        0.0,
        draws.uniform(0.3, 0.8) if draws.chance(0.7) else 0.0,
    ]


@kernel(error_model="numpy")
def _rescale(field: np.ndarray, low: float, scale: float, least: float, out: np.ndarray) -> None:
    """`least` at `low` and `scale` a unit more, cut off at `least` and 1."""
    shift, more, first, one = np.float32(low), np.float32(scale), np.float32(least), np.float32(1.0)
    for y in range(len(field)):
        for x in range(len(field)):
            out[y, x] = min(first + max((field[y, x] - shift) * more, np.float32(0.0)), one)


@kernel(error_model="numpy")
def _add_waves(field: np.ndarray, across: int, down: int, height: float) -> None:
    """Add a plane sine wave with whole numbers of periods across and down the frame, so that the field still tiles."""
    side = len(field)
    # sin(a + b) from the sines of either: one sine a column, not a pixel.
    columns = np.empty((2, side), np.float32)
    for x in range(side):
        columns[0, x], columns[1, x] = np.float32(sine(across * x / side)), np.float32(cosine(across * x / side))
    for y in range(side):
        s, c = np.float32(height * sine(down * y / side)), np.float32(height * cosine(down * y / side))
        for x in range(side):
            field[y, x] += columns[0, x] * c + columns[1, x] * s
