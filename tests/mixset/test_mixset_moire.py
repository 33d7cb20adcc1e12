"""Moiré rings: the original's image, a plain form, and what has no rings."""

from __future__ import annotations

import numpy as np
import pytest

from mixset._common.moire import rings

ORIGINAL = [
    [132, 138, 130, 203, 239, 151, 112, 165],
    [237, 114, 21, 4, 75, 250, 76, 15],
    [166, 40, 84, 105, 112, 77, 219, 22],
    [52, 49, 213, 240, 42, 75, 127, 120],
    [133, 139, 136, 176, 37, 147, 141, 70],
    [189, 36, 129, 0, 118, 244, 156, 8],
    [180, 206, 149, 148, 255, 216, 129, 112],
    [3, 158, 76, 187, 155, 94, 167, 241],
]
"""Made by MoireMix's code, of frequency 3 about (2.5, 3.1) and 7 about (5, 1.2)."""


def test_rings_are_the_originals() -> None:
    made = rings(np.array([[2.5, 3.1], [5.0, 1.2]]), np.array([3.0, 7.0]), 8, 8)
    assert made.tolist() == ORIGINAL


@pytest.mark.parametrize("size", [(32, 32), (40, 24), (24, 41)])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_rings_are_those_of_the_formula(count: int, size: tuple[int, int]) -> None:
    random = np.random.default_rng(count)
    centres, frequencies = random.uniform(-3, 40, (count, 2)), random.uniform(1, 100, count)
    y, x = np.mgrid[: size[0], : size[1]]
    away = np.hypot(x - centres[:, 0, None, None], y - centres[:, 1, None, None])
    waves = np.sin(2 * np.pi / min(size) * frequencies[:, None, None] * away).mean(axis=0)
    expected = 255 * (waves - waves.min()) / (waves.max() - waves.min())
    made = rings(centres, frequencies, *size)
    assert made.dtype == np.uint8 and made.shape == size
    assert np.abs(made - expected).max() < 0.5 + 1e-4
    assert made.min() == 0 and made.max() == 255


def test_without_waves_it_is_black() -> None:
    assert not rings(np.array([[3.0, 4.0]]), np.zeros(1), 9, 12).any()
