"""Moiré: a recipe and an index in, one finished image out."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixset._common.elementary import cosine, exp2, log2, sine

from .._drawing.filters import Filter
from .._drawing.palettes import Harmony
from .._drawing.redraws import Formula
from .._drawing.rng import Draws
from .._drawing.tone import finish
from .._fractals.canvas import canvas_of, drawn_side
from .gratings import KINDS, NUMBERS, Gratings, lay
from .painting import lay_fields
from .published import PUBLISHED, draw_published

FINEST = 30.0
"""The finest grating, in periods per frame; of its square, the carrier, 60 are left at 256 pixels and 18 at 36."""

_KINDS = {"lines": 0.2, "rings": 0.22, "spokes": 0.1, "spiral": 0.16, "zones": 0.12, "hyperbolas": 0.1, "wavy": 0.1}

FILTERS = {
    "sized": Filter(
        flat_tiles=0.25, contrast=36.0, colour_entropy=3.5, rough=0.4, blurred=0.95, stripes=0.8, coarse=0.5
    ),
    # As published: nothing is drawn again.
    **dict.fromkeys(PUBLISHED, Filter(flat_tiles=1.0, contrast=0.0, colour_entropy=0.0)),
}


def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of an image, unfiltered: the image (H, W, 3) uint8 and a summary of what was drawn."""
    draws = Draws(seed, attempt, f"moire {style}")
    image = np.empty((*shape, 3), np.uint8)
    if style in PUBLISHED:
        return image, draw_published(style, draws, image)
    canvas = canvas_of(drawn_side(shape))
    groups = draws.weighted({1: 0.1, 2: 0.5, 3: 0.4})
    gratings, names = _gratings(draws, groups)
    join = draws.whole(0, 2)
    # Hues go once or twice along their palettes, mostly by one of the beats.
    shares = np.array([[draws.uniform(0.1, 1.2) / groups for _ in range(groups)] for _ in range(2)], np.float32)
    found = canvas.full.scratch
    lay(gratings, join, shares, found)
    lay_fields(draws, canvas, Harmony(draws), *found)
    canvas.composite(2)
    finish(canvas.colours, draws.uniform(0.9, 1.2), draws.uniform(0.38, 0.52), image)
    return image, {"groups": names, "join": ("difference", "product", "mask")[join]}


FORMULA = Formula(draw, FILTERS)


def _gratings(draws: Draws, groups: int) -> tuple[Gratings, list[str]]:
    names = [draws.weighted(_KINDS) for _ in range(groups)]
    numbers = np.array([_group(draws, name) for name in names], np.float32)
    bends = [_bend(draws) if draws.chance(0.5) else [0.0] * 3 for _ in range(2)]
    gratings = Gratings(
        np.array([KINDS.index(name) for name in names], np.int64),
        numbers,
        np.array([0.5 * exp2(draws.uniform(-0.3, 2.3)) for _ in names], np.float32),
        np.array([draws.uniform(0.3, 1.0) for _ in names], np.float32),
        np.array([0.0 if draws.chance(0.6) else draws.uniform(0.3, 0.6) for _ in names], np.float32),
        np.array(bends, np.float32).ravel(),
    )
    return gratings, names


def _bend(draws: Draws) -> list[float]:
    return [draws.uniform(0.01, 0.08), draws.uniform(0.5, 2.0), draws.uniform()]


def _group(draws: Draws, name: str) -> list[list[float]]:
    """A grating and two companions, each with a beat of 1 to 7 periods a frame."""
    f, turn = _log(draws, 3.0, FINEST), draws.uniform()
    place = [draws.uniform(-0.6, 0.6), draws.uniform(-0.6, 0.6)]
    count = float(draws.whole(4, 24) if name == "spokes" else draws.whole(1, 9))
    waves = [draws.uniform(0.3, 1.2), draws.uniform(0.7, 3.0)]
    if name == "spiral":
        f = draws.sign() * min(f, 12.0)
    rows = [[turn, *place, f, exp2(draws.uniform(-1.2, 1.2)), count, draws.uniform(), *waves]]
    for _ in range(2):
        rows.append(_companion(draws, name, rows[0]))
    out = [[cosine(row[0]), sine(row[0]), *row[1:]] for row in rows]
    assert all(len(row) == NUMBERS for row in out)
    return out


def _companion(draws: Draws, name: str, row: list[float]) -> list[float]:
    """A grating turned, shifted, or of another frequency or count, by so much that it beats with the first."""
    turn, across, down, f, squeeze, count, phase, *waves = row
    beat = draws.sign() * _log(draws, 1.0, 7.0)
    way = draws.whole(0, 2)
    if way == 0 and name in ("lines", "wavy", "hyperbolas"):
        turn += beat / (6.283185307179586 * abs(f))
    elif way == 1 and name in ("rings", "zones", "hyperbolas", "spokes", "spiral"):
        direction, reach = draws.uniform(), min(abs(beat) / (2.0 * max(abs(f), 6.0)), 0.4)
        across, down = across + reach * cosine(direction), down + reach * sine(direction)
    elif name in ("spokes", "spiral"):
        count += float(draws.whole(1, 5))
    else:
        f += beat
    return [turn, across, down, f, squeeze, count, phase, *waves]


def _log(draws: Draws, low: float, high: float) -> float:
    """A number from low to high whose logarithm is uniform."""
    return low * exp2(draws.uniform() * log2(high / low))
