"""Cutout beside a plain restatement, and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mixset._common.errors import InputError
from pixmix._common import philox
from pixmix._common.philox import Key
from pixmix.methods._base import as_float
from pixmix.methods._cutout import Cutout, cutout_length

MEAN = (0.25, 0.5, 0.75)


def batch(count: int = 50, size: tuple[int, int] = (32, 32), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 60, (count, *size, 3), dtype=np.uint8)  # the mean is not in it


@pytest.mark.parametrize(("size", "length"), [((32, 32), 16), ((32, 32), 8), ((20, 48), 10), ((9, 7), 5)])
def test_equals_a_plain_mask(size: tuple[int, int], length: int) -> None:
    images = batch(size=size)
    indices = np.arange(50) * 3 + 1
    made = Cutout(length=length, mean=MEAN).augment_array(images, Key(7, 2), indices)
    draws = philox.uniforms(7, 2, indices, philox.CUTOUT, 2)
    for image, source, (u, v) in zip(made, images, draws, strict=True):
        row, column = int(u * size[0]), int(v * size[1])
        for y in range(size[0]):
            for x in range(size[1]):
                inside = -(length // 2) <= y - row < length // 2 and -(length // 2) <= x - column < length // 2
                expected = MEAN if inside else source[y, x].astype(np.float32) / np.float32(255)
                np.testing.assert_array_equal(image[:, y, x], np.float32(expected))


@pytest.mark.parametrize(("size", "length"), [((32, 32), 16), ((20, 48), 10), ((9, 7), 5), ((8, 8), 100)])
def test_tensors_are_cut_as_arrays_are(size: tuple[int, int], length: int) -> None:
    images, method, indices = batch(size=size), Cutout(length=length, mean=MEAN), np.arange(50)
    tensors = method.augment_tensor(torch.from_numpy(images), Key(7, 2), indices)
    assert tensors.dtype == torch.float32 and tensors.is_contiguous(memory_format=torch.channels_last)
    np.testing.assert_array_equal(tensors.numpy(), method.augment_array(images, Key(7, 2), indices))


def test_centres_are_uniform_over_all_pixels() -> None:
    images = np.zeros((20000, 8, 8, 3), np.uint8)
    made = Cutout(length=2, mean=(1, 1, 1)).augment_array(images, Key(0), np.arange(20000))
    # A hole of side 2 covers a pixel for the centres on it and one step down or right, cut off at the last row.
    ways = np.array([2, 2, 2, 2, 2, 2, 2, 1]) / 8
    np.testing.assert_allclose(made[:, 0].mean(0), np.outer(ways, ways), atol=0.006)


def test_is_a_function_of_seed_epoch_and_index() -> None:
    images, method, indices = batch(), Cutout(length=16, mean=MEAN), np.arange(50)
    made = method.augment_array(images, Key(1, 2), indices)
    order = np.random.default_rng(0).permutation(50)[:20]
    np.testing.assert_array_equal(method.augment_array(images[order], Key(1, 2), indices[order]), made[order])
    for other in (Key(1, 3), Key(2, 2)):
        assert not np.array_equal(method.augment_array(images, other, indices), made)


def test_input_is_left_alone() -> None:
    images = batch()
    before = images.copy()
    Cutout(length=16, mean=MEAN).augment_array(images, Key(0), np.arange(50))
    np.testing.assert_array_equal(images, before)


def test_length_is_the_papers() -> None:
    assert cutout_length(10, (32, 32)) == 16
    assert cutout_length(100, (32, 32)) == 8
    assert cutout_length(1000, (224, 224)) == 112
    assert cutout_length(100, (224, 192)) == 96
    with pytest.raises(InputError, match="length"):
        Cutout(length=1, mean=MEAN)


def test_as_float_is_to_tensor() -> None:
    images = np.arange(256, dtype=np.uint8).repeat(3).reshape(1, 16, 16, 3)
    made = as_float(images)
    assert made.flags.c_contiguous
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, torch.from_numpy(images).permute(0, 3, 1, 2).float().div(255).numpy())
