"""The density kernels: against a plain restatement, against a chaos game, and by their conservation laws."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mixset.generate._drawing.rng import Draws
from mixset.generate._fractals import flames, kernels, views
from mixset.generate._fractals.systems import System, sample_system

COLOUR_BITS = (1 << 40) - 1
MASK = (1 << 64) - 1


def a_system(seed: int, count: int = 3) -> System:
    return sample_system(Draws(seed, 0), count)


def sample(system: System, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    return kernels.base_sample(system.maps, system.weights, system.colours, np.uint64(seed), kernels.BASE)


def whole_root(box: np.ndarray, side: int, points: float, zoom: float = 0.9) -> np.ndarray:
    scale = zoom * side / 2 / max(box[2], box[3])
    return np.array([[scale, 0, 0, scale, side / 2 - scale * box[0], side / 2 - scale * box[1], points]])


def paint(system: System, side: int, roots: np.ndarray, seed: int = 7, base_seed: int = 1) -> tuple[np.ndarray, int]:
    grid = np.zeros((side + 2, side + 2), np.uint64)
    fields = (system.maps, system.weights, system.colours, *sample(system, base_seed))
    return grid, kernels.paint(grid, *fields, roots, np.uint64(seed))


def counts(grid: np.ndarray) -> np.ndarray:
    return (grid >> np.uint64(40)).astype(np.int64)


def tints(grid: np.ndarray) -> np.ndarray:
    return (grid & np.uint64(COLOUR_BITS)).astype(np.float64) / np.maximum(counts(grid), 1) / 65535


def chaos_game(system: System, root: np.ndarray, side: int, points: int) -> tuple[np.ndarray, np.ndarray]:
    """The textbook: one orbit, one random map a step; 256 orbits side by side in NumPy."""
    rng = np.random.default_rng(0)
    position, colour = np.zeros((256, 2)), np.full(256, 0.5)
    a, b, c, d, e, f = root[:6]
    grid, sums = np.zeros((side, side)), np.zeros((side, side))
    for step in range(-100, points // 256):
        i = rng.choice(len(system.maps), 256, p=system.weights)
        m = system.maps[i]
        position = np.stack(
            [
                m[:, 0] * position[:, 0] + m[:, 1] * position[:, 1] + m[:, 4],
                m[:, 2] * position[:, 0] + m[:, 3] * position[:, 1] + m[:, 5],
            ],
            axis=1,
        )
        colour = (colour + system.colours[i]) / 2
        if step >= 0:
            x = np.floor(a * position[:, 0] + b * position[:, 1] + e).astype(int)
            y = np.floor(c * position[:, 0] + d * position[:, 1] + f).astype(int)
            inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
            np.add.at(grid, (y[inside], x[inside]), 1)
            np.add.at(sums, (y[inside], x[inside]), colour[inside])
    return grid, sums


def splitmix(state: int) -> tuple[int, int]:
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def plain_paint(
    system: System, base: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], side: int, root: np.ndarray, seed: int
) -> np.ndarray:
    """The kernel restated point by point and by recursion; the last child first, as a stack gives it."""
    x, y, c, box = base
    grid = np.zeros((side + 2, side + 2), np.uint64)
    state, word = splitmix(seed)
    carry = (word >> 11) * 2.0**-53

    def visit(m: tuple[float, ...], mass: float, tint: float, left: float) -> None:
        nonlocal state, carry
        u, v = m[0] * box[0] + m[1] * box[1] + m[4], m[2] * box[0] + m[3] * box[1] + m[5]
        du = abs(m[0]) * box[2] + abs(m[1]) * box[3] + 1e-3
        dv = abs(m[2]) * box[2] + abs(m[3]) * box[3] + 1e-3
        if u + du < 0 or u - du >= side or v + dv < 0 or v - dv >= side:
            return
        if mass > 1024:
            for f, weight, colour in reversed(list(zip(system.maps, system.weights, system.colours, strict=True))):
                child = (
                    m[0] * f[0] + m[1] * f[2],
                    m[0] * f[1] + m[1] * f[3],
                    m[2] * f[0] + m[3] * f[2],
                    m[2] * f[1] + m[3] * f[3],
                    m[0] * f[4] + m[1] * f[5] + m[4],
                    m[2] * f[4] + m[3] * f[5] + m[5],
                )
                visit(child, mass * weight, tint + 0.5 * left * colour, 0.5 * left)
            return
        points = int(mass + carry)
        carry += mass - points
        if points == 0:
            return
        state, word = splitmix(state)
        start = (word >> 32) * (len(x) - points + 1) >> 32
        one = np.float32
        for j in range(start, start + points):
            px = one(m[0]) * x[j] + one(m[1]) * y[j] + one(m[4] + 1)
            py = one(m[2]) * x[j] + one(m[3]) * y[j] + one(m[5] + 1)
            px, py = min(max(px, one(0)), one(side + 1)), min(max(py, one(0)), one(side + 1))
            shade = one(tint * 65535) + one(left) * one(c[j])
            grid[int(py), int(px)] += np.uint64((1 << 40) + int(shade))

    visit(tuple(root[:6]), root[6], 0.0, 1.0)
    return grid


@pytest.mark.parametrize(("seed", "zoom"), [(1, 0.9), (2, 3.0)])
def test_paint_is_its_plain_restatement(seed: int, zoom: float) -> None:
    system = a_system(seed)
    base = sample(system)
    root = whole_root(base[3], 24, 6000.0, zoom)
    grid, _ = paint(system, 24, root)
    assert (grid == plain_paint(system, base, 24, root[0], 7)).all()


def test_mass_is_conserved() -> None:
    for seed in range(8):
        system = a_system(seed, 2 + seed % 4)
        root = whole_root(sample(system)[3], 64, 123_456.0)
        grid, painted = paint(system, 64, root)
        assert abs(painted - 123_456) <= 1
        assert counts(grid).sum() == painted
        assert (tints(grid) <= 1).all()


def test_copies_share_the_mass() -> None:
    system = a_system(3)
    root = whole_root(sample(system)[3], 64, 30_000.0, 0.4)
    twice = np.concatenate([root, root])
    twice[1, 4] += 10
    grid, painted = paint(system, 64, twice)
    assert abs(painted - 60_000) <= 1 and counts(grid).sum() == painted


@pytest.mark.parametrize("seed", [1, 4, 9])
def test_density_and_colour_are_those_of_a_chaos_game(seed: int) -> None:
    """On 16 × 16 cells, where both are nearly free of noise."""
    side, points = 16, 1_000_000
    system = a_system(seed)
    root = whole_root(sample(system)[3], side, points, 0.85)
    grid, _ = paint(system, side, root)
    truth, sums = chaos_game(system, root[0], side, points)
    ours = counts(grid)[1:-1, 1:-1]
    # 4 standard deviations of the chaos game's counts and half a percent: the base sample's own unevenness.
    assert (np.abs(ours - truth) < 4 * np.sqrt(truth + 25) + 0.03 * truth + 0.0005 * points).all()
    assert np.abs(ours - truth).sum() / truth.sum() < 0.02
    full = truth > 3000
    assert np.abs(tints(grid)[1:-1, 1:-1][full] - (sums / np.maximum(truth, 1))[full]).max() < 0.02


def test_error_falls_with_points() -> None:
    """Unbiased: sixteen times the points, less than half the error (a quarter, if errors were independent)."""
    side, system = 64, a_system(5)
    box = sample(system)[3]
    reference = sum(
        counts(paint(system, side, whole_root(box, side, 4e6), seed, base_seed=seed)[0]) for seed in range(20, 28)
    )
    reference = reference / reference.sum()

    def error(points: float) -> float:
        grid = counts(paint(system, side, whole_root(box, side, points), 99, base_seed=99)[0])
        return float(np.abs(grid / grid.sum() - reference).sum())

    assert error(800_000) < 0.5 * error(50_000)


def test_culling_keeps_what_is_in_the_frame() -> None:
    """A zoom into a corner of the whole view holds the same density as that part of the whole view."""
    system = a_system(2, 4)
    box = sample(system)[3]
    whole = whole_root(box, 64, 4e6)
    zoomed = whole.copy()
    zoomed[0, 4] -= 24
    zoomed[0, 5] -= 24
    large, _ = paint(system, 64, whole)
    small, painted = paint(system, 16, zoomed, seed=8)
    expected, ours = counts(large)[25:41, 25:41], counts(small)[1:-1, 1:-1]
    assert painted < 3.2e6, "words outside the frame must be dropped"
    assert np.abs(ours - expected).sum() / expected.sum() < 0.03
    assert abs(ours.sum() / expected.sum() - 1) < 0.01


def test_a_view_of_nothing_costs_and_paints_nothing() -> None:
    system = a_system(1)
    root = whole_root(sample(system)[3], 32, 1e9)
    root[0, 4] += 1e6
    grid, painted = paint(system, 32, root)
    assert painted == 0 and grid.max() == 0


def test_words_deeper_than_the_stack_lose_no_mass() -> None:
    """Two maps of shares 0.999 and 0.001: the expansion runs hundreds of words deep."""
    maps = np.array([[0.95, 0, 0, 0.95, 0.05, 0], [0.1, 0, 0, 0.1, 0, 0.5]])
    system = System(maps, np.array([0.999, 0.001]), np.array([0.1, 0.9]))
    grid, painted = paint(system, 32, whole_root(sample(system)[3], 32, 3e6, 0.4))
    assert abs(painted - 3_000_000) <= 1 and counts(grid).sum() == painted


def test_the_base_sample_is_the_measure_in_random_order() -> None:
    system = a_system(6)
    x, y, _, box = sample(system)
    root = whole_root(box, 8, 1.0)[0]
    truth, _ = chaos_game(system, root, 8, 500_000)
    indices = np.floor(root[2] * x + root[3] * y + root[5]) * 8 + np.floor(root[0] * x + root[1] * y + root[4])
    ours = np.bincount(indices.astype(int), minlength=64) / len(x)
    assert np.abs(ours - truth.ravel() / truth.sum()).sum() < 0.07
    halves = x[:2048].mean(), x[2048:].mean()
    assert abs(halves[0] - halves[1]) < 6 * x.std() / math.sqrt(2048)
    assert abs(np.corrcoef(x[:-1], x[1:])[0, 1]) < 0.08
    assert np.isclose(box[0] + box[2], x.max()) and np.isclose(box[1] - box[3], y.min())


def test_repeats_are_bit_equal_and_seeds_are_not() -> None:
    system = a_system(3)
    root = whole_root(sample(system)[3], 48, 50_000.0)
    first, second, other = (paint(system, 48, root, seed)[0] for seed in (7, 7, 8))
    assert (first == second).all() and (first != other).any()


FORMULAS = {
    "linear": lambda x, y, r, t: (x, y),
    "sinusoidal": lambda x, y, r, t: (math.sin(x), math.sin(y)),
    "spherical": lambda x, y, r, t: (x / r**2, y / r**2),
    "swirl": lambda x, y, r, t: (x * math.sin(r * r) - y * math.cos(r * r), x * math.cos(r * r) + y * math.sin(r * r)),
    "horseshoe": lambda x, y, r, t: ((x - y) * (x + y) / r, 2 * x * y / r),
    "polar": lambda x, y, r, t: (t / math.pi, r - 1),
    "disc": lambda x, y, r, t: (t / math.pi * math.sin(math.pi * r), t / math.pi * math.cos(math.pi * r)),
    "bubble": lambda x, y, r, t: (4 * x / (r * r + 4), 4 * y / (r * r + 4)),
    "eyefish": lambda x, y, r, t: (2 * x / (r + 1), 2 * y / (r + 1)),
    "hyperbolic": lambda x, y, r, t: (math.sin(t) / r, r * math.cos(t)),
    "diamond": lambda x, y, r, t: (math.sin(t) * math.cos(r), math.cos(t) * math.sin(r)),
    "bent": lambda x, y, r, t: (x if x >= 0 else 2 * x, y if y >= 0 else y / 2),
}
"""Draves and Reckase's definitions; their θ is the angle from the y axis."""


