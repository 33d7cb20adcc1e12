"""The parts of an image: grounds, layers of affine systems and of flames, and how they look."""

from __future__ import annotations

import numpy as np

from mixset._common.elementary import cosine, sine

from .._drawing.palettes import Harmony, sample_palette
from .._drawing.rng import Draws
from .attractors import ATTRACTORS, place_attractor, play_attractor
from .canvas import Canvas, Plane
from .flames import POPULATION, VARIATIONS, Flame, play, sample_flame
from .grounds import sample_ground
from .systems import System, sample_system
from .views import Base, View, paint_view, whole_view

FLAME_CELLS, THREAD_CELLS = 430, 220
"""How many of 32 × 32 cells a sample of a good flame reaches, far more is a cloud; and below how many it is a thread,
hardly to be seen on its ground."""


def lay_ground(
    draws: Draws, canvas: Canvas, harmony: Harmony, kinds: dict[str, float] | None = None, *, light: float = 1.0
) -> str:
    """Put a ground into the canvas; returns its kind. Dark grounds are common: layers glow on them."""
    kind = sample_ground(draws, canvas.field, kinds)
    canvas.palettes[0] = sample_palette(draws, harmony, light=(0.05, draws.uniform(0.3, 0.85)))
    canvas.looks[0, 0], canvas.looks[0, 3] = light * draws.uniform(0.75, 1.0), draws.uniform()
    return kind


def finish_layer(draws: Draws, canvas: Canvas, plane: Plane, layer: int, points: float, harmony: Harmony) -> None:
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


def full_system(draws: Draws) -> tuple[System, Base]:
    """The one of three systems whose determinants' sum is nearest to a drawn goal: little sums make dust and hairs."""
    goal = draws.uniform(0.7, 1.2)
    systems = [sample_system(draws, draws.whole(2, 4)) for _ in range(3)]
    system = min(systems, key=lambda system: abs(system.area - goal))
    return system, Base.of(system, draws.word())


def whole_system(draws: Draws) -> tuple[System, Base, View]:
    """The one of four systems of 2 to 5 maps that, seen whole, comes nearest to filling half of the frame.

    Fuller ones are mostly clouds without a shape.
    """
    best = None
    for _ in range(4):
        system = sample_system(draws, draws.whole(2, 5))
        base = Base.of(system, draws.word())
        view = whole_view(system, base, 0.96)
        if best is None or abs(view.coverage - 0.5) < abs(best[2].coverage - 0.5):
            best = system, base, view
    assert best is not None
    return best


def paint_system(draws: Draws, plane: Plane, system: System, base: Base, view: View, points: float) -> str:
    """Paint a placed system on an emptied plane; returns its name."""
    paint_view(plane.fresh(), system, base, view.scaled(plane.side, points), draws.word())
    return f"{view.name} {len(system.maps)}"


def paint_flame(draws: Draws, plane: Plane, points: float) -> str:
    """Paint the best filled of two flames, or of up to four threads; turned copies of it in a third of the cases."""
    seed = np.uint64(draws.word())
    flames = [_placed_flame(draws, plane, seed) for _ in range(2)]
    while len(flames) < 4 and all(cells < THREAD_CELLS for cells, _, _ in flames):
        flames.append(_placed_flame(draws, plane, seed))
    _, flame, root = min(flames, key=lambda placed: abs(placed[0] - FLAME_CELLS))
    copies = draws.whole(2, 6) if draws.chance(0.3) else 1
    roots = _turned_roots(root, copies, plane.side)
    play(plane.fresh(), *flame.fields, roots, seed, max(int(points / POPULATION), 1))
    return "flame " + "+".join(VARIATIONS[i] for i in flame.variations)


def paint_attractor(draws: Draws, plane: Plane, points: float, *, deep: bool) -> str:
    """Paint a strange attractor, some of them in turned copies; returns its name."""
    seed = np.uint64(draws.word())
    attractor, root = place_attractor(draws, plane.grid, seed, deep)
    copies = draws.whole(2, 5) if draws.chance(0.2) else 1
    roots = _turned_roots(tuple(root.tolist()), copies, plane.side)
    play_attractor(plane.fresh(), attractor, roots, seed, max(int(points / POPULATION), 1))
    return ATTRACTORS[attractor.kind]


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
