"""Plasma: noise that is Perlin's, tiles, is continuous, and whose octaves add up as told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mixset.generate._drawing.rng import Draws
from mixset.generate._procedural import noise, plasma

seeds = st.integers(0, 2**64 - 1)
KINDS = [noise.PLAIN, noise.BILLOWS, noise.RIDGES]


def one(side: int, cells: int, kind: int, seed: int) -> np.ndarray:
    return noise.octaves(side, cells, 1, 0.5, kind, np.uint64(seed))


def seam(field: np.ndarray) -> tuple[float, float]:
    """The largest step between neighbours inside a field, and across its borders."""
    inside = max(np.abs(np.diff(field, axis=axis)).max() for axis in (0, 1))
    return float(inside), float(max(np.abs(field[0] - field[-1]).max(), np.abs(field[:, 0] - field[:, -1]).max()))


def test_an_octave_is_perlins_noise() -> None:
    """Restated point by point: the blend of four gradients' products, eased by 6t⁵ - 15t⁴ + 10t³."""
    side, cells, seed = 48, 4, 11
    out = np.zeros((side, side), np.float32)
    noise._add_octave(out, cells, np.float32(1), noise.PLAIN, np.uint64(seed))
    state = np.array([seed], np.uint64)
    lattice = noise._lattice(cells, state).astype(float)
    np.testing.assert_allclose(np.hypot(*lattice), 1, atol=1e-6)
    assert (lattice[:, -1] == lattice[:, 0]).all() and (lattice[:, :, -1] == lattice[:, :, 0]).all()
    east, south = (noise.next_uniform(state) for _ in range(2))
    for y in range(0, side, 5):
        for x in range(0, side, 3):
            px, py = x * cells / side + east, y * cells / side + south
            i, j, u, v = int(px) % cells, int(py) % cells, px % 1, py % 1
            ease = [t**3 * (t * (6 * t - 15) + 10) for t in (u, v)]
            corners = [[lattice[:, j + b, i + a] @ (u - a, v - b) for a in (0, 1)] for b in (0, 1)]
            top, bottom = (row[0] + ease[0] * (row[1] - row[0]) for row in corners)
            assert out[y, x] == pytest.approx(2**0.5 * (top + ease[1] * (bottom - top)), abs=1e-5)


@given(seeds, st.integers(1, 5), st.integers(1, 5), st.floats(0.3, 0.9), st.sampled_from(KINDS))
@settings(max_examples=25, deadline=None)
def test_noise_tiles_and_stays_in_range(seed: int, cells: int, count: int, fall: float, kind: int) -> None:
    field = noise.octaves(128, cells, count, fall, kind, np.uint64(seed))
    assert np.isfinite(field).all() and np.abs(field).max() <= 1 + 1e-5
    inside, across = seam(field)
    assert across <= 1.5 * inside


