"""The perturbation sequences beside the original scripts restated, and the laws of all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import original_p
import pytest
from hypothesis import given, settings, strategies as st

from mixset._common.errors import InputError
from pixmix.corruptions._c.suite import EXTRA, C
from pixmix.corruptions._cbar.suite import CBAR
from pixmix.corruptions._p.suite import HARDER, P_CORRECTED, P_EXTRA, P
from pixmix.corruptions._shared.base import Stream

ALL = {**P, **P_EXTRA, **HARDER}
LEVELS = {
    "gaussian_noise": ((0.02, 0.04, 0.06), (0.03, 0.05, 0.08)),
    "shot_noise": ((700, 400, 200), (300, 120, 60)),
    "speckle_noise": ((0.05, 0.07, 0.1), (0.05, 0.1, 0.15)),
}
"""Of CIFAR-P and ImageNet-P, at the three difficulties."""
DIFFERING = {"zoom_blur": 0.01, "snow": 1e-3, "rotate": 0.01, "tilt": 0.02, "scale": 0.02, "shear": 0.02}
"""What part of a frame's bytes may be a step off, from the order of floating point operations; none of others."""
CLEAN = {
    **dict.fromkeys((name for name in ALL if "noise" in name), (0, 0)),
    **{"zoom_blur": (0, 0), "translate": (7, 20), "rotate": (15, 15), "shear": (15, 15), "scale": (15, 24)},
}
"""The frame that is the image itself, of CIFAR-P and of ImageNet-P."""


def image_of(photographs: Callable[..., Any], cifar: bool) -> np.ndarray:
    """As the scripts have it: 32 px, or a short side of 256, of which 224 are seen."""
    return photographs(1, 32, 32)[0] if cifar else photographs(1, 256, 301, seed=4)[0]


def test_names_are_the_papers_and_frames_the_scripts() -> None:
    assert list(P) == [
        *("gaussian_noise", "shot_noise", "motion_blur", "zoom_blur", "snow"),
        *("brightness", "translate", "rotate", "tilt", "scale"),
    ]
    assert list(P_EXTRA) == ["spatter", "shear", "speckle_noise", "gaussian_blur"]
    assert sorted(HARDER) == sorted(f"{name}_{level}" for name in LEVELS for level in (2, 3))
    assert {name: one.name for name, one in ALL.items()} == {name: name for name in ALL}
    frames = {name: (len(one.small), len(one.large)) for name, one in ALL.items()}
    assert frames == {name: (31, 31) for name in ALL} | {"translate": (16, 41), "motion_blur": (21, 31)}


def test_no_two_have_the_same_random_stream() -> None:
    every: list[Any] = [*C.values(), *EXTRA.values(), *CBAR.values(), *ALL.values()]
    numbers = [one.number for one in every]
    assert len(set(numbers)) == len(numbers)
    assert min(one.number for one in ALL.values()) == 64


