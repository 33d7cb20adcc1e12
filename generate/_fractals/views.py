"""Where a system stands in the frame: zooms, and copies as roses, spirals, lattices and scatters.

A view is a list of roots: maps from system coordinates to the unit frame, each with its share of the points. As the
expansion starts from the roots, a hundred copies cost no more than one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mixset._common.elementary import cosine, sine

from .._drawing.rng import Draws
from .kernels import BASE, base_sample, paint
from .systems import System

PROBE = 32

ARRANGEMENTS = {"zoom": 0.34, "rose": 0.20, "spiral": 0.18, "lattice": 0.12, "scatter": 0.16}


@dataclass(frozen=True)
class View:
    """A placed system: roots (r, 7) float64 in the unit frame with shares of sum 1, and what a probe found.

    inside: the share of points in the frame. coverage: the share of the probe's 32 × 32 cells that points reach.
    """

    name: str
    roots: np.ndarray
    inside: float
    coverage: float

    def scaled(self, side: int, points: float) -> np.ndarray:
        """The roots for a frame of `side` pixels with `points` points in the frame; at most 16 times as many in all."""
        roots = self.roots * side
        roots[:, 6] = self.roots[:, 6] * points / max(self.inside, 1 / 16)
        return roots


@dataclass(frozen=True)
class Base:
    """A system's base sample as `kernels.paint` takes it."""

    x: np.ndarray
    y: np.ndarray
    colours: np.ndarray
    box: np.ndarray

    @classmethod
    def of(cls, system: System, seed: int) -> Base:
        return cls(*base_sample(system.maps, system.weights, system.colours, np.uint64(seed), BASE))


def paint_view(grid: np.ndarray, system: System, base: Base, roots: np.ndarray, seed: int) -> int:
    """`kernels.paint` with a system's and its base sample's fields."""
    fields = (system.maps, system.weights, system.colours, base.x, base.y, base.colours, base.box)
    return paint(grid, *fields, roots, np.uint64(seed))


def probe(name: str, system: System, base: Base, roots: np.ndarray) -> View:
    """A view after a look at it: 8,192 points, more for zooms, on 32 × 32 cells."""
    grid = np.zeros((PROBE + 2, PROBE + 2), np.uint64)
    # Summed in Python: the order in which NumPy adds is not part of its contract.
    shares = roots[:, 6] / sum(roots[:, 6].tolist())
    scaled = roots * PROBE
    points = 16384.0
    scaled[:, 6] = shares * points
    paint_view(grid, system, base, scaled, 1)
    counts = grid[1:-1, 1:-1] >> np.uint64(40)
    kept = np.column_stack([roots[:, :6], shares])
    return View(name, kept, int(counts.sum()) / points, np.count_nonzero(counts) / PROBE**2)


def sample_view(draws: Draws, system: System, base: Base, name: str, *, deep: bool, tries: int = 4) -> View:
    """The fullest of `tries` views of one arrangement; `deep` ones are zoomed in 2.5 to 8 times."""
    best = None
    for _ in range(tries):
        view = probe(name, system, base, _roots(draws, base, name, deep))
        if best is None or view.coverage > best.coverage:
            best = view
        if best.coverage > 0.8:
            break
    assert best is not None
    return best


def whole_view(system: System, base: Base, share: float) -> View:
    """The whole attractor upright in the middle, its longer side `share` of the frame's."""
    scale = 0.5 * share / max(base.box[2], base.box[3], 1e-6)
    root = (scale, 0.0, 0.0, scale, 0.5 - scale * base.box[0], 0.5 - scale * base.box[1], 1.0)
    return probe("whole", system, base, np.array([root]))


def _roots(draws: Draws, base: Base, name: str, deep: bool) -> np.ndarray:
    anchor = draws.whole(0, len(base.x) - 1)
    ax, ay = float(base.x[anchor]), float(base.y[anchor])
    if name == "zoom":
        zoom = draws.uniform(2.5, 8.0) if deep else draws.uniform(1.2, 3.0)
        shift = 0.5 + draws.uniform(-0.15, 0.15), 0.5 + draws.uniform(-0.15, 0.15)
        return np.array([_root(_shape(draws, base, zoom), ax, ay, *shift, 1.0)])
    if name == "rose":
        return _rose(draws, base, ax, ay, deep)
    if name == "spiral":
        return _spiral(draws, base, ax, ay, deep)
    if name == "lattice":
        return _lattice(draws, base, deep)
    rows = []
    for _ in range(draws.whole(5, 14)):
        zoom = draws.uniform(0.35, 1.1) * (1.8 if deep else 1.0)
        rows.append(_root(_shape(draws, base, zoom), base.box[0], base.box[1], draws.uniform(), draws.uniform(), zoom))
    return np.array(rows)


