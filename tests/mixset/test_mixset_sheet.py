"""Contact sheets show each image as it is, with its caption below."""

from __future__ import annotations

import numpy as np
import pytest
from mixset_samples import noise
from PIL import Image

from mixset import InputError
from mixset._store.sheet import PAPER, sheet


def indices(page: Image.Image, image: np.ndarray) -> list[tuple[int, int]]:
    """Where in the page the image lies, as (top, left)."""
    view = np.lib.stride_tricks.sliding_window_view(np.asarray(page), image.shape)[:, :, 0]
    return [(int(index[0]), int(index[1])) for index in np.argwhere((view == image).all(axis=(2, 3, 4)))]


def test_images_lie_in_rows_in_order() -> None:
    images = noise(5, (20, 20))
    page = sheet(list(images), [f"image {index}" for index in range(5)], columns=3, tile=20)
    found = [indices(page, image) for image in images]
    assert all(len(one) == 1 for one in found)
    (tops, lefts) = zip(*(one[0] for one in found), strict=True)
    assert tops[0] == tops[1] == tops[2] < tops[3] == tops[4]
    assert lefts[0] < lefts[1] < lefts[2]
    assert lefts[3] == lefts[0]


def test_small_images_are_enlarged_by_whole_factors() -> None:
    image = noise(1, (8, 6))[0]
    page = sheet([image], tile=30)
    assert len(indices(page, image.repeat(3, 0).repeat(3, 1))) == 1


def test_captions_and_title_are_drawn_within_the_page() -> None:
    bare = sheet([np.zeros((40, 40, 3), np.uint8)], tile=40)
    told = sheet([np.zeros((40, 40, 3), np.uint8)], ["a caption of many words\nand a second line"], title="ä", tile=40)
    assert told.height > bare.height + 60
    small, large = (sheet([np.zeros((40, 40, 3), np.uint8)], ["a"], tile=40, letters=size) for size in (11, 31))
    assert large.height - small.height == pytest.approx(1.2 * 20, abs=6)
    edge = np.asarray(told)
    assert (edge[-1] == PAPER).all()
    assert (edge[:, -1] == PAPER).all()
    long = sheet([np.zeros((40, 40, 3), np.uint8)], ["x" * 60], tile=40)
    assert long.width == bare.width, "words that do not fit are broken"


def test_any_caption_can_be_drawn() -> None:
    odd = "\udcff \x1b[31m \x00 \u202e \U0001f600\nsecond"
    page = sheet([np.zeros((40, 40, 3), np.uint8)], [odd], title=odd, tile=200)
    assert page.height > 240


def test_sizes_may_differ_and_grey_is_accepted() -> None:
    page = sheet([np.zeros((300, 100, 3), np.uint8), np.zeros((10, 12), np.uint8)], tile=60)
    assert page.mode == "RGB"


def test_bad_input() -> None:
    with pytest.raises(InputError, match="at least one image"):
        sheet([])
    with pytest.raises(InputError, match="a contact sheet of 1 image of 100000 pixels is too large"):
        sheet([np.zeros((4, 4, 3), np.uint8)], tile=100_000)
    with pytest.raises(InputError, match="captions: 2 for 1"):
        sheet([np.zeros((4, 4, 3), np.uint8)], ["a", "b"])
