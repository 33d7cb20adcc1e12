"""Filters and edges of corruptions beside SciPy's and OpenCV's."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import ndimage

from pixmix.corruptions._shared.edges import canny, distances, equalize
from pixmix.corruptions._shared.filters import BORDERS, gaussian, indices, symmetric


@settings(deadline=None, max_examples=60)
@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    channels=st.sampled_from([(), (1,), (3,)]),
    sigma=st.floats(0.05, 12),
    border=st.sampled_from(BORDERS),
    truncate=st.sampled_from([3.0, 4.0]),
    seed=st.integers(0, 99),
)
def test_gaussians_are_scipys(
    size: tuple[int, int], channels: tuple[int, ...], sigma: float, border: str, truncate: float, seed: int
) -> None:
    values = np.random.default_rng(seed).random((*size, *channels))
    expected = ndimage.gaussian_filter(values, (sigma, sigma, 0)[: values.ndim], mode=border, truncate=truncate)
    if int(truncate * sigma + 0.5) <= min(size):
        np.testing.assert_array_equal(gaussian(values, sigma, border=border, truncate=truncate), expected)
    np.testing.assert_allclose(gaussian(values, sigma, border=border, truncate=truncate), expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.7])
def test_gaussians_of_float32_are_scipys(sigma: float) -> None:
    values = np.random.default_rng(0).random((31, 40)).astype(np.float32)
    made = gaussian(values, sigma)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, ndimage.gaussian_filter(values, sigma, mode="nearest"))


def test_a_gaussian_leaves_its_input_alone() -> None:
    values = np.random.default_rng(0).random((20, 20, 3))
    kept = values.copy()
    gaussian(values, 2.0)
    gaussian(values, 30.0)
    np.testing.assert_array_equal(values, kept)


@pytest.mark.parametrize(
    ("border", "mode"), [("nearest", "edge"), ("reflect", "symmetric"), ("mirror", "reflect")], ids=BORDERS
)
@pytest.mark.parametrize(("size", "margin"), [(1, 3), (2, 9), (5, 4), (5, 17), (30, 6)])
def test_borders_are_continued(border: str, mode: str, size: int, margin: int) -> None:
    np.testing.assert_array_equal(indices(size, margin, border), np.pad(np.arange(size), margin, mode=mode))


@pytest.mark.parametrize(("height", "width", "radius"), [(30, 41, 4), (12, 9, 8), (3, 40, 2), (20, 20, 0)])
def test_symmetric_kernels_filter_as_opencv(height: int, width: int, radius: int) -> None:
    rng = np.random.default_rng(1)
    values, quarter = rng.random((height, width, 3)), rng.random((radius + 1, radius + 1))
    quarter[-1, -1] = 0 if radius else 0.5
    lower = np.concatenate([quarter[:, :0:-1], quarter], axis=1)
    kernel = np.concatenate([lower[:0:-1], lower])
    expected = np.stack([cv2.filter2D(values[:, :, d].copy(), -1, kernel) for d in range(3)], axis=2)
    np.testing.assert_allclose(symmetric(values, quarter), expected, rtol=1e-12)


def drops(seed: int, size: tuple[int, int], sigma: float) -> np.ndarray:
    """Grey blobs on black as spatter has them, some of which touch the border."""
    layer = ndimage.gaussian_filter(0.65 + 0.3 * np.random.default_rng(seed).normal(size=size), sigma)
    return (np.where(layer < 0.68, 0, layer) * 255).astype(np.int64).astype(np.uint8)


@pytest.mark.parametrize("size", [(224, 224), (32, 32), (45, 70), (8, 8)])
@pytest.mark.parametrize("sigma", [0.7, 1, 3])
def test_edges_are_opencvs(size: tuple[int, int], sigma: float) -> None:
    rng = np.random.default_rng(5)
    images = [drops(seed, size, sigma) for seed in range(4)]
    images.append(rng.integers(0, 256, size, np.uint8))
    images.append((ndimage.gaussian_filter(rng.random(size), sigma) * 255).astype(np.uint8))
    found = 0
    for image in images:
        expected = cv2.Canny(image, 50, 150)
        np.testing.assert_array_equal(canny(image, 50, 150), expected > 0)
        found += int((expected > 0).sum())
        np.testing.assert_array_equal(equalize(image), cv2.equalizeHist(image))
    assert found


@pytest.mark.parametrize("share", [0, 0.001, 0.02, 0.5, 1])
def test_distances_are_opencvs(share: float) -> None:
    zeros = np.random.default_rng(2).random((90, 130)) < share
    mask, intel = np.where(zeros, 0, 255).astype(np.uint8), cv2.ipp.useIPP()
    np.testing.assert_allclose(
        distances(zeros, 20), np.minimum(cv2.distanceTransform(mask, cv2.DIST_L2, 5), 20), atol=1e-4
    )
    cv2.ipp.setUseIPP(False)  # Intel's library sums float32 lengths, OpenCV's own code whole multiples of 2**-16
    expected = np.minimum(cv2.distanceTransform(mask, cv2.DIST_L2, 5), 20)
    cv2.ipp.setUseIPP(intel)
    np.testing.assert_array_equal(distances(zeros, 20), expected)


def test_one_grey_stays_when_equalised() -> None:
    grey = np.full((9, 9), 77, np.uint8)
    np.testing.assert_array_equal(equalize(grey), cv2.equalizeHist(grey))
