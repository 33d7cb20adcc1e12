"""The motion blur beside ImageMagick's own."""

from __future__ import annotations

import io
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

from pixmix.corruptions._c.motion import line_weights, motion_blur, motion_blur_16
from pixmix.corruptions._c.suite import C


def find_imagemagick() -> list[str] | None:
    """The command line of an ImageMagick of 16 bits without high dynamic range, or why there is none.

    Only the program itself counts: `convert` may also be a stand-in of that name.
    """
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        for name in ("magick", "convert"):
            program = Path(folder) / name
            if not program.exists():
                continue
            try:
                version = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stdout
            except OSError:
                continue
            if "ImageMagick" in version and "Q16" in version and "Q16-HDRI" not in version:
                return [str(program)]
    return None


IMAGEMAGICK = find_imagemagick()


def blurred_by_imagemagick(image: np.ndarray, radius: float, sigma: float, angle: float) -> np.ndarray:
    """(H, W, C) uint16."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    kind = "rgb:-" if image.ndim == 3 else "gray:-"
    options = ["-motion-blur", f"{radius}x{sigma}{angle:+.17g}", "-depth", "16", "-endian", "MSB"]
    done = subprocess.run(
        [*IMAGEMAGICK, "png:-", *options, kind], input=file.getvalue(), capture_output=True, check=True
    )
    return np.frombuffer(done.stdout, ">u2").reshape(image.shape)


@pytest.mark.skipif(IMAGEMAGICK is None, reason="no ImageMagick of 16 bits without HDRI is installed")
@pytest.mark.parametrize("size", [(32, 32), (224, 224), (30, 47), (9, 8)])
def test_motion_blur_is_imagemagicks_to_the_bit(size: int, photographs: Callable[..., np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    for number, (radius, sigma) in enumerate(C["motion_blur"].large if 224 in size else C["motion_blur"].small):
        image = photographs(1, *size, seed=number)[0]
        if number % 3 == 0:
            image = image[:, :, 0].copy()
        angle = rng.uniform(-135, 45)
        expected = blurred_by_imagemagick(image, radius, sigma, angle)
        np.testing.assert_array_equal(motion_blur_16(image, radius, sigma, angle), expected)


@settings(deadline=None)
@given(radius=st.floats(0.5, 25), sigma=st.floats(0.3, 30), angle=st.floats(-360, 360), grey=st.integers(0, 255))
def test_one_grey_stays_and_weights_sum_to_one(radius: float, sigma: float, angle: float, grey: int) -> None:
    assert line_weights(radius, sigma).sum() == pytest.approx(1, abs=1e-12)
    image = np.full((9, 12), grey, np.uint8)
    np.testing.assert_array_equal(motion_blur(image, radius, sigma, angle), image)


@pytest.mark.parametrize(
    ("angle", "right", "down"), [(0, 1, 0), (90, 0, 1), (180, -1, 0), (-90, 0, -1), (45, 1, 1), (-135, -1, -1)]
)
def test_a_pixel_is_blurred_of_those_on_its_line(angle: int, right: int, down: int) -> None:
    """A white dot is seen from where the line leads to it: on the side the angle points away from."""
    image = np.zeros((61, 61), np.uint8)
    image[30, 30] = 255
    rows, columns = np.nonzero(motion_blur(image, 10, 8, angle))
    assert len(rows) > 5
    assert set(np.sign(30 - columns[(rows != 30) | (columns != 30)])) == {right}
    assert set(np.sign(30 - rows[(rows != 30) | (columns != 30)])) == {down}


def test_16_bits_are_rounded_to_8() -> None:
    image = np.arange(250, dtype=np.uint8).reshape(10, 25)
    values = motion_blur_16(image, 5, 3, 20.0) / 257
    np.testing.assert_array_equal(motion_blur(image, 5, 3, 20.0), np.rint(values))
    assert (np.floor(values) != np.rint(values)).any()
