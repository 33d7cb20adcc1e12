"""Each corruption of C beside its original, given the same random fields."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import original_c
import pytest
from PIL import Image

from pixmix.corruptions._c.blur import disk
from pixmix.corruptions._c.frost import FILES, find_frost, frost
from pixmix.corruptions._c.suite import C_CORRECTED, EXTRA, C
from pixmix.corruptions._c.zoom import ZOOM_BLUR, clipped_zoom
from pixmix.corruptions._shared.base import Stream

EVERY = C | EXTRA
SIZES = [(32, 32), (224, 224), (41, 60), (150, 100)]
SLOW_ORIGINALS = ("shot_noise", "glass_blur", "zoom_blur", "elastic_transform")
"""Above 64 pixels only severities 1 and 5 of these are compared."""

DIFFERING = {"defocus_blur": 2e-5, "snow": 2.5e-4}
"""What part of the bytes may differ at all: OpenCV fuses products and sums, by the processor. None of others."""


@pytest.fixture(scope="module", name="frost_folder")
def _frost_folder(tmp_path_factory: pytest.TempPathFactory, photographs: Callable[..., np.ndarray]) -> Path:
    folder = tmp_path_factory.mktemp("frost")
    for number, name in enumerate(FILES):
        Image.fromarray(photographs(1, 330 + 5 * number, 400 + 7 * number, seed=number)[0]).save(folder / name)
    return folder


@pytest.fixture(scope="module", name="awkward")
def _awkward(photographs: Callable[..., np.ndarray]) -> Callable[..., Any]:
    """Images with one even area, and black and white at the borders."""

    def make(size: tuple[int, int], seed: int) -> np.ndarray:
        image = photographs(1, *size, seed=seed)[0]
        image[: size[0] // 4] = image[0, 0]
        image[-3:], image[:, -2:] = 255, 0
        return image

    return make


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", EVERY)
def test_corruptions_are_the_originals(
    name: str, size: tuple[int, int], awkward: Callable[..., Any], frost_folder: Path
) -> None:
    corruption = frost(frost_folder) if name == "frost" else EVERY[name]
    severities = (1, 5) if max(size) > 64 and name in SLOW_ORIGINALS else range(1, 6)
    differing = []
    for severity in severities:
        image = awkward(size, severity)
        parameters = corruption.parameters(severity, size)
        fields = corruption.draw(Stream(7, 3, corruption=corruption.number, severity=severity), size, parameters)
        made = corruption.apply(image, parameters, fields)
        more = (find_frost(frost_folder),) if name == "frost" else ()
        expected = getattr(original_c, name)(image, parameters, fields, *more)
        assert made.dtype == np.uint8 and made.shape == image.shape
        distance = np.abs(made.astype(int) - expected)
        assert distance.max() <= 1, severity
        differing.append((distance > 0).mean())
    assert max(differing) <= DIFFERING.get(name, 0)


def test_spatter_is_black_where_the_original_divides_by_zero(awkward: Callable[..., Any]) -> None:
    """Where no drop shines there is nothing to scale by, and NaN becomes 0; the corrected form leaves the image."""
    image, one, other = awkward((32, 32), 0), EXTRA["spatter"], C_CORRECTED["spatter_corrected"]
    assert [corruption.small[0][-1] for corruption in (one, other)] == ["reference", "corrected"]
    for severity in (1, 2, 3):
        parameters, corrected = (corruption.parameters(severity, (32, 32)) for corruption in (one, other))
        dry = {"liquid": np.full((32, 32), -3.0)}
        np.testing.assert_array_equal(one.apply(image, parameters, dry), 0)
        np.testing.assert_array_equal(original_c.spatter(image, parameters, dry), 0)
        np.testing.assert_array_equal(other.apply(image, corrected, dry), image)
        wet = one.draw(Stream(1, 0, corruption=one.number, severity=severity), (32, 32), parameters)
        np.testing.assert_array_equal(one.apply(image, parameters, wet), other.apply(image, corrected, wet))


def test_every_corruption_has_its_original() -> None:
    assert len(C) == 15 and len(EXTRA) == 4
    assert all(callable(getattr(original_c, name)) for name in EVERY)


@pytest.mark.parametrize("parameters", EVERY["defocus_blur"].small + EVERY["defocus_blur"].large, ids=str)
def test_disks_are_opencvs(parameters: tuple[float, float]) -> None:
    """Where they reach the border of their grid they sum to more than 1, so the image gets lighter."""
    expected = original_c.disk(*parameters)
    middle, quarter = len(expected) // 2, disk(*parameters)
    np.testing.assert_allclose(quarter, expected[middle:, middle:][: len(quarter), : len(quarter)], rtol=0, atol=4e-9)
    assert not expected[middle + len(quarter) :].any()
    total = 4 * quarter[1:, 1:].sum() + 2 * quarter[0, 1:].sum() + 2 * quarter[1:, 0].sum() + quarter[0, 0]
    excess = {(8, 0.5): 0.012975, (10, 0.5): 0.010786}.get(parameters, 0)
    assert total == pytest.approx(1 + excess, abs=1e-6)


@pytest.mark.parametrize("size", [(32, 32), (224, 224), (64, 40), (300, 224)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zooms_are_scipys(size: tuple[int, int], dtype: type[Any]) -> None:
    values = np.random.default_rng(0).random((*size, 1)).astype(dtype)
    enlarged = {1.25, 1.75, 2.25, 2.5, 3, 4.5} | {part for parts in ZOOM_BLUR.small + ZOOM_BLUR.large for part in parts}
    for factor in enlarged - ({3} if size[0] == 300 else set()):
        expected = original_c.clipped_zoom(values, factor)
        np.testing.assert_allclose(
            clipped_zoom(values, factor), expected, rtol=0, atol=1e-7 if dtype == np.float32 else 1e-15
        )


def test_zoom_blurs_have_the_factors_that_float_steps_give() -> None:
    assert [len(factors) for factors in ZOOM_BLUR.large] == [12, 16, 11, 13, 11]
    assert [len(factors) for factors in ZOOM_BLUR.small] == [7, 12, 16, 21, 26]
    assert max(ZOOM_BLUR.large[0]) == pytest.approx(1.11)


def test_glass_copies_and_does_not_swap() -> None:
    """Each value afterwards was there before, and some that were there are gone: a swap would lose none."""
    image = np.arange(32 * 32, dtype=np.uint32).reshape(32, 32)
    image = np.stack([image % 256, image // 256, image * 0], axis=2).astype(np.uint8)
    corruption = C["glass_blur"]
    made = corruption(image, severity=1, seed=0, index=0)  # sigma 0.05 blurs nothing
    before, after = ({tuple(pixel) for pixel in part.reshape(-1, 3).tolist()} for part in (image, made))
    assert after < before and len(after) < 0.9 * len(before)
    np.testing.assert_array_equal(made[:2], image[:2])  # where the walk ends
    np.testing.assert_array_equal(made[:, :2], image[:, :2])