@pytest.mark.parametrize("name", FORMULAS)
def test_variations_are_their_formulas(name: str) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 300))
    u, v = x.copy(), y.copy()
    flames.vary(flames.VARIATIONS.index(name), u, v, 1.0, np.int64(0))
    for one in range(300):
        expected = FORMULAS[name](x[one], y[one], math.hypot(x[one], y[one]), math.atan2(x[one], y[one]))
        assert (u[one], v[one]) == pytest.approx(expected, abs=1e-6)


def test_julia_takes_both_square_roots() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=2000) + 1j * rng.normal(size=2000)
    u, v = z.real.copy(), z.imag.copy()
    flames.vary(flames.VARIATIONS.index("julia"), u, v, 1.0, np.int64(77))
    assert np.allclose((u + 1j * v) ** 2, z, atol=1e-9)
    assert 0.4 < (u > 0).mean() < 0.6


def test_a_flame_of_linear_maps_is_the_affine_system() -> None:
    """The population game and the expansion must agree where both apply: on maps without variations."""
    system = a_system(4)
    root = whole_root(sample(system)[3], 16, 2e6, 0.85)
    expected = counts(paint(system, 16, root)[0])
    grid = np.zeros((18, 18), np.uint64)
    plain = np.zeros(3, np.int64)
    fields = (system.maps, system.weights, system.colours, plain, np.ones(3))
    flames.play(grid, *fields, root[:, :6], np.uint64(5), 2_000_000 // flames.POPULATION)
    ours = counts(grid)
    assert ours.sum() == 2_000_000 // flames.POPULATION * flames.POPULATION
    assert np.abs(ours / ours.sum() - expected / expected.sum()).sum() < 0.02
    full = expected[1:-1, 1:-1] > 5000
    assert np.abs(tints(grid) - tints(paint(system, 16, root)[0]))[1:-1, 1:-1][full].max() < 0.02


def test_a_round_deals_every_point_once() -> None:
    """Maps that do nothing: after any number of rounds the population is the one it was, in another order."""
    maps = np.tile([1.0, 0, 0, 1, 0, 0], (3, 1))
    weights, colours = np.array([0.2, 0.3, 0.5]), np.zeros(3)
    old = np.random.default_rng(0).uniform(size=(3, flames.POPULATION))
    first, state = old[0].copy(), np.array([1], np.uint64)
    for _ in range(20):
        new = np.empty_like(old)
        flames._round(old, new, maps, weights, colours, np.zeros(3, np.int64), np.ones(3), state, 0.5)
        assert (new[0] != old[0]).mean() > 0.9
        assert (np.sort(new[0]) == np.sort(first)).all()
        old = new


@pytest.mark.parametrize("name", views.ARRANGEMENTS)
@pytest.mark.parametrize("deep", [False, True])
def test_views_put_the_asked_points_into_the_frame(name: str, deep: bool) -> None:
    for seed in range(4):
        draws = Draws(seed, 0)
        system = sample_system(draws, 3)
        base = views.Base.of(system, seed)
        view = views.sample_view(draws, system, base, name, deep=deep)
        assert view.roots[:, 6].sum() == pytest.approx(1)
        grid = np.zeros((66, 66), np.uint64)
        views.paint_view(grid, system, base, view.scaled(64, 50_000.0), 3)
        found = counts(grid)[1:-1, 1:-1].sum()
        assert found <= 60_000 and (found >= 40_000 or view.inside < 1 / 16)
        assert 0 < view.coverage <= 1


def test_deep_zooms_show_a_small_part() -> None:
    system = a_system(2)
    base = views.Base.of(system, 1)
    spans = []
    for seed in range(30):
        root = views.sample_view(Draws(seed, 0), system, base, "zoom", deep=True, tries=1).roots[0]
        spans.append(math.hypot(root[0], root[2]) * 2 * base.box[2])
        spans.append(math.hypot(root[1], root[3]) * 2 * base.box[3])
    assert 2.5 / 1.01 <= max(spans) <= 8.01 and min(spans) >= 0.8


def test_flames_stay_finite_and_repeat() -> None:
    for seed in range(30):
        flame = flames.sample_flame(Draws(seed, 0))
        grid = np.zeros((34, 34), np.uint64)
        root = np.array([[8.0, 0, 0, 8, 16, 16]])
        last = flames.play(grid, *flame.fields, root, np.uint64(seed), 20)
        assert np.isfinite(last).all() and counts(grid).sum() == 20 * flames.POPULATION
        again = np.zeros((34, 34), np.uint64)
        flames.play(again, *flame.fields, root, np.uint64(seed), 20)
        assert (grid == again).all()
