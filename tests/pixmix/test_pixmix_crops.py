"""Keyed crops and flips: against plain NumPy, and against torchvision's distribution."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from PIL import Image
from torchvision.transforms import RandomResizedCrop

from mixset._common.errors import InputError
from pixmix._augment import crops
from pixmix._augment.crops import crop_and_flip, crop_and_flip_tensor, random_resized_crop
from pixmix._augment.resampling import resize_part
from pixmix._common import philox
from pixmix._common.philox import Key

KEY = Key(seed=3, epoch=1)


@pytest.mark.parametrize("shape", [(32, 32), (9, 14)])
@pytest.mark.parametrize("padding", [0, 1, 4, 20])
def test_crop_and_flip_is_padding_and_slicing(
    photographs: Callable[..., np.ndarray], shape: tuple[int, int], padding: int
) -> None:
    images = photographs(40, *shape)
    got = crop_and_flip(images, KEY, np.arange(40), padding=padding)
    mirrored, tops, lefts = philox.uniforms(3, 1, np.arange(40), philox.CROP, 3).T
    for n, image in enumerate(images):
        flipped = image[:, ::-1] if mirrored[n] < 0.5 else image
        padded = np.pad(flipped, ((padding, padding), (padding, padding), (0, 0)))
        top, left = int(tops[n] * (2 * padding + 1)), int(lefts[n] * (2 * padding + 1))
        np.testing.assert_array_equal(got[n], padded[top : top + shape[0], left : left + shape[1]])


def test_crops_depend_on_seed_epoch_and_index_alone(photographs: Callable[..., np.ndarray]) -> None:
    images = photographs(30, 32, 32)
    indices = np.arange(30) * 7
    together = crop_and_flip(images, KEY, indices)
    np.testing.assert_array_equal(crop_and_flip(images[::-1], KEY, indices[::-1]), together[::-1])
    assert not np.array_equal(crop_and_flip(images, Key(3, 2), indices), together)
    unflipped = crop_and_flip(images, KEY, indices, padding=0, flip=False)
    np.testing.assert_array_equal(unflipped, images)
    opened = [Image.fromarray(image) for image in images]
    np.testing.assert_array_equal(crop_and_flip(opened, KEY, indices), together)


@pytest.mark.parametrize("shape", [(32, 32), (9, 14), (1, 1)])
@pytest.mark.parametrize("padding", [0, 1, 4, 20])
@pytest.mark.parametrize("flip", [True, False])
def test_tensors_are_cropped_and_flipped_as_arrays_are(
    photographs: Callable[..., np.ndarray], shape: tuple[int, int], padding: int, flip: bool
) -> None:
    images, indices = photographs(40, *shape), np.arange(40) * 3
    options = {"padding": padding, "flip": flip, "stream": philox.OUTLIERS}
    got = crop_and_flip_tensor(torch.from_numpy(images), KEY, indices, **options)
    assert got.dtype == torch.uint8 and got.is_contiguous()
    np.testing.assert_array_equal(got.numpy(), crop_and_flip(images, KEY, indices, **options))
    turned = torch.from_numpy(np.asfortranarray(images))
    assert torch.equal(crop_and_flip_tensor(turned, KEY, indices, **options), got)
    assert crop_and_flip_tensor(turned[:0], KEY, indices[:0]).shape == (0, *shape, 3)


def test_every_offset_is_as_likely_as_another() -> None:
    marked = np.zeros((1, 9, 9, 3), np.uint8)
    marked[0, 4, 4] = 255
    found = crop_and_flip(np.repeat(marked, 20_000, axis=0), KEY, np.arange(20_000), padding=4)
    indices = found[..., 0].sum(axis=0) / 255 / 20_000
    assert np.abs(indices - 1 / 81).max() < 5 * np.sqrt(1 / 81 / 20_000)


def test_resized_crops_have_torchvisions_distribution() -> None:
    torch.manual_seed(0)
    for width, height in ((300, 200), (900, 40), (40, 900), (8, 8)):
        image = Image.new("RGB", (width, height))
        theirs = np.array(
            [RandomResizedCrop.get_params(image, (0.08, 1.0), (3 / 4, 4 / 3)) for _ in range(4000)]
        )  # top, left, height, width
        draws = philox.uniforms(1, 0, np.arange(4000), philox.CROP, 44)[:, 4:].reshape(-1, 10, 4)
        boxes = np.array([crops._choose_box(width, height, tries) for tries in draws])
        ours = np.stack([boxes[:, 1], boxes[:, 0], boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]], axis=1)
        spread = theirs.std(axis=0)
        assert (np.abs(ours.mean(axis=0) - theirs.mean(axis=0)) <= 6 * spread / np.sqrt(2000) + 1e-9).all()
        np.testing.assert_allclose(ours.std(axis=0), spread, rtol=0.08)
        np.testing.assert_allclose(
            np.quantile(ours, [0, 1], axis=0)[:, 2:], np.quantile(theirs, [0, 1], axis=0)[:, 2:], rtol=0.1, atol=2
        )


def resized(image: Image.Image, width: int, height: int) -> Image.Image:
    """Pillow's, the columns first and then the rows: its order for both depends on its release."""
    return image.resize((width, image.height), Image.Resampling.BILINEAR).resize(
        (width, height), Image.Resampling.BILINEAR
    )