def _shape(draws: Draws, base: Base, zoom: float) -> tuple[float, float, float, float]:
    """A randomly turned 2 × 2 map that shows the attractor `zoom` times as large as the frame.

    A thin attractor is widened, by up to 3 to 1, so that it fills the frame.
    """
    wide, high = max(base.box[2], 1e-3), max(base.box[3], 1e-3)
    longest = max(wide, high)
    sx = 0.5 * zoom / longest * min(longest / wide, 3.0)
    sy = 0.5 * zoom / longest * min(longest / high, 3.0)
    turn = draws.uniform()
    c, s = cosine(turn), sine(turn)
    return c * sx, -s * sy, s * sx, c * sy


def _root(shape: tuple, ax: float, ay: float, px: float, py: float, share: float) -> tuple[float, ...]:
    """The root that puts the system's point (ax, ay) at (px, py) of the frame."""
    a, b, c, d = shape
    return a, b, c, d, px - a * ax - b * ay, py - c * ax - d * ay, share


def _turned(shape: tuple, turn: float, scale: float, mirrored: bool) -> tuple[float, float, float, float]:
    a, b, c, d = shape
    if mirrored:
        c, d = -c, -d
    u, v = scale * cosine(turn), scale * sine(turn)
    return u * a - v * c, u * b - v * d, v * a + u * c, v * b + u * d


def _rose(draws: Draws, base: Base, ax: float, ay: float, deep: bool) -> np.ndarray:
    """Copies turned around a point, each second one mirrored in half of the roses."""
    petals, mirror = draws.whole(3, 9), draws.chance(0.5)
    shape = _shape(draws, base, draws.uniform(1.6, 3.2) if deep else draws.uniform(0.8, 1.8))
    mx, my = 0.5 + draws.uniform(-0.2, 0.2), 0.5 + draws.uniform(-0.2, 0.2)
    rows = []
    for j in range(petals):
        rows.append(_root(_turned(shape, j / petals, 1.0, False), ax, ay, mx, my, 1.0))
        if mirror:
            rows.append(_root(_turned(shape, j / petals, 1.0, True), ax, ay, mx, my, 1.0))
    return np.array(rows)


def _spiral(draws: Draws, base: Base, ax: float, ay: float, deep: bool) -> np.ndarray:
    """Copies that shrink and turn towards a point by the same ratio and angle each."""
    ratio, step = draws.uniform(0.72, 0.9), draws.sign() * draws.uniform(0.06, 0.24)
    shape = _shape(draws, base, draws.uniform(1.4, 2.6) if deep else draws.uniform(0.9, 1.7))
    mx, my = 0.5 + draws.uniform(-0.25, 0.25), 0.5 + draws.uniform(-0.25, 0.25)
    reach, turn = draws.uniform(0.5, 0.9), draws.uniform()
    rows, scale = [], 1.0
    while scale > 0.04:
        px, py = mx + reach * scale * cosine(turn), my + reach * scale * sine(turn)
        rows.append(_root(_turned(shape, turn, scale, False), base.box[0], base.box[1], px, py, scale**1.3))
        scale, turn = scale * ratio, turn + step
    return np.array(rows)


def _lattice(draws: Draws, base: Base, deep: bool) -> np.ndarray:
    """A tilted square lattice of copies, quarter turns or mirrorings from one to the next."""
    cells = draws.whole(2, 3) if deep else draws.whole(2, 5)
    quarters, mirror, tilt = draws.whole(0, 3), draws.chance(0.5), draws.uniform()
    shape = _shape(draws, base, draws.uniform(1.1, 1.9) / cells)
    c, s = cosine(tilt), sine(tilt)
    rows = []
    for i in range(-cells, cells + 1):
        for j in range(-cells, cells + 1):
            px, py = 0.5 + (c * i - s * j) / cells, 0.5 + (s * i + c * j) / cells
            if -0.6 < px < 1.6 and -0.6 < py < 1.6:
                turned = _turned(shape, 0.25 * quarters * (i + 2 * j), 1.0, mirror and (i + j) % 2 != 0)
                rows.append(_root(turned, base.box[0], base.box[1], px, py, 1.0))
    return np.array(rows)
