"""Escape-time fractals: a recipe and an index in, one finished image out."""

from __future__ import annotations

from typing import Any

import numpy as np

from mixset._common.elementary import cosine, exp2, sine
from mixset._common.kernels import kernel

from .._drawing.filters import Filter
from .._drawing.palettes import Harmony, sample_palette
from .._drawing.redraws import Formula
from .._drawing.rng import Draws
from .._drawing.tone import finish, spread
from .._fractals.canvas import Canvas, canvas_of, drawn_side
from .escape import CELTIC, CONJUGATE, NEWTON, POWER, RATIONAL, SHIP, descend, escape, smooth
from .recipes import JuliaRecipe

NAMES = {
    POWER: "power",
    SHIP: "ship",
    CONJUGATE: "conjugate",
    CELTIC: "celtic",
    RATIONAL: "rational",
    NEWTON: "newton",
}

_FORMULAS = {
    "julia": {POWER: 0.5, RATIONAL: 0.2, CELTIC: 0.12, SHIP: 0.1, CONJUGATE: 0.08},
    "mandelbrot": {POWER: 0.5, SHIP: 0.2, CELTIC: 0.15, CONJUGATE: 0.15},
    "newton": {NEWTON: 1.0},
}

# Deep zooms may end in straight stripes, or in chaos that is noise at any size.
FILTERS = dict.fromkeys(
    JuliaRecipe.styles, Filter(flat_tiles=0.3, contrast=28.0, colour_entropy=3.2, rough=0.45, stripes=0.75)
)