def test_resized_crops_are_pillows(photographs: Callable[..., np.ndarray]) -> None:
    images = [Image.fromarray(photographs(1, 50 + 3 * n, 70)[0]) for n in range(12)]
    got = random_resized_crop(iter(images), KEY, np.arange(12), size=(24, 31))
    assert got.shape == (12, 24, 31, 3) and got.dtype == np.uint8
    np.testing.assert_array_equal(got, random_resized_crop(map(np.array, images), KEY, np.arange(12), size=(24, 31)))
    draws = philox.uniforms(3, 1, np.arange(12), philox.CROP, 44)
    for n, image in enumerate(images):
        box = crops._choose_box(*image.size, draws[n, 4:].reshape(10, 4))
        part = np.asarray(resized(image.crop(box), 31, 24))
        np.testing.assert_array_equal(got[n], part[:, ::-1] if draws[n, 0] < 0.5 else part)
    grey = [Image.new("L", (40, 40), 9), np.full((30, 30), 9, np.uint8)]
    assert (random_resized_crop(grey, KEY, np.arange(2), size=8) == 9).all()


@given(data=st.data(), seed=st.integers(0, 999), mirrored=st.booleans())
@settings(max_examples=150, deadline=None)
def test_parts_of_any_size_are_resized_as_pillow_does(data: st.DataObject, seed: int, mirrored: bool) -> None:
    sides = st.sampled_from([1, 2, 3, 31, 32, 33, 64, 100, 257])
    height, width, new_height, new_width = (data.draw(sides) for _ in range(4))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    right, bottom = data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height))
    rng = np.random.default_rng(seed)
    image = rng.choice(np.array([0, 255, rng.integers(256)], np.uint8), (height, width, 3))
    got = np.empty((new_height, new_width, 3), np.uint8)
    resize_part(image, (left, top, right, bottom), got, mirrored=mirrored)
    expected = np.asarray(resized(Image.fromarray(image).crop((left, top, right, bottom)), new_width, new_height))
    np.testing.assert_array_equal(got, expected[:, ::-1] if mirrored else expected)


@pytest.mark.parametrize(
    "call",
    [
        lambda images: crop_and_flip(images, KEY, np.arange(4), padding=-1),
        lambda images: crop_and_flip(images, KEY, np.arange(5)),
        lambda images: crop_and_flip_tensor(torch.from_numpy(images), KEY, np.arange(5)),
        lambda images: crop_and_flip_tensor(torch.from_numpy(images).float(), KEY, np.arange(4)),
        lambda images: crop_and_flip([images[0], images[1, :9]], KEY, np.arange(2)),
        lambda images: crop_and_flip(images.astype(np.float32), KEY, np.arange(4)),
        lambda images: random_resized_crop(["a.png"], KEY, np.arange(1), size=8),
    ],
)
def test_bad_input_is_one_line(photographs: Callable[..., np.ndarray], call: Callable[..., Any]) -> None:
    with pytest.raises(InputError) as error:
        call(photographs(4, 16, 16))
    assert "\n" not in str(error.value)
