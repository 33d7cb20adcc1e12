"""Fractal pictures: a recipe and an index in, one finished picture out."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from .elementary import cosine, sine
from .filters import Filter, figures
from .flames import POPULATION, VARIATIONS, Flame, play, sample_flame
from .grounds import sample_ground
from .palettes import COLOURS, Harmony, sample_palette
from .recipe import FractalRecipe
from .rng import Draws, picture_seed
from .systems import System, sample_system
from .tone import LOOK, composite, enlarge, finish, level_table, smooth, stamp, unpack
from .views import ARRANGEMENTS, Base, View, paint_view, sample_view, whole_view

LAYERS = 4
ATTEMPTS = 8
"""A picture is drawn at most this often; the last draw is kept whatever its figures."""

FILTERS = {
    "layered": Filter(flat_tiles=0.25, contrast=28.0, colour_entropy=3.0),
    "single": Filter(flat_tiles=0.5, contrast=25.0, colour_entropy=2.5),
    "flame": Filter(flat_tiles=0.5, contrast=25.0, colour_entropy=2.5),
    "grey": Filter(flat_tiles=0.8, contrast=10.0, colour_entropy=0.0),
}


class Plane:
    """A grid of points and what is made of it: buffers of one side length."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.grid = np.zeros((side + 2, side + 2), np.uint64)
        self.count = np.empty((side, side), np.float32)
        self.scratch = np.empty((4, side, side), np.float32)
        self.level = np.empty((side, side), np.float32)
        self.tint = np.empty((side, side), np.float32)

    def settle(self, points: float, top: float, level: np.ndarray, tint: np.ndarray) -> None:
        """Turn what was painted into levels and tints (S, S) float32, and clear the grid."""
        reached = unpack(self.grid, self.count, tint)
        smooth(self.count, tint, self.scratch, points / max(reached, 1), level_table(top), level)
        self.grid[:] = 0


class Canvas:
    """The buffers of one thread at one side length."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.full, self.half = Plane(side), Plane(side // 2)
        self.levels = np.empty((LAYERS, side, side), np.float32)
        self.tints = np.empty((LAYERS, side, side), np.float32)
        self.field = np.empty((side, side), np.float32)
        self.colours = np.empty((3, side, side), np.float32)
        self.palettes = np.empty((LAYERS + 1, 3, COLOURS), np.float32)
        self.looks = np.zeros((LAYERS + 1, LOOK), np.float32)

    def composite(self, layers: int) -> None:
        """Lay the first `layers` layers over the ground."""
        planes = self.levels[:layers], self.tints[:layers]
        composite(self.field, *planes, self.palettes[: layers + 1], self.looks[: layers + 1], self.colours)

    def settle(self, plane: Plane, layer: int, points: float, top: float) -> None:
        """Turn what was painted on a plane into a layer's levels and tints."""
        if plane is self.full:
            plane.settle(points, top, self.levels[layer], self.tints[layer])
        else:
            plane.settle(points, top, plane.level, plane.tint)
            enlarge(plane.level, self.levels[layer])
            enlarge(plane.tint, self.tints[layer])


_local = threading.local()


def _canvas(side: int) -> Canvas:
    """This thread's buffers; allocating them anew costs more page faults than drawing on them."""
    held: Canvas | None = getattr(_local, "canvas", None)
    if held is None or held.side != side:
        held = _local.canvas = Canvas(side)
    return held


def render(recipe: FractalRecipe, index: int) -> tuple[np.ndarray, int, dict[str, Any]]:
    """Picture `index` of a recipe: a pure function of the recipe (but its count) and the index.

    Returns:
        The picture (S, S, 3) uint8, its own 64-bit seed, and the params from which it can be made again.
    """
    seed = picture_seed(recipe.seed, index)
    refused: list[str] = []
    for attempt in range(ATTEMPTS):
        picture, summary = draw(recipe.style, recipe.size, seed, attempt)
        reason = FILTERS[recipe.style].refuses(figures(picture))
        if reason is None:
            break
        refused.append(reason)
    params = {"style": recipe.style, "size": recipe.size, "index": index, "attempt": attempt, "refused": refused}
    return picture, seed, params | summary


