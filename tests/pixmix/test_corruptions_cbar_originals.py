"""Each corruption of C-bar beside its original, written plainly, on the same random fields."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import original_cbar
import pytest

from pixmix.corruptions._cbar.suite import CBAR
from pixmix.corruptions._shared.base import Stream

EXACT = {"blue_noise_sample", "checkerboard_cutout", "lines", "transverse_chromatic_abberation"}
"""Those whose values are chosen or blended without sines between: no byte differs."""

SLOW = {"caustic_refraction", "pinch_and_twirl", "sparkles", "inverse_sparkles", "perlin_noise", "ripple"}


def indices_of(size: tuple[int, int], count: int | None = None) -> list[tuple[int, int]]:
    every = [(y, x) for y in range(size[0]) for x in range(size[1])]
    if count is None or count >= len(every):
        return every
    return [every[n] for n in np.random.default_rng(3).choice(len(every), count, replace=False)]


def both(
    name: str, image: np.ndarray, severity: int, places: list[tuple[int, int]], index: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    corruption, size = CBAR[name], image.shape[:2]
    parameters = corruption.parameters(severity, size)
    fields = corruption.draw(Stream(5, index, corruption=corruption.number, severity=severity), size, parameters)
    made = corruption.apply(image, parameters, fields)
    original = getattr(original_cbar, name)(image, parameters, fields, places)
    return np.array([made[place] for place in places]).astype(int), original.astype(int)


def check(name: str, made: np.ndarray, original: np.ndarray, *, differing: float = 1e-3) -> None:
    assert np.abs(made - original).max() <= (0 if name in EXACT else 1)
    assert (made != original).mean() <= differing


@pytest.mark.parametrize("name", CBAR)
@pytest.mark.parametrize("severity", [1, 5])
def test_equals_the_original_at_32(photographs: Callable[..., np.ndarray], name: str, severity: int) -> None:
    for index, image in enumerate(photographs(2, 32, 32, seed=severity)):
        check(name, *both(name, image, severity, indices_of((32, 32)), index))


@pytest.mark.parametrize("name", CBAR)
@pytest.mark.parametrize("size", [(33, 33), (20, 45), (45, 20), (27, 16), (66, 80)])
def test_equals_the_original_at_other_sizes(
    photographs: Callable[..., np.ndarray], name: str, size: tuple[int, int]
) -> None:
    count = 1500 if name in SLOW else None
    check(name, *both(name, photographs(1, *size)[0], 4, indices_of(size, count)))


@pytest.mark.parametrize("name", CBAR)
def test_equals_the_original_at_224(photographs: Callable[..., np.ndarray], name: str) -> None:
    check(name, *both(name, photographs(1, 224, 224)[0], 2, indices_of((224, 224), 400)))


@pytest.mark.parametrize("name", CBAR)
@pytest.mark.parametrize("value", [0, 255])
def test_equals_the_original_on_plain_images(name: str, value: int) -> None:
    """Where all is alike, a last bit decides between two bytes, so many may differ, but none by more than a step."""
    image = np.full((32, 32, 3), value, np.uint8)
    check(name, *both(name, image, 3, indices_of((32, 32))), differing=1)
