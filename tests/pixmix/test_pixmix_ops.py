"""The compiled ops against Pillow's, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image
from pixmix_samples import extremes

from pixmix._augment.settings import OPS
from pixmix._engines.ops import augment
from pixmix._engines.pillow import OP_FUNCTIONS

SIZES = [(32, 32), (33, 47), (3, 5), (1, 1), (2, 9), (40, 2)]


def both(image: np.ndarray, name: str, level: float, sign: int) -> tuple[np.ndarray, np.ndarray]:
    planes = np.ascontiguousarray(image.transpose(2, 0, 1))
    result = np.full_like(planes, 77)
    # Of the types that draws have: for others it would be compiled once more.
    augment(planes, np.int8(OPS.index(name)), level, np.int8(sign), result)
    return result.transpose(1, 2, 0), np.asarray(OP_FUNCTIONS[name](Image.fromarray(image), level, sign))


def levels() -> list[float]:
    """Every step that a level is cut to lies between two of these."""
    return [0.1, *np.arange(0.05, 10, 0.35) + 0.1, 9.9999999]


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("size", SIZES)
def test_ops_equal_pillows_bit_for_bit(name: str, size: tuple[int, int]) -> None:
    for what, image in extremes(*size).items():
        for level in levels():
            for sign in (1, -1):
                ours, pillows = both(image, name, float(level), sign)
                np.testing.assert_array_equal(ours, pillows, f"{name} of {what} at {level}, {sign}")


@pytest.mark.parametrize("name", OPS)
def test_ops_equal_pillows_at_224_pixels(name: str) -> None:
    rng = np.random.default_rng(1)
    found = extremes(224, 224)
    for what in ("noise", "skewed", "grey"):
        for level in (0.3, 1.0, 2.9, *rng.uniform(0.1, 10, 2)):
            ours, pillows = both(found[what], name, float(level), 1 if level > 1 else -1)
            np.testing.assert_array_equal(ours, pillows, f"{name} of {what} at {level}")


@given(
    name=st.sampled_from(OPS),
    level=st.floats(0.1, 9.999999),
    sign=st.sampled_from([1, -1]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
    spread=st.integers(1, 256),
)
@settings(max_examples=400, deadline=None)
def test_ops_equal_pillows_anywhere(
    name: str, level: float, sign: int, height: int, width: int, seed: int, spread: int
) -> None:
    image = np.random.default_rng(seed).integers(0, spread, (height, width, 3)).astype(np.uint8)
    ours, pillows = both(image, name, level, sign)
    np.testing.assert_array_equal(ours, pillows)


def test_ops_have_the_strengths_of_the_paper() -> None:
    """The table of the paper's code at severity 3 and 32 pixels, seen in what happens to a ramp."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8).reshape(8, 32, 1), 3, axis=2)
    four = set((np.arange(256) & 0b11110000).tolist())
    three = set((np.arange(256) & 0b11100000).tolist())
    assert set(both(ramp, "posterize", 2.49, 1)[0].ravel().tolist()) == four
    assert set(both(ramp, "posterize", 2.5, 1)[0].ravel().tolist()) == three
    np.testing.assert_array_equal(both(ramp, "rotate", 0.32, 1)[0], ramp)  # 0.96 degrees are cut to 0
    solarized = both(ramp, "solarize", 3.0, 1)[0]  # from 256 - 76 on
    assert solarized[5, 19, 0] == 179 and solarized[5, 20, 0] == 75
    moved = both(ramp, "translate_x", 2.99, 1)[0]  # by 3.19 pixels, cut to 3, to the left
    np.testing.assert_array_equal(moved[:, :-3], ramp[:, 3:])
    assert not moved[:, -3:].any()
    wide = np.repeat(np.arange(240, dtype=np.uint8).reshape(4, 60, 1), 3, axis=2)
    assert not both(wide, "translate_x", 10.0 - 1e-9, -1)[0][:, :19].any()  # a third of the width
    assert not both(wide, "translate_y", 10.0 - 1e-9, -1)[0][:1].any()  # a third of the height
    assert both(wide, "translate_y", 10.0 - 1e-9, -1)[0][1:].any()
    assert both(ramp, "brightness", 3.0, 1)[0].max() == int(255 * 0.64)
