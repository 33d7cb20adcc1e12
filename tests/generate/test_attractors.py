"""Strange attractors: their formulas, and what is painted of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mixset.generate._drawing.rng import Draws
from mixset.generate._fractals import attractors
from mixset.generate._fractals.attractors import ATTRACTORS, Attractor
from mixset.generate._fractals.flames import POPULATION


def plain_step(kind: str, n: np.ndarray, x: float, y: float) -> tuple[float, float]:
    """The published formulas, in double precision."""
    a, b, c, d, e, f = n.tolist()
    if kind == "clifford":
        return math.sin(a * y) + c * math.cos(a * x), math.sin(b * x) + d * math.cos(b * y)
    if kind == "de jong":
        return math.sin(a * y) - math.cos(b * x), math.sin(c * x) - math.cos(d * y)
    if kind == "svensson":
        return d * math.sin(a * x) - math.sin(b * y), c * math.cos(a * x) + math.cos(b * y)
    if kind == "icon":
        z = complex(x, y)
        w = (a + b * abs(z) ** 2 + c * (z ** int(f)).real + e * 1j) * z + d * z.conjugate() ** (int(f) - 1)
        return w.real, w.imag

    def g(x: float) -> float:
        return a * x + 2 * (1 - a) * x * x / (1 + x * x)

    u = b * y + g(x)
    return u, g(u) - x + c


@pytest.mark.parametrize("kind", ATTRACTORS)
def test_steps_are_those_of_the_published_formulas(kind: str) -> None:
    random = np.random.default_rng(0)
    for seed in range(40):
        attractor = attractors.sample_attractor(Draws(seed, 0))
        if ATTRACTORS[attractor.kind] != kind:
            continue
        old = random.uniform(-0.9, 0.9, (2, 50)).astype(np.float32)
        new = np.empty_like(old)
        attractors.step(attractor.kind, attractor.numbers, old, new)
        expected = [plain_step(kind, attractor.numbers, float(x), float(y)) for x, y in old.T]
        np.testing.assert_allclose(new.T, expected, atol=1e-4, rtol=1e-4)


def test_points_that_fly_off_start_again() -> None:
    old = np.array([[50.0, np.nan, 0.5], [50.0, 0.0, np.inf]], np.float32)
    new = np.empty_like(old)
    attractors.step(ATTRACTORS.index("icon"), np.array([2, -2, 0, 0, 0, 3], np.float32), old, new)
    np.testing.assert_array_equal(new, np.float32([[0.1] * 3, [0.2] * 3]))


@pytest.mark.parametrize("tint", [0, 1, 2])
def test_every_point_is_painted_once(tint: int) -> None:
    attractor = Attractor(0, np.array([-1.4, 1.6, 1.0, 0.7, 0, 0], np.float32), tint)
    grid = np.zeros((66, 66), np.uint64)
    roots = np.array([[14.0, 0, 0, 14.0, 32.0, 32.0], [5.0, 0, 0, 5.0, 32.0, 32.0]])
    last = attractors.play_attractor(grid, attractor, roots, np.uint64(7), 40)
    counts = grid >> np.uint64(40)
    assert counts.sum() == 40 * POPULATION
    assert (counts > 0).sum() > 500 and counts[1:-1, 1:-1].sum() == counts.sum()
    mean = (grid & np.uint64((1 << 40) - 1)).sum() / counts.sum() / 65535
    assert 0.1 < mean < 0.9
    assert np.abs(last).max() <= 2 and last.std() > 0.3
    untouched = np.zeros((66, 66), np.uint64)
    attractors.play_attractor(untouched, attractor, roots, np.uint64(7), 0)
    assert not untouched.any()


def test_placed_attractors_fill_the_frame() -> None:
    grid = np.zeros((66, 66), np.uint64)
    shares, kinds = [], set()
    for seed in range(40):
        attractor, root = attractors.place_attractor(Draws(seed, 0), grid, np.uint64(seed), deep=False)
        grid[:] = 0
        attractors.play_attractor(grid, attractor, 64 * root[np.newaxis], np.uint64(seed), 60)
        shares.append((grid[1:-1, 1:-1] > 0).mean())
        kinds.add(ATTRACTORS[attractor.kind])
    assert np.quantile(shares, 0.1) > 0.15 and np.median(shares) > 0.3
    assert kinds == set(ATTRACTORS)
