"""The polynomial power against float64."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from pixmix._engines.powers import power, power_of_zero


@njit
def powers(x: np.ndarray, a: float, zero: float, result: np.ndarray) -> None:
    for i in range(x.size):
        result[i] = power(x[i], a, zero)


@pytest.mark.parametrize("a", [1e-6, 0.1, 0.5, 0.749, 1.0, 1.3, 1.99, 2.0, -0.01, -0.5, -0.999, -1.0])
def test_power_is_within_7e_6_of_float64(a: float) -> None:
    x = np.concatenate(
        [np.geomspace(1e-37, 2, 200_001), np.linspace(0.4, 2, 200_001), [2.0, 1.0, 0.5, np.sqrt(0.5)]]
    ).astype(np.float32)
    got = np.empty_like(x)
    powers(x, np.float32(a), np.float32(0), got)
    expected = x.astype(np.float64) ** np.float64(np.float32(a))
    normal = expected > 1.2e-38
    assert np.abs(got[normal] / expected[normal] - 1).max() < 7e-6
    assert got[~normal].max(initial=0) < 1.3e-38


def test_power_of_zero() -> None:
    x, got = np.array([0.0, 1e-45], np.float32), np.empty(2, np.float32)
    powers(x, np.float32(0.5), np.float32(0), got)
    assert not got.any()
    assert power_of_zero(np.float32(0)) == 1 and power_of_zero(np.float32(1e-30)) == 0
