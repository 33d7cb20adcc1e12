"""Laws of C's corruptions: of their key, of sizes and extremes, of severities; and images that never change."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from pixmix.corruptions._c.frost import FILES, frost
from pixmix.corruptions._c.suite import EXTRA, C
from pixmix.corruptions._shared.base import Corruption

EVERY = C | EXTRA
GOLDEN = Path(__file__).parent / "corruptions_c.json"
"""At severity 3 and two sizes: SHA-256 where all is whole numbers and basic operations, else mean and deviation."""

EXACT = ["impulse_noise", "zoom_blur", "frost", "fog", "brightness", "contrast", "pixelate", "saturate"]
"""The others need exp, log or a JPEG library, whose last bits are not the same everywhere."""


@pytest.fixture(scope="module", name="corruptions")
def _corruptions(
    tmp_path_factory: pytest.TempPathFactory, photographs: Callable[..., np.ndarray]
) -> dict[str, Corruption]:
    """All nineteen; frost with photographs of ours."""
    folder = tmp_path_factory.mktemp("frost")
    for number, name in enumerate(FILES):
        image = Image.fromarray(photographs(1, 330 + 5 * number, 400 + 7 * number, seed=number)[0])
        image.save(folder / name, "PNG")  # also those called .jpg, so that no decoder matters
    return {**EVERY, "frost": frost(folder)}


def test_names_are_the_official_ones_in_the_benchmarks_order() -> None:
    assert " ".join(C) == (
        "gaussian_noise shot_noise impulse_noise defocus_blur glass_blur motion_blur zoom_blur snow frost fog "
        "brightness contrast elastic_transform pixelate jpeg_compression"
    )
    assert " ".join(EXTRA) == "gaussian_blur saturate spatter speckle_noise"
    assert [corruption.number for corruption in EVERY.values()] == list(range(19))
    assert all(corruption.name == name for name, corruption in EVERY.items())
    assert all(len(corruption.small) == len(corruption.large) == 5 for corruption in EVERY.values())


@pytest.mark.parametrize("name", EVERY)
def test_an_image_is_a_function_of_its_key_and_is_left_alone(
    name: str, corruptions: dict[str, Corruption], photographs: Callable[..., np.ndarray]
) -> None:
    image = photographs(1, 40, 36)[0]
    kept = image.copy()
    corruption = corruptions[name]
    made = corruption(image, severity=2, seed=5, index=9)
    np.testing.assert_array_equal(image, kept)
    assert made.dtype == np.uint8 and made.flags.writeable and not np.shares_memory(made, image)
    image.flags.writeable = False
    corruption(image, severity=4, seed=5, index=9)
    again = pickle.loads(pickle.dumps(corruption))(image, severity=2, seed=5, index=9)
    np.testing.assert_array_equal(again, made)
    np.testing.assert_array_equal(corruption(image[:, ::-1][:, ::-1], severity=2, seed=5, index=9), made)
    drawn = corruption.draw.__name__ != "draws_nothing"
    for change in ({"seed": 6}, {"index": 10}):
        other = corruption(image, **({"severity": 2, "seed": 5, "index": 9} | change))
        assert (other != made).any() == drawn


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_any_size_and_the_extremes_are_taken(data: st.DataObject, corruptions: dict[str, Corruption]) -> None:
    name = data.draw(st.sampled_from(list(EVERY)))
    size = data.draw(st.tuples(st.integers(8, 90), st.integers(8, 90)) | st.tuples(st.integers(8, 300), st.just(8)))
    severity, kind = data.draw(st.integers(1, 5)), data.draw(st.sampled_from(["black", "white", "noise"]))
    image = np.zeros((*size, 3), np.uint8)
    if kind != "black":
        image[:] = 255 if kind == "white" else np.random.default_rng(0).integers(0, 256, image.shape)
    with np.errstate(all="raise", under="ignore"):
        made = corruptions[name](image, severity=severity, seed=0, index=0)
    assert made.shape == image.shape and made.dtype == np.uint8


@pytest.mark.parametrize("size", [(300, 300), (300, 200), (8, 8), (65, 64)], ids=str)
@pytest.mark.parametrize("name", EVERY)
def test_sizes_at_the_ends_are_taken(
    name: str, size: tuple[int, int], corruptions: dict[str, Corruption], photographs: Callable[..., np.ndarray]
) -> None:
    image = photographs(1, *size)[0]
    assert corruptions[name](image, severity=5, seed=0, index=0).shape == image.shape


@pytest.mark.parametrize(
    ("grey", "names"),
    [
        (0, "shot_noise speckle_noise defocus gaussian_blur zoom glass motion fog contrast pixelate"),
        (255, "motion brightness pixelate"),
    ],
    ids=["black", "white"],
)
def test_black_stays_black_and_white_white_where_nothing_is_added(
    grey: int, names: str, corruptions: dict[str, Corruption]
) -> None:
    for size in (32, 96):
        image = np.full((size, size, 3), grey, np.uint8)
        for name in corruptions:
            if name.startswith(tuple(names.split())):
                made = corruptions[name](image, severity=3, seed=0, index=0)
                np.testing.assert_array_equal(made, image, err_msg=name)


GROWING = (
    *("gaussian_noise", "shot_noise", "impulse_noise", "speckle_noise", "defocus_blur", "gaussian_blur", "zoom_blur"),
    *("brightness", "contrast", "pixelate", "jpeg_compression"),
)


@pytest.mark.parametrize("size", [32, 96])
@pytest.mark.parametrize("name", GROWING)
def test_more_severe_is_farther_from_the_image(
    name: str, size: int, corruptions: dict[str, Corruption], photographs: Callable[..., np.ndarray]
) -> None:
    images = photographs(8, size, size, seed=3)
    distances = [
        np.mean(
            [
                np.abs(corruptions[name](image, severity=severity, seed=0, index=index).astype(int) - image).mean()
                for index, image in enumerate(images)
            ]
        )
        for severity in range(1, 6)
    ]
    assert all(less < more for less, more in pairwise(distances)), distances


def summary(
    name: str, size: int, corruptions: dict[str, Corruption], photographs: Callable[..., Any]
) -> str | list[float]:
    made = corruptions[name](photographs(1, size, size, seed=11)[0], severity=3, seed=2**40 + 1, index=77)
    if name in EXACT:
        return hashlib.sha256(made.tobytes()).hexdigest()
    return [round(float(made.mean()), 3), round(float(made.std()), 3)]


@pytest.mark.parametrize("name", EVERY)
def test_images_never_change(
    name: str, corruptions: dict[str, Corruption], photographs: Callable[..., np.ndarray]
) -> None:
    golden = json.loads(GOLDEN.read_text())[name]
    for size in (32, 224):
        got, expected = summary(name, size, corruptions, photographs), golden[str(size)]
        assert got == (expected if name in EXACT else pytest.approx(expected, abs=0.01)), size
