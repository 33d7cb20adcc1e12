"""Fractal images: a recipe and an index in, one finished image out."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._drawing.filters import Filter
from .._drawing.palettes import Harmony
from .._drawing.redraws import Formula
from .._drawing.rng import Draws
from .._drawing.tone import finish
from .canvas import LAYERS, Canvas, Plane, canvas_of, drawn_side
from .density import stamp
from .layers import finish_layer, full_system, lay_ground, paint_attractor, paint_flame, paint_system, whole_system
from .views import ARRANGEMENTS, sample_view

# Photographs have 0.09, 54 and 4.5. Of 100 layered images about 2 are drawn again.
FILTERS = {
    "layered": Filter(flat_tiles=0.15, contrast=32.0, colour_entropy=4.0),
    "single": Filter(flat_tiles=0.5, contrast=25.0, colour_entropy=2.5),
    # Threads too thin to be seen leave their ground alone.
    "flame": Filter(flat_tiles=0.5, contrast=25.0, colour_entropy=2.5, ink=0.12),
    "attractors": Filter(flat_tiles=0.25, contrast=30.0, colour_entropy=3.5, ink=0.12),
    "grey": Filter(flat_tiles=0.8, contrast=10.0, colour_entropy=0.0),
}


def draw(style: str, shape: tuple[int, int], seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of an image, unfiltered: the image (H, W, 3) uint8 and a summary of what was drawn."""
    draws = Draws(seed, attempt, f"fractals {style}")
    image = np.empty((*shape, 3), np.uint8)
    if style == "grey":
        return image, _grey(draws, canvas_of(max(shape)).full, image)
    canvas = canvas_of(drawn_side(shape))
    summary = {"layered": _layered, "single": _single, "flame": _flame, "attractors": _attractors}[style](draws, canvas)
    finish(canvas.colours, draws.uniform(1.1, 1.4), draws.uniform(0.36, 0.5), image)
    return image, summary


FORMULA = Formula(draw, FILTERS)


def _layered(draws: Draws, canvas: Canvas) -> dict[str, Any]:
    """2 to 4 layers, the deepest one zoomed in and out of focus."""
    harmony = Harmony(draws)
    ground = lay_ground(draws, canvas, harmony)
    names = []
    for layer in range(draws.whole(2, LAYERS)):
        flame = draws.chance(0.35)
        # The deepest layer is drawn at half the size: soft, as what lies far off, and at a quarter of the cost. So are
        # most of the flames, silk rather than grain.
        half = layer == 0 or (flame and draws.chance(0.6))
        plane = canvas.half if half else canvas.full
        points = (5.0 if half else 2.5) * plane.side**2
        if flame:
            names.append(paint_flame(draws, plane, points))
        else:
            system, base = full_system(draws)
            view = sample_view(draws, system, base, draws.weighted(ARRANGEMENTS), deep=layer == 0)
            names.append(paint_system(draws, plane, system, base, view, points))
        finish_layer(draws, canvas, plane, layer, points, harmony)
    canvas.composite(len(names))
    return {"ground": ground, "layers": names}


def _single(draws: Draws, canvas: Canvas) -> dict[str, Any]:
    """One system, seen whole, on a calm ground."""
    harmony = Harmony(draws)
    ground = lay_ground(draws, canvas, harmony, {"warp": 0.3, "plasma": 0.3, "spiral": 0.2, "gradient": 0.2})
    system, base, view = whole_system(draws)
    points = 4.0 * canvas.side**2
    name = paint_system(draws, canvas.full, system, base, view, points)
    finish_layer(draws, canvas, canvas.full, 0, points, harmony)
    canvas.composite(1)
    return {"ground": ground, "layers": [name]}


def _flame(draws: Draws, canvas: Canvas) -> dict[str, Any]:
    """1 to 3 flames on a dark ground."""
    harmony = Harmony(draws)
    ground = lay_ground(draws, canvas, harmony, {"warp": 0.5, "spiral": 0.2, "gradient": 0.3}, light=0.5)
    names = []
    for layer in range(draws.whole(1, 3)):
        plane = canvas.half if layer == 0 and draws.chance(0.5) else canvas.full
        points = (8.0 if plane is canvas.half else 4.0) * plane.side**2
        names.append(paint_flame(draws, plane, points))
        finish_layer(draws, canvas, plane, layer, points, harmony)
    canvas.composite(len(names))
    return {"ground": ground, "layers": names, "ink": round(canvas.covered(len(names)), 3)}


def _attractors(draws: Draws, canvas: Canvas) -> dict[str, Any]:
    """2 to 4 strange attractors on a ground, the deepest one enlarged and out of focus."""
    harmony = Harmony(draws)
    ground = lay_ground(draws, canvas, harmony, light=0.8)
    names = []
    for layer in range(draws.whole(2, LAYERS)):
        half = layer == 0 or draws.chance(0.4)
        plane = canvas.half if half else canvas.full
        points = (8.0 if half else 4.0) * plane.side**2
        names.append(paint_attractor(draws, plane, points, deep=layer == 0))
        finish_layer(draws, canvas, plane, layer, points, harmony)
    canvas.composite(len(names))
    return {"ground": ground, "layers": names, "ink": round(canvas.covered(len(names)), 3)}


def _grey(draws: Draws, plane: Plane, image: np.ndarray) -> dict[str, Any]:
    """One system as FractalDB (Kataoka et al., ACCV 2020) draws it: grey points, or 3 × 3 patches, on black."""
    system, base, view = whole_system(draws)
    patches = draws.chance(0.5)
    name = paint_system(draws, plane, system, base, view, max(1.5 * plane.side**2, 20_000.0))
    stamp(plane.grid, patches, np.uint64(draws.word()), image)
    return {"ground": "black", "layers": [name], "patches": patches}