def draw(style: str, size: int, seed: int, attempt: int) -> tuple[np.ndarray, dict[str, Any]]:
    """One draw of a picture, unfiltered: the picture (S, S, 3) uint8 and a summary of what was drawn."""
    draws = Draws(seed, attempt)
    picture = np.empty((size, size, 3), np.uint8)
    if style == "grey":
        return picture, _grey(draws, _canvas(size).full, picture)
    # Small pictures are drawn at twice their size: the tones of one count do not average, those of four do.
    canvas = _canvas(2 * size if size <= 128 else size)
    summary = {"layered": _layered, "single": _single, "flame": _flame}[style](draws, canvas)
    finish(canvas.colours, draws.uniform(1.1, 1.4), draws.uniform(0.36, 0.5), picture)
    return picture, summary


def _layered(draws: Draws, canvas: Canvas) -> dict[str, Any]:
    """2 to 4 layers, the deepest one zoomed in and out of focus."""
    harmony = Harmony(draws)
    ground = _lay_ground(draws, canvas, harmony)
    names = []
    for layer in range(draws.whole(2, LAYERS)):
        flame = draws.chance(0.35)
        # The deepest layer is drawn at half the size: soft, as what lies far off, and at a quarter of the cost. So are
        # half of the flames, silk rather than grain.
        half = layer == 0 or (flame and draws.chance(0.5))
        plane = canvas.half if half else canvas.full
        points = (5.0 if half else 2.5) * plane.side**2
        if flame:
            names.append(_paint_flame(draws, plane, points))
        else:
            system, base = _full_system(draws)
            view = sample_view(draws, system, base, draws.weighted(ARRANGEMENTS), deep=layer == 0)
            names.append(_paint_system(draws, plane, system, base, view, points))
        _finish_layer(draws, canvas, plane, layer, points, harmony)
    canvas.composite(len(names))
    return {"ground": ground, "layers": names}


def _single(draws: Draws, canvas: Canvas) -> dict[str, Any]:
    """One system, seen whole, on a calm ground."""
    harmony = Harmony(draws)
    ground = _lay_ground(draws, canvas, harmony, {"warp": 0.3, "plasma": 0.3, "spiral": 0.2, "gradient": 0.2})
    system, base, view = _whole_system(draws)
    points = 4.0 * canvas.side**2
    name = _paint_system(draws, canvas.full, system, base, view, points)
    _finish_layer(draws, canvas, canvas.full, 0, points, harmony)
    canvas.composite(1)
    return {"ground": ground, "layers": [name]}


def _flame(draws: Draws, canvas: Canvas) -> dict[str, Any]:
    """1 to 3 flames on a dark ground."""
    harmony = Harmony(draws)
    ground = _lay_ground(draws, canvas, harmony, {"warp": 0.5, "spiral": 0.2, "gradient": 0.3}, brightest=0.45)
    names = []
    for layer in range(draws.whole(1, 3)):
        plane = canvas.half if layer == 0 and draws.chance(0.5) else canvas.full
        points = (8.0 if plane is canvas.half else 4.0) * plane.side**2
        names.append(_paint_flame(draws, plane, points))
        _finish_layer(draws, canvas, plane, layer, points, harmony)
    canvas.composite(len(names))
    return {"ground": ground, "layers": names}


def _grey(draws: Draws, plane: Plane, picture: np.ndarray) -> dict[str, Any]:
    """One system as FractalDB (Kataoka et al., ACCV 2020) draws it: grey points, or 3 × 3 patches, on black."""
    system, base, view = _whole_system(draws)
    patches = draws.chance(0.5)
    name = _paint_system(draws, plane, system, base, view, max(1.5 * plane.side**2, 20_000.0))
    stamp(plane.grid, patches, np.uint64(draws.word()), picture)
    plane.grid[:] = 0
    return {"ground": "black", "layers": [name], "patches": patches}


def _lay_ground(
    draws: Draws, canvas: Canvas, harmony: Harmony, kinds: dict[str, float] | None = None, *, brightest: float = 0.85
) -> str:
    """Put a ground into the canvas; returns its kind. Dark grounds are common: layers glow on them."""
    kind = sample_ground(draws, canvas.field, kinds)
    canvas.palettes[0] = sample_palette(draws, harmony, light=(0.05, draws.uniform(0.3, brightest)))
    canvas.looks[0, 0], canvas.looks[0, 3] = draws.uniform(0.75, 1.0), draws.uniform()
    return kind