@pytest.mark.parametrize("cifar", [True, False], ids=["CIFAR-P", "ImageNet-P"])
@pytest.mark.parametrize("name", ALL)
def test_frames_are_the_originals_within_a_step(photographs: Callable[..., np.ndarray], name: str, cifar: bool) -> None:
    image, size = image_of(photographs, cifar), 32 if cifar else 224
    one, index = ALL[name], 3
    parameters = one.small if cifar else one.large
    fields = one.draw(Stream(7, index, corruption=one.number, severity=0), size, parameters)
    frames = one(image, size=size, seed=7, index=index)
    assert frames.shape == (len(parameters), size, size, 3)
    plain, difficulty = (name[:-2], int(name[-1]) - 1) if name[-1].isdigit() else (name, 0)
    level = LEVELS[plain][0 if cifar else 1][difficulty] if plain in LEVELS else None
    for i in sorted({0, 1, len(frames) // 2, len(frames) - 1} if cifar else {0, 24, len(frames) - 1}):
        wanted = getattr(original_p, plain)(image, size, i, cifar, fields, level).astype(int)
        distance = np.abs(frames[i] - wanted)
        assert distance.max() <= 1, f"frame {i}: {distance.max()} in {(distance > 1).mean():.2%}"
        assert (distance > 0).mean() <= DIFFERING.get(name, 0), f"frame {i}"


@pytest.mark.parametrize("cifar", [True, False], ids=["CIFAR-P", "ImageNet-P"])
@pytest.mark.parametrize("name", CLEAN)
def test_one_frame_is_the_image_itself(photographs: Callable[..., np.ndarray], name: str, cifar: bool) -> None:
    image, size = image_of(photographs, cifar), 32 if cifar else 224
    frames = ALL[name](image, size=size, seed=0, index=0)
    clean = CLEAN[name][0 if cifar else 1]
    same = [number for number, frame in enumerate(frames) if (frame == original_p.crop(image, size)).all()]
    assert same == [clean]


@pytest.mark.parametrize("name", ALL)
def test_frames_are_a_function_of_seed_and_index_alone(photographs: Callable[..., np.ndarray], name: str) -> None:
    image = photographs(1, 36, 40, seed=2)[0]
    before, one = image.copy(), ALL[name]
    frames = one(image, size=32, seed=5, index=9)
    assert (image == before).all()
    assert (frames == one(image, size=32, seed=5, index=9)).all()
    drawn = bool(one.draw(Stream(0, 0, corruption=one.number, severity=0), 32, one.small))
    others = [one(image, size=32, seed=6, index=9), one(image, size=32, seed=5, index=10)]
    assert [bool((frames != other).any()) for other in others] == [drawn, drawn]


def test_noise_is_new_in_each_frame_and_grows_with_the_difficulty() -> None:
    grey = np.full((32, 32, 3), 128, np.uint8)
    for name in LEVELS:
        spreads = []
        for suffix in ("", "_2", "_3"):
            frames = ALL[name + suffix](grey, size=32, seed=1, index=0)[1:].astype(float)
            correlation = np.corrcoef(frames[0].ravel(), frames[1].ravel())[0, 1]
            assert abs(correlation) < 0.1
            spreads.append(frames.std())
        assert spreads[0] < spreads[1] < spreads[2]


@settings(deadline=None, max_examples=25)
@given(height=st.integers(20, 90), width=st.integers(20, 90), size=st.integers(8, 20), name=st.sampled_from([*P]))
def test_any_image_gives_frames_of_the_size(height: int, width: int, size: int, name: str) -> None:
    image = np.random.default_rng(height * width).integers(0, 256, (height, width, 3)).astype(np.uint8)
    frames = ALL[name](image, size=size, seed=0, index=0)
    assert frames.shape == (len(ALL[name].small), size, size, 3)
    assert frames.dtype == np.uint8
    if name in CLEAN:
        assert (frames[CLEAN[name][0]] == original_p.crop(image, size)).all()


def test_what_comes_into_view_is_the_rest_of_the_image() -> None:
    image = np.full((256, 320, 3), 200, np.uint8)
    for name in ("translate", "rotate", "zoom_blur"):  # a margin of 16 rows, and 48 columns
        frames = ALL[name](image, size=224, seed=0, index=0)
        assert (frames[len(frames) // 2 - 3 : len(frames) // 2 + 3] >= 199).all()
    assert (ALL["translate"](image, size=256, seed=0, index=0)[-1] > 0).all()
    assert (ALL["translate"](image[:, :256], size=256, seed=0, index=0)[-1][:, :20] == 0).all()


def test_spatter_has_the_originals_black_frames_and_its_corrected_form_has_none(
    photographs: Callable[..., np.ndarray],
) -> None:
    """Once the drops have run off, or where none has an edge, the original divides 0 by 0: 6.0 % of frames."""
    one, other = P_EXTRA["spatter"], P_CORRECTED["spatter_corrected"]
    assert (one.small[0].form, other.large[0].form, other.number) == ("reference", "corrected", one.number)
    black = []
    for index, image in enumerate(photographs(40, 32, 32)):
        frames, corrected = (form(image, size=32, seed=0, index=index) for form in (one, other))
        black.append(~frames.any((1, 2, 3)))
        assert (corrected[black[-1]] == image).all()
        assert (corrected[~black[-1]] == frames[~black[-1]]).all()
        fields = one.draw(Stream(0, index, corruption=one.number, severity=0), 32, one.small)
        for i in sorted({*np.flatnonzero(black[-1])[:2], 0, 30}):
            assert (frames[i] == original_p.spatter(image, 32, i, True, fields, None)).all()
    assert 0.02 < np.mean(black) < 0.15


def test_drops_run_down() -> None:
    image, one = np.zeros((32, 32, 3), np.uint8), ALL["spatter"]
    for index in range(20):
        frames = one(image, size=32, seed=0, index=index).astype(float).sum((2, 3))
        if frames[0].max() > 0 and frames[0].argmax() < 16:
            rows = np.arange(32)
            middles = [(frame * rows).sum() / frame.sum() for frame in (frames[0], frames[10])]
            assert middles[1] > middles[0] + 2
            return
    pytest.fail("no image with drops in its upper half")


def test_bad_images_are_named() -> None:
    with pytest.raises(InputError, match=r"rotate: an image \(H, W, 3\) uint8"):
        P["rotate"](np.zeros((32, 32), np.uint8), size=32, seed=0, index=0)
    with pytest.raises(InputError, match="tilt: frames of 40 px"):
        P["tilt"](np.zeros((32, 32, 3), np.uint8), size=40, seed=0, index=0)