@given(seeds, st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_noise_is_continuous(seed: int, cells: int) -> None:
    """Twice the pixels, half the steps between them."""
    coarse, fine = (seam(one(side, cells, noise.PLAIN, seed))[0] for side in (128, 256))
    assert fine < 0.6 * coarse
    np.testing.assert_allclose(
        one(256, cells, noise.PLAIN, seed)[::2, ::2], one(128, cells, noise.PLAIN, seed), atol=1e-4
    )


@pytest.mark.parametrize("kind", KINDS)
def test_octaves_add_up_by_the_law_of_their_fall(kind: int) -> None:
    """The sum of single octaves, each of twice the cells and `fall` times the amplitude, over the whole weight."""
    seed, fall = 5, 0.6
    state = np.array([seed], np.uint64)
    total = np.zeros((96, 96), np.float32)
    for octave in range(4):
        noise._add_octave(total, 3 << octave, np.float32(fall**octave), kind, np.uint64(noise.next_word(state)))
    found = noise.octaves(96, 3, 4, fall, kind, np.uint64(seed))
    np.testing.assert_allclose(found, total / sum(fall**k for k in range(4)), atol=1e-6)


def test_the_power_of_octaves_falls_as_told() -> None:
    """Each octave has fall² of the variance of the one before, at twice the frequency."""
    fall = 0.5
    fields = [
        noise.octaves(256, 2, k, fall, noise.PLAIN, np.uint64(s)) * sum(fall**i for i in range(k))
        for s in range(30)
        for k in (1, 2, 3, 4)
    ]
    singles = np.array(fields).reshape(30, 4, 256, 256)
    parts = [singles[:, 0], *(singles[:, k] - singles[:, k - 1] for k in (1, 2, 3))]
    variances = np.array([part.var() for part in parts])
    np.testing.assert_allclose(variances[1:] / variances[:-1], fall**2, rtol=0.25)


def test_octaves_too_fine_for_the_pixels_are_left_out() -> None:
    assert (one(32, 17, noise.PLAIN, 1) == 0).all()
    assert one(32, 16, noise.PLAIN, 1).std() > 0.1
    coarse, fine = noise.octaves(32, 8, 2, 0.5, noise.PLAIN, np.uint64(3)), one(32, 8, noise.PLAIN, 3)
    assert not np.allclose(coarse, fine)
    # The third octave has no pixels to show in, but keeps its weight: the others look the same at every side.
    three = noise.octaves(32, 8, 3, 0.5, noise.PLAIN, np.uint64(3))
    np.testing.assert_allclose(three * 1.75, coarse * 1.5, atol=1e-6)


def test_ridges_and_billows_are_folded_noise() -> None:
    plain = one(64, 3, noise.PLAIN, 2)
    np.testing.assert_allclose(one(64, 3, noise.BILLOWS, 2), 2 * np.abs(plain) - 1, atol=1e-6)
    np.testing.assert_allclose(one(64, 3, noise.RIDGES, 2), 2 * (1 - np.abs(plain)) ** 2 - 1, atol=1e-5)


@given(st.floats(-500, 500, width=32), st.floats(-500, 500, width=32))
@settings(deadline=None)
def test_sampling_is_bilinear_on_a_torus(x: float, y: float) -> None:
    field = np.random.default_rng(1).normal(size=(50, 50)).astype(np.float32)
    i, j = int(np.floor(x)), int(np.floor(y))
    u, v = x - i, y - j
    rows = [[field[(j + b) % 50, (i + a) % 50] for a in (0, 1)] for b in (0, 1)]
    expected = (1 - v) * ((1 - u) * rows[0][0] + u * rows[0][1]) + v * ((1 - u) * rows[1][0] + u * rows[1][1])
    assert noise.sample(field, np.float32(x), np.float32(y)) == pytest.approx(expected, abs=2e-3)


def test_warping_shifts_indices() -> None:
    field = one(64, 3, noise.PLAIN, 4)
    nothing, full = np.zeros_like(field), np.ones_like(field)
    assert (noise.warped(field, nothing, nothing, 0.7) == field).all()
    np.testing.assert_allclose(noise.warped(field, full, nothing, 0.25), np.roll(field, -16, axis=1), atol=1e-6)
    np.testing.assert_allclose(noise.warped(field, nothing, full, 0.25), np.roll(field, -16, axis=0), atol=1e-6)


@pytest.mark.parametrize("style", list(plasma._FIELDS))
def test_every_field_tiles(style: str) -> None:
    """Waves and warps keep the seam closed."""
    for seed in range(6):
        inside, across = seam(plasma._FIELDS[style](Draws(seed, 0), 128))
        assert across <= 1.6 * inside


def test_waves_are_waves() -> None:
    field = np.zeros((32, 32), np.float32)
    plasma._add_waves(field, 2, -1, 0.3)
    x, y = np.meshgrid(np.arange(32), np.arange(32))
    np.testing.assert_allclose(field, 0.3 * np.sin(2 * np.pi * (2 * x - y) / 32), atol=1e-6)


def test_layered_images_hold_two_or_three_fields() -> None:
    fields = [plasma.draw("layered", (32, 32), seed, 0)[1]["fields"] for seed in range(30)]
    assert {len(kinds) for kinds in fields} == {2, 3}
    assert {kind for kinds in fields for kind in kinds} == {"clouds", "marble", "ridges", "rough"}
    assert plasma.draw("ridges", (32, 32), 0, 0)[1]["fields"] == ["ridges"]


def test_a_composition_is_the_same_at_every_size() -> None:
    small, _ = plasma.draw("layered", (64, 64), 2, 0)
    large, _ = plasma.draw("layered", (256, 256), 2, 0)
    shrunk = large.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), small.astype(float).ravel())[0, 1] > 0.8