def _finish_layer(draws: Draws, canvas: Canvas, plane: Plane, layer: int, points: float, harmony: Harmony) -> None:
    """Settle a painted layer and draw its palette and its look."""
    canvas.settle(plane, layer, points, draws.uniform(5.0, 30.0))
    canvas.palettes[layer + 1] = sample_palette(draws, harmony, light=(draws.uniform(0.2, 0.4), 0.97))
    canvas.looks[layer + 1] = _look(draws)


def _look(draws: Draws) -> list[float]:
    glow = draws.chance(0.3)
    return [
        draws.uniform(0.8, 1.6) if glow else draws.uniform(1.8, 5.0),
        draws.uniform(0.4, 1.2),
        draws.uniform(0.0, 1.0),
        draws.uniform(),
        draws.uniform(0.1, 0.6),
        draws.uniform(0.0, 1.5),
        1.0 if glow else 0.0,
        draws.uniform(0.3, 0.8) if not glow and draws.chance(0.6) else 0.0,
    ]


def _full_system(draws: Draws) -> tuple[System, Base]:
    """Of three systems the one whose determinants' sum is nearest to a drawn goal: little sums make dust and hairs."""
    goal = draws.uniform(0.7, 1.2)
    systems = [sample_system(draws, draws.whole(2, 4)) for _ in range(3)]
    system = min(systems, key=lambda system: abs(system.area - goal))
    return system, Base.of(system, draws.word())


def _whole_system(draws: Draws) -> tuple[System, Base, View]:
    """Of four systems of 2 to 7 maps the one that fills the frame best when seen whole."""
    best = None
    for _ in range(4):
        system = sample_system(draws, draws.whole(2, 7))
        base = Base.of(system, draws.word())
        view = whole_view(system, base, 0.96)
        if best is None or view.coverage > best[2].coverage:
            best = system, base, view
    assert best is not None
    return best


def _paint_system(draws: Draws, plane: Plane, system: System, base: Base, view: View, points: float) -> str:
    paint_view(plane.grid, system, base, view.scaled(plane.side, points), draws.word())
    return f"{view.name} {len(system.maps)}"


def _paint_flame(draws: Draws, plane: Plane, points: float) -> str:
    """Paint the fuller of two flames, turned copies of it in a third of the cases."""
    seed = np.uint64(draws.word())
    flames = [_placed_flame(draws, plane, seed) for _ in range(2)]
    _, flame, root = max(flames, key=lambda placed: placed[0])
    copies = draws.whole(2, 6) if draws.chance(0.3) else 1
    play(plane.grid, *flame.fields, _turned_roots(root, copies, plane.side), seed, max(int(points / POPULATION), 1))
    return "flame " + "+".join(VARIATIONS[i] for i in flame.variations)


def _placed_flame(draws: Draws, plane: Plane, seed: np.uint64) -> tuple[int, Flame, tuple[float, ...]]:
    """A flame, the root that shows the middle of its measure, and how many of 32 × 32 cells a sample reaches."""
    flame = sample_flame(draws)
    sample = play(plane.grid, *flame.fields, np.zeros((1, 6)), seed, 0)[:2]
    ordered = np.sort(sample, axis=1)
    low, high = ordered[:, POPULATION // 16], ordered[:, -POPULATION // 16]
    scale = draws.uniform(0.8, 1.3) / max(float((high - low).max()), 1e-3)
    turn = draws.uniform()
    c, s = scale * cosine(turn), scale * sine(turn)
    mx, my = 0.5 * float(low[0] + high[0]), 0.5 * float(low[1] + high[1])
    root = (c, -s, s, c, 0.5 - c * mx + s * my, 0.5 - s * mx - c * my)
    x = np.floor(32.0 * (root[0] * sample[0] + root[1] * sample[1] + root[4]))
    y = np.floor(32.0 * (root[2] * sample[0] + root[3] * sample[1] + root[5]))
    inside = (x >= 0) & (x < 32) & (y >= 0) & (y < 32)
    return len(np.unique(32 * y[inside] + x[inside])), flame, root


def _turned_roots(root: tuple[float, ...], copies: int, side: int) -> np.ndarray:
    """The root in pixels, turned around the frame's middle once for each copy."""
    rows = []
    for j in range(copies):
        c, s = cosine(j / copies), sine(j / copies)
        a, b, d, e, x, y = root
        x, y = x - 0.5, y - 0.5
        rows.append(
            (c * a - s * d, c * b - s * e, s * a + c * d, s * b + c * e, c * x - s * y + 0.5, s * x + c * y + 0.5)
        )
    return np.array(rows) * side