def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of an image, unfiltered: the image (H, W, 3) uint8 and a summary of what was drawn."""
    draws = Draws(seed, attempt, f"julia {style}")
    kind = draws.weighted({"julia": 0.55, "mandelbrot": 0.25, "newton": 0.2}) if style == "mixed" else style
    formula, power = draws.weighted(_FORMULAS[kind]), draws.weighted({2: 0.5, 3: 0.25, 4: 0.15, 5: 0.1})
    # One of three windows: some zooms end where little happens, others where everything does, in every pixel.
    goal = draws.uniform(0.45, 0.75)
    windows = [_window(draws, kind, formula, power) for _ in range(3)]
    view, constant, limit, _ = min(windows, key=lambda window: abs(window[3] - goal))
    canvas = canvas_of(drawn_side(shape))
    found = escape(canvas.side, formula, power, view, constant, limit, _trap(draws))
    _paint(draws, canvas, found, limit)
    image = np.empty((*shape, 3), np.uint8)
    finish(canvas.colours, draws.uniform(1.0, 1.3), draws.uniform(0.36, 0.5), image)
    summary = {"kind": kind, "formula": f"{NAMES[formula]} {power}", "view": view.tolist(), "c": constant.tolist()}
    return image, summary


FORMULA = Formula(draw, FILTERS)


def _window(draws: Draws, kind: str, formula: int, power: int) -> tuple[np.ndarray, np.ndarray, int, float]:
    """A view, a constant, the most steps worth taking there, and how lively the view is."""
    state = np.array([draws.word()], np.uint64)
    plane = np.array([0.0, 0.0, 1.0])
    start = np.array([-0.4 if power == 2 else 0.0, -0.3 if formula == SHIP else 0.0, 1.7, 0.0])
    if kind == "mandelbrot":
        depth = draws.whole(1, 6)
        limit = 96 + 48 * depth
        view, lively = descend(formula, power, _turned(draws, start), plane, limit, depth, state)
        return view, plane, limit, lively
    if formula == NEWTON:
        turn, reach = draws.uniform(), 0.5 * draws.uniform() * draws.uniform()
        constant = np.array([reach * cosine(turn), reach * sine(turn), 0.0])
    elif formula == RATIONAL:
        turn, reach = draws.uniform(), exp2(draws.uniform(-9.0, -1.5))
        constant = np.array([reach * cosine(turn), reach * sine(turn), 0.0])
    else:
        # A constant from the boundary of its own Mandelbrot set: there Julia sets are rich, neither dust nor solid.
        near, _ = descend(formula, power, start, plane, 192, draws.whole(2, 4), state)
        constant = np.array([near[0], near[1], 0.0])
    # A few sets are seen whole.
    depth = 0 if draws.chance(0.15) else draws.whole(1, 3)
    limit = 96 + 32 * depth
    whole = np.array([0.0, 0.0, draws.uniform(1.0, 1.6), 0.0])
    view, lively = descend(formula, power, _turned(draws, whole), constant, limit, depth, state)
    return view, constant, limit, lively


def _turned(draws: Draws, view: np.ndarray) -> np.ndarray:
    turn = draws.uniform()
    return np.array([view[0], view[1], view[2] * cosine(turn), view[2] * sine(turn)])


def _trap(draws: Draws) -> np.ndarray:
    """A point, a line or a circle, near where orbits pass."""
    x, y, turn = draws.uniform(-0.8, 0.8), draws.uniform(-0.8, 0.8), draws.uniform()
    kind = draws.whole(0, 2)
    if kind == 0:
        return np.array([1.0, -2.0 * x, -2.0 * y, x * x + y * y])
    if kind == 1:
        return np.array([0.0, cosine(turn), sine(turn), 0.5 * x])
    radius = draws.uniform(0.2, 1.0)
    return np.array([1.0, -2.0 * x, -2.0 * y, x * x + y * y - radius * radius])


def _paint(draws: Draws, canvas: Canvas, found: np.ndarray, limit: int) -> None:
    """Colours by the time of escape, and over them, lit as a relief, how near the orbits came to the trap."""
    harmony = Harmony(draws)
    smooth(found, limit, canvas.field)
    low, high = spread(canvas.field)
    _to_turns(canvas.field, found[3], low, draws.uniform(0.8, 3.0) / max(high - low, 1e-3))
    near, far = spread(found[2])
    _to_layer(found[2], near + draws.uniform(0.04, 0.4) * (far - near) + 1e-6, canvas.levels[0], canvas.tints[0])
    canvas.palettes[0] = sample_palette(draws, harmony, light=(draws.uniform(0.05, 0.25), draws.uniform(0.7, 0.97)))
    canvas.palettes[1] = sample_palette(draws, harmony, light=(draws.uniform(0.2, 0.4), 0.97))
    canvas.looks[0, 0], canvas.looks[0, 3] = 1.0, draws.uniform()
    glow = draws.chance(0.4)
    canvas.looks[1] = [
        draws.uniform(0.4, 0.9) if glow else draws.uniform(0.6, 1.4),
        draws.uniform(0.5, 1.5),
        draws.uniform(0.0, 0.6),
        draws.uniform(),
        draws.uniform(0.2, 0.7),
        draws.uniform(0.5, 3.0),
        1.0 if glow else 0.0,
        0.0,
    ]
    canvas.composite(1 if draws.chance(0.75) else 0)


@kernel(error_model="numpy")
def _to_turns(field: np.ndarray, roots: np.ndarray, low: float, scale: float) -> None:
    """Times to palette turns, no more than 8 of them; Newton's basins start at different places."""
    zero, most = np.float32(0.0), np.float32(8.0)
    shift, more = np.float32(low), np.float32(scale)
    for y in range(len(field)):
        for x in range(len(field)):
            field[y, x] = min(max((field[y, x] - shift) * more, zero), most) + roots[y, x] + np.float32(1.0)


@kernel(error_model="numpy")
def _to_layer(near: np.ndarray, reach: float, levels: np.ndarray, tints: np.ndarray) -> None:
    """Distances from the trap to levels (1 on it, 1/2 at `reach`) and tints, both in [0, 1]."""
    one, unit = np.float32(1.0), np.float32(1.0 / reach)
    for y in range(len(near)):
        for x in range(len(near)):
            t = min(near[y, x], np.float32(1e6)) * unit
            levels[y, x] = one / (one + t * t)
            tints[y, x] = one / (one + t)
