"""PRIME's draws have the original's distribution."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from pixmix._common.philox import Key
from pixmix.methods._prime_draws import COLOUR, FIELD, FILTER, draw, field_temperatures
from pixmix.methods._prime_normals import fill_normals, normal_tensor
from pixmix.methods._settings import PrimeSettings

CIFAR, LARGE = (32, 32), (224, 224)
MANY = 6000


def test_weights_depths_and_primitives_have_the_originals_distribution() -> None:
    draws = draw(PrimeSettings(), CIFAR, Key(4), np.arange(MANY))
    np.testing.assert_allclose(draws.weights.sum(axis=1), 1, atol=1e-6)
    for w in range(3):
        assert stats.kstest(draws.weights[:, w].astype(float), stats.beta(1, 2).cdf).pvalue > 1e-3
    assert stats.kstest(draws.share.astype(float), stats.uniform.cdf).pvalue > 1e-3
    there = draws.op >= 0
    assert (there[..., :-1] >= there[..., 1:]).all()  # a chain has no gap
    assert stats.chisquare(np.bincount(there.sum(axis=2).ravel(), minlength=4)[1:]).pvalue > 1e-3
    for d in range(3):
        assert stats.chisquare(np.bincount(draws.op[..., d][there[..., d]])).pvalue > 1e-3


@pytest.mark.parametrize(("size", "colour", "frequencies"), [(CIFAR, 0.01, 100), (LARGE, 0.05, 500)])
def test_strengths_have_the_originals_distribution(size: tuple[int, int], colour: float, frequencies: int) -> None:
    draws = draw(PrimeSettings(), size, Key(5), np.arange(MANY))
    curves, fields = draws.op == COLOUR, draws.op == FIELD
    temperatures = draws.temperature[curves].astype(float)
    assert stats.kstest(temperatures, stats.uniform(0, colour).cdf).pvalue > 1e-3
    first, count = draws.first[curves], draws.number[curves]
    if size == CIFAR:
        assert set(first) == {1}
        assert stats.chisquare(np.bincount(count, minlength=101)[1:]).pvalue > 1e-3
    else:
        assert (count.min(), count.max(), (first + count - 1).max()) == (1, 20, 500)
        mean = np.mean([(1 + last) / 2 for last in range(1, 501)])
        assert abs(first.mean() - mean) < 5 * first.std() / np.sqrt(len(first))
    # The highest frequency of a field: an even one, and of that an arcsine law.
    even, law = np.arange(3, frequencies + 1), stats.beta(0.5, 0.5)
    cuts = draws.number[fields]
    assert (cuts.min(), cuts.max()) == (2, frequencies)
    for bound in (3, 6, 18, 42, 67, frequencies // 2):
        expected = law.cdf(np.minimum((bound - 1) / (even - 1), 1)).mean()  # floor(2 + B (even − 1)) ≤ bound
        assert abs((cuts <= bound).mean() - expected) < 5 * np.sqrt(0.25 / len(cuts)), bound
    low, high = np.array([field_temperatures(int(cut), size[0]) for cut in cuts]).T
    ranged = high > low * 1.001
    place = (draws.temperature[fields].astype(float) - low)[ranged] / (high - low)[ranged]
    assert stats.kstest(np.clip(place, 0, 1), law.cdf).pvalue > 1e-3
    np.testing.assert_allclose(draws.temperature[fields][~ranged], low[~ranged], rtol=2e-3)


def test_filters_are_a_strength_times_normal_numbers_and_the_image() -> None:
    draws = draw(PrimeSettings(sigma=2), CIFAR, Key(6), np.arange(MANY))
    taps = draws.taps[draws.op == FILTER].astype(float)
    taps[:, 1, 1] -= 1
    assert abs(taps.mean()) < 5 * taps.std() / np.sqrt(taps.size)
    assert np.sqrt((taps**2).mean()) == pytest.approx(np.sqrt(4 / 3), rel=0.03)  # σ² has the mean 2² / 3
    scaled = taps / np.sqrt((taps**2).sum(axis=(1, 2), keepdims=True))
    np.testing.assert_allclose(np.corrcoef(scaled.reshape(-1, 9).T), np.eye(9), atol=5 / np.sqrt(len(taps)))
    assert not draws.taps[draws.op != FILTER].any()


def test_batches_share_strengths_and_displacements_and_nothing_else() -> None:
    own = draw(PrimeSettings(), CIFAR, Key(1), np.arange(200))
    shared = draw(PrimeSettings(draws="batch"), CIFAR, Key(1), np.arange(200))
    for name in ("share", "weights", "op"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(own, name))
    assert len(np.unique(shared.field.reshape(-1, 2), axis=0)) == 1
    for d, op in itertools.product(range(3), range(3)):
        there = shared.op[:, :, d] == op
        one = shared.temperature[:, :, d][there], shared.number[:, :, d][there]
        assert all(len(np.unique(values)) == 1 for values in one), (d, op)
        if op != FILTER:
            assert len(np.unique(own.temperature[:, :, d][there])) > 50
    norms = shared.taps[:, :, 0][shared.op[:, :, 0] == FILTER]
    assert len(np.unique(norms[:, 0, 0])) == len(norms)


def test_normal_numbers_are_normal_and_the_same_on_a_device() -> None:
    made = np.empty((50, 403), np.float32)
    for n, row in enumerate(made):
        fill_normals(np.uint64(2**63 + 5), np.uint64(3), n, 7 * n, np.uint64(53), row)
    assert stats.kstest(made.ravel().astype(float), stats.norm.cdf).pvalue > 1e-3
    assert abs(np.corrcoef(made[:, :-1].ravel(), made[:, 1:].ravel())[0, 1]) < 5 / np.sqrt(made.size)
    numbers = torch.arange(50)
    other = normal_tensor(2**63 + 5, 3, numbers, 7 * numbers, 53, 101)
    np.testing.assert_allclose(other[:, :403], made, atol=2e-5)
