"""Dead leaves: every pixel is covered, by the first leaf that reaches it, and sizes follow their law."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mixset.generate._procedural import leaves, textures
from mixset.generate._procedural.deadleaves import draw

seeds = st.integers(0, 2**64 - 1)


def covered(
    side: int, turned: bool, mixed: bool, seed: int, small: float = 0.03, large: float = 0.3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    owner = np.empty((side, side), np.int32)
    return owner, *leaves.cover(owner, turned, mixed, small, large, np.uint64(seed))


def within(leaf: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Which points a leaf covers in its own frame, from angles and vertices instead of the kernel's products."""
    kind, p, q = int(leaf[5]), leaf[6], leaf[7]
    length, turn = np.hypot(u, v), np.arctan2(v, u)
    if kind == leaves.RECTANGLE:
        return (np.abs(u) <= p) & (np.abs(v) <= q)
    if kind == leaves.ELLIPSE:
        return np.hypot(u / p, v / q) <= 1
    if kind == leaves.POLYGON:
        # Distance along the nearest sides' normals; the star's points reach radius 1.
        sides = np.arange(p) * 2 * np.pi / p
        over = length[..., None] * np.cos(turn[..., None] - sides) > math.cos(math.pi * (q + 1) / p)
        return over.sum(-1) <= q
    if kind == leaves.FLOWER:
        return length <= 1 - q + q * np.cos(p * turn)
    return (length <= 1) & (np.hypot(u - p, v) >= q)


def mask_of(leaf: np.ndarray, side: int) -> np.ndarray:
    x, y, r, c, s = leaf[:5]
    indices = (np.arange(side) + 0.5) / side
    dx, dy = indices[None, :] - x, indices[:, None] - y
    return within(leaf, (c * dx + s * dy) / r, (c * dy - s * dx) / r)


@given(seeds, st.integers(33, 80), st.sampled_from([(False, False), (True, False), (True, True)]))
@settings(max_examples=12, deadline=None)
def test_front_to_back_is_back_to_front(seed: int, side: int, style: tuple[bool, bool]) -> None:
    """Painting the leaves back to front over one another, whole, gives the same image; no pixel is left."""
    owner, found, words = covered(side, *style, seed)
    assert owner.min() >= 0 and owner.max() == len(found) - 1 == len(words) - 1
    naive = np.full((side, side), -1)
    for index in range(len(found) - 1, -1, -1):
        naive[mask_of(found[index], side)] = index
    # Points within rounding of an edge may fall on either side of it.
    assert (naive != owner).mean() < 0.002


def test_upright_squares_are_exact() -> None:
    """No leaf is passed over: the sequence drawn again by the rules in plain Python gives every pixel its owner."""
    side, small, large, seed = 40, 0.05, 0.4, 77
    owner, found, _ = covered(side, False, False, seed, small, large)
    state = np.array([seed], np.uint64)
    uniform = _Uniform(state)
    naive, seen = np.full((side, side), -1), 0
    while (naive < 0).any():
        r = leaves.radius(state, small, large)
        x, y = ((1 + 2 * r) * uniform() - r for _ in range(2))
        uniform()
        indices = (np.arange(side) + 0.5) / side
        cover = (np.abs(indices[None, :] - x) <= r) & (np.abs(indices[:, None] - y) <= r) & (naive < 0)
        naive[cover] = seen
        seen += bool(cover.any())
    assert (naive == owner).all() and seen == len(found)
    assert (found[:, 3] == 1).all() and (found[:, 4:6] == 0).all()


class _Uniform:
    """SplitMix64's uniforms from a kernel's state, in plain Python."""

    def __init__(self, state: np.ndarray) -> None:
        self.state = state

    def __call__(self) -> float:
        mask = 2**64 - 1
        z = (int(self.state[0]) + 0x9E3779B97F4A7C15) & mask
        self.state[0] = z
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        return ((z ^ (z >> 31)) >> 11) * 2.0**-53


