"""Elementary functions, keyed draws and the sampling of systems."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from mixset._common import elementary
from mixset.generate._drawing.rng import Draws, image_seed, next_word
from mixset.generate._fractals.systems import FLOOR, STEEPEST, sample_system, singular_values

seeds = st.integers(0, 2**64 - 1)


@given(st.floats(1e-19, 1e19))
@settings(max_examples=300, deadline=None)
def test_log2(x: float) -> None:
    assert abs(elementary.log2(x) - math.log2(x)) < 1e-12


@given(st.floats(-64, 64))
@settings(max_examples=300, deadline=None)
def test_exp2(x: float) -> None:
    assert elementary.exp2(x) == pytest.approx(2.0**x, rel=1e-13)


@given(st.floats(-(2.0**20), 2.0**20))
@settings(max_examples=300, deadline=None)
def test_sine_and_cosine(turns: float) -> None:
    whole = turns - round(turns)
    assert abs(elementary.sine(turns) - math.sin(2 * math.pi * whole)) < 1e-9
    assert abs(elementary.cosine(turns) - math.cos(2 * math.pi * whole)) < 1e-9


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
@settings(max_examples=300, deadline=None)
def test_angle(y: float, x: float) -> None:
    if abs(x) + abs(y) < 1e-290:
        return
    difference = elementary.angle(y, x) - math.atan2(y, x) / (2 * math.pi)
    assert abs(difference - round(difference)) < 1e-7


def test_angle_of_nothing_and_power_of_zero() -> None:
    assert elementary.angle(0.0, 0.0) == 0.0
    assert elementary.power(0.0, 0.4) == 0.0
    assert elementary.power(0.3, 1 / 2.4) == pytest.approx(0.3 ** (1 / 2.4), rel=1e-12)


@given(seeds, st.integers(0, 2**40))
@settings(deadline=None)
def test_image_seeds_are_64_bit_and_distinct(seed: int, index: int) -> None:
    first = image_seed(seed, index)
    assert 0 <= first < 2**64
    assert len({first, image_seed(seed, index + 1), image_seed(seed ^ 1, index)}) == 3


def test_draws_are_keyed_by_seed_and_attempt() -> None:
    def head(seed: int, attempt: int) -> list[int]:
        draws = Draws(seed, attempt)
        return [draws.word() for _ in range(200)]

    assert head(3, 0) == head(3, 0)
    streams = [head(3, 0), head(3, 1), head(4, 0), head(2**64 - 1, 0)]
    assert len({word for stream in streams for word in stream}) == 800


def test_draws_are_uniform() -> None:
    draws = Draws(1, 0)
    wholes = np.array([draws.whole(2, 5) for _ in range(8000)])
    assert set(wholes) == {2, 3, 4, 5}
    assert np.bincount(wholes)[2:].min() > 1850
    uniforms = np.array([draws.uniform(-1, 3) for _ in range(8000)])
    assert uniforms.min() >= -1 and uniforms.max() < 3 and abs(uniforms.mean() - 1) < 0.05
    heavy = sum(draws.weighted({"a": 3.0, "b": 1.0}) == "a" for _ in range(8000))
    assert abs(heavy / 8000 - 0.75) < 0.02
    firsts = [draws.shuffled(range(4))[0] for _ in range(4000)]
    assert np.bincount(firsts).min() > 880


def test_kernel_words_are_splitmix64() -> None:
    # The first three outputs for seed 1234567, as the reference implementation gives them.
    state = np.array([1234567], np.uint64)
    assert [int(next_word(state)) for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


@given(seeds, st.integers(1, 8), st.floats(0, 1))
@settings(deadline=None)
def test_singular_values_meet_their_factor_exactly(seed: int, count: int, share: float) -> None:
    factor = share * 3 * STEEPEST * count
    pairs = singular_values(Draws(seed, 0), count, factor)
    assert len(pairs) == count
    for first, second in pairs:
        assert -1e-12 <= second <= first + 1e-12 and first <= STEEPEST + 1e-12
    assert sum(first + 2 * second for first, second in pairs) == pytest.approx(factor, abs=1e-9)


@given(seeds, st.integers(2, 7))
@settings(deadline=None)
def test_systems_satisfy_their_sigma_law(seed: int, count: int) -> None:
    system = sample_system(Draws(seed, 0), count)
    values = np.linalg.svd(system.maps[:, :4].reshape(count, 2, 2), compute_uv=False)
    factor = (values[:, 0] + 2 * values[:, 1]).sum()
    assert (5 + count) / 2 - 1e-6 <= factor <= (6 + count) / 2 + 1e-6
    assert values.max() <= STEEPEST + 1e-6
    assert (np.abs(system.maps[:, 4:]) <= 1).all()
    assert system.weights.sum() == pytest.approx(1)
    assert system.weights.min() >= FLOOR / (1 + count * FLOOR)
    assert (system.colours >= 0).all() and (system.colours < 1).all()
    assert system.area == pytest.approx(values.prod(axis=1).sum(), abs=1e-6)


def test_determinants_take_both_signs_and_weights_follow_them() -> None:
    systems = [sample_system(Draws(seed, 0), 3) for seed in range(200)]
    determinants = np.array([[a * d - b * c for a, b, c, d, _, _ in system.maps] for system in systems])
    assert 0.4 < (determinants > 0).mean() < 0.6
    sizes, weights = np.abs(determinants), np.array([system.weights for system in systems])
    shares = sizes / sizes.sum(axis=1, keepdims=True)
    free = shares.min(axis=1) > FLOOR
    assert np.allclose(weights[free], shares[free])
