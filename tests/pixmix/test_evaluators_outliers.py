"""The three synthetic out-of-distribution sets beside independent restatements."""

from __future__ import annotations

import numpy as np
import pytest

from pixmix._common import philox
from pixmix._evaluators import outliers


def fields(kind: int, count: int, size: tuple[int, int], seed: int) -> np.ndarray:
    draws = philox.uniforms(seed, kind, np.arange(count), philox.OUTLIERS, size[0] * size[1] * 3)
    return draws.reshape(count, *size, 3)


def blur_axis(array: np.ndarray, axis: int, sigma: float) -> np.ndarray:
    """A Gaussian of radius 4 sigma along one axis, the border value repeated outside."""
    radius = int(4 * sigma + 0.5)
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    count = array.shape[axis]
    result = np.zeros_like(array)
    for offset, weight in zip(range(-radius, radius + 1), kernel, strict=True):
        result += weight * array.take(np.clip(np.arange(count) + offset, 0, count - 1), axis=axis)
    return result


@pytest.mark.parametrize(("size", "sigma"), [((32, 32), 1.5), ((28, 36), 1.5), ((64, 64), 2.0)])
def test_blobs_equal_a_plain_blur_over_rows_columns_and_channels(size: tuple[int, int], sigma: float) -> None:
    made = outliers.blobs(np.arange(3), size, seed=5)
    for image, field in zip(made, fields(outliers.BLOBS, 3, size, 5), strict=True):
        blurred = (field < 0.7).astype(np.float64)
        for axis in range(3):
            blurred = blur_axis(blurred, axis, sigma)
        expected = np.where(blurred < 0.75, -1, 2 * blurred - 1).transpose(2, 0, 1)
        clear = np.abs(blurred - 0.75).transpose(2, 0, 1) > 1e-6  # rounding decides at the threshold itself
        np.testing.assert_allclose(image[clear], expected[clear], atol=2e-6)


def test_blobs_are_a_fifth_of_the_image_on_minus_one() -> None:
    made = outliers.blobs(np.arange(200), (32, 32), seed=0)
    blob = made > -1
    assert blob.mean() == pytest.approx(0.21, abs=0.01)
    assert made[blob].min() >= 0.5 - 1e-6
    assert made.max() <= 1


def test_gaussian_is_normal_of_half_and_clipped() -> None:
    made = outliers.gaussian(np.arange(200), (32, 32), seed=0).ravel()
    assert made.min() == -1
    assert made.max() == 1
    assert np.mean(np.abs(made) == 1) == pytest.approx(0.0455, abs=0.002)  # beyond two standard deviations
    assert np.mean(np.abs(made) < 0.5) == pytest.approx(0.6827, abs=0.003)
    assert made.mean() == pytest.approx(0, abs=0.003)


def test_rademacher_is_a_fair_coin() -> None:
    made = outliers.rademacher(np.arange(100), (32, 32), seed=0)
    assert set(np.unique(made)) == {-1.0, 1.0}
    assert made.mean() == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("name", outliers.SYNTHETIC)
def test_an_image_is_a_function_of_seed_and_index(name: str) -> None:
    make = outliers.SYNTHETIC[name]
    made = make(np.arange(10), (32, 24), seed=3)
    assert made.shape == (10, 3, 32, 24)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(make(np.array([7, 2]), (32, 24), seed=3), made[[7, 2]])
    assert not np.array_equal(make(np.arange(10), (32, 24), seed=4), made)
    assert len({image.tobytes() for image in made}) == 10


def test_the_sets_share_no_randomness() -> None:
    gaussian = outliers.gaussian(np.arange(20), (32, 32), seed=0)
    rademacher = outliers.rademacher(np.arange(20), (32, 32), seed=0)
    assert abs(np.corrcoef(gaussian.ravel(), rademacher.ravel())[0, 1]) < 0.02