def test_sizes_follow_the_cubic_law() -> None:
    """Weighted by the area their centres lie in, radii have the density r⁻³ between the cut-offs."""
    small, large, state = 0.02, 0.5, np.array([3], np.uint64)
    radii = np.array([leaves.radius(state, small, large) for _ in range(60_000)])
    assert small <= radii.min() and radii.max() <= large * (1 + 1e-12)
    weights = 1 / (1 + 2 * radii) ** 2
    edges = np.geomspace(small, large, 9)
    counts, _ = np.histogram(radii, edges, weights=weights)
    density = counts / np.diff(edges)
    slope = np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), np.log(density), 1)[0]
    assert slope == pytest.approx(-3, abs=0.06)
    expected = edges[:-1] ** -2 - edges[1:] ** -2
    np.testing.assert_allclose(counts / counts.sum(), expected / expected.sum(), rtol=0.12)


def test_borders_are_hit_as_often_as_the_middle() -> None:
    """Stationarity: the mean size of the leaf seen is the same at the border and in the middle."""
    border, middle = [], []
    for seed in range(300):
        owner, found, _ = covered(32, False, False, seed, 0.05, 0.5)
        sizes = found[owner, 2]
        border += [sizes[0].mean(), sizes[:, 0].mean(), sizes[-1].mean(), sizes[:, -1].mean()]
        middle.append(sizes[12:20, 12:20].mean())
    assert np.mean(border) == pytest.approx(np.mean(middle), rel=0.06)


def test_all_shapes_come_and_lie_within_their_circle() -> None:
    kinds = set()
    for seed in range(20):
        for leaf in covered(64, True, True, seed)[1]:
            kinds.add((int(leaf[5]), int(leaf[6]) if leaf[5] == leaves.POLYGON else 0, leaf[7] in (1, 2)))
    assert {kind for kind, _, _ in kinds} == set(range(5))
    assert {sides for kind, sides, _ in kinds if kind == leaves.POLYGON} == {3, 4, 5, 6, 7, 8}
    normals = leaves._normals()
    for leaf in covered(64, True, True, 5)[1][:40]:
        for turn in np.linspace(0, 2 * np.pi, 50):
            assert not leaves.inside(leaf, normals, 1.01 * math.cos(turn), 1.01 * math.sin(turn))


def test_a_pentagram_is_a_pentagram() -> None:
    star = np.array([0, 0, 1, 1, 0, leaves.POLYGON, 5, 1], float)
    normals = leaves._normals()
    for point in range(5):
        tip, notch = 2 * math.pi * point / 5, 2 * math.pi * (point + 0.5) / 5
        # Notches lie at cos(72°) / cos(36°) of the tips' radius.
        for angle, radius, within in ((tip, 0.99, True), (notch, 0.38, True), (notch, 0.39, False)):
            assert leaves.inside(star, normals, radius * math.cos(angle), radius * math.sin(angle)) == within


def test_flat_leaves_are_flat_and_textured_ones_are_not() -> None:
    owner, found, words = covered(64, True, True, 9)
    colours = textures.natural_colours(np.array([0.1, 0.6]), 0.06, np.uint64(4))
    canvas = np.empty((3, 64, 64), np.float32)
    textures.fill_flat(owner, words, colours, canvas)
    for index in range(0, len(found), 7):
        inside = canvas[:, owner == index]
        assert (inside == colours[:, words[index] & np.uint64(255)][:, None]).all()
    noise = np.zeros((64, 64), np.float32)
    textures.fill_textured(owner, found, words, colours, noise, canvas)
    largest = np.bincount(owner.ravel()).argmax()
    assert canvas[:, owner == largest].std(axis=1).max() > 0.005
    assert np.isfinite(canvas).all() and canvas.min() >= 0


def test_natural_colours_are_mostly_dull() -> None:
    colours = textures.natural_colours(np.array([0.1, 0.6]), 0.05, np.uint64(4))
    spans = np.ptp(colours, axis=0)
    assert colours.min() >= 0 and colours.max() <= 1
    assert np.median(spans) < 0.35 < spans.max()
    assert np.ptp(colours.mean(axis=0)) > 0.7


@pytest.mark.parametrize("style", ["squares", "textured"])
def test_a_scene_is_the_same_at_every_size(style: str) -> None:
    small, _ = draw(style, (64, 64), 5, 0)
    large, _ = draw(style, (256, 256), 5, 0)
    shrunk = large.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), small.astype(float).ravel())[0, 1] > 0.85
